package evaluation

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 2, 26, 10, 13, 0, 0, time.UTC)

// row reads "0 X - X": 0 does not breach, X does, - is missing; the oldest first.
func row(text string) []Slot {
	marks := strings.Fields(text)
	slots := make([]Slot, len(marks))
	for i, mark := range marks {
		at := t0.Add(time.Duration(i-len(marks)+1) * time.Minute)
		switch mark {
		case "-":
			slots[i] = Slot{At: at}
		case "X":
			slots[i] = Slot{At: at, Real: true, Value: 5, Samples: 1}
		default:
			slots[i] = Slot{At: at, Real: true, Samples: 1}
		}
	}
	return slots
}

func rule(n, m int, t Treatment) Rule {
	return Rule{Comparison: GreaterThan, Threshold: 1, EvaluationPeriods: n, DatapointsToAlarm: m, TreatMissingData: t}
}

var letters = map[State]string{OK: "O", Alarm: "A", InsufficientData: "I", "": "K"}

// TestMissingDataTables is both of AWS's tables: every row under missing, ignore,
// breaching, notBreaching.
func TestMissingDataTables(t *testing.T) {
	f := func(m int, slots, want string) {
		t.Helper()
		var got []string
		for _, treatment := range []Treatment{Missing, Ignore, Breaching, NotBreaching} {
			got = append(got, letters[Evaluate(rule(3, m, treatment), row(slots)).State])
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%d of 3, %s: %s, want %s", m, slots, got, want)
		}
	}
	f(3, "0 - X - X", "O O O O")
	f(3, "0 - - - -", "O O O O")
	f(3, "- - - - -", "I K A O")
	f(3, "0 X X - X", "A A A A")
	f(3, "- - X - -", "A K A O")
	f(2, "0 - X - X", "A A A A")
	f(2, "0 0 X 0 X", "A A A A")
	f(2, "0 - X - -", "O O A O")
	f(2, "- - - - 0", "O O A O")
	f(2, "- - - X -", "A K A O")
}

// TestPremature is AWS's five examples of when missing data may not alarm yet.
func TestPremature(t *testing.T) {
	f := func(slots, want string) {
		t.Helper()
		if got := letters[Evaluate(rule(3, 3, Missing), row(slots)).State]; got != want {
			t.Errorf("%s: %s, want %s", slots, got, want)
		}
	}
	f("- - - - X", "K")
	f("- - - X -", "K")
	f("- - X - -", "A")
	f("- - - X 0", "O")
	f("- - X - 0", "O")
}

func TestComparisons(t *testing.T) {
	f := func(c Comparison, below, at, above bool) {
		t.Helper()
		for value, want := range map[float64]bool{1: below, 2: at, 3: above} {
			if got := c.Breaches(value, 2); got != want {
				t.Errorf("%s: %v breaches 2: %t", c, value, got)
			}
		}
	}
	f(GreaterThan, false, false, true)
	f(GreaterThanOrEqualTo, false, true, true)
	f(LessThan, true, false, false)
	f(LessThanOrEqualTo, true, true, false)
	f("LessThanLowerThreshold", false, false, false)
}

func TestRange(t *testing.T) {
	f := func(n, want int) {
		t.Helper()
		if got := Range(n); got != want {
			t.Errorf("range of %d: %d, want %d", n, got, want)
		}
	}
	f(1, 3)
	f(3, 5)
	f(9, 12)
}

func TestLowSamples(t *testing.T) {
	f := func(percentile, want float64) {
		t.Helper()
		if got := LowSamples(percentile); got != want {
			t.Errorf("p%v needs %v samples, want %v", 100*percentile, got, want)
		}
	}
	f(0.99, 1000)
	f(0.5, 20)
	f(0.1, 100)
	f(0.95, 200)

	r := rule(1, 0, Missing)
	few := []Slot{{Real: true, Value: 5, Samples: 999}}
	if got := Evaluate(r, few).State; got != Alarm {
		t.Errorf("few samples, judged all the same: %q", got)
	}
	r.LowSamples = 1000
	if got := Evaluate(r, few).State; got != "" {
		t.Errorf("too few samples: %q, want the state kept", got)
	}
	few[0].Samples = 1000
	if got := Evaluate(r, few).State; got != Alarm {
		t.Errorf("enough samples: %q", got)
	}
}

func TestExplain(t *testing.T) {
	f := func(r Rule, slots, want string) {
		t.Helper()
		s := row(slots)
		if got := Explain(r, s, Evaluate(r, s)); got.Text != want {
			t.Errorf("%s:\n%s\nwant\n%s", slots, got.Text, want)
		}
	}
	// AWS's own, recorded.
	f(Rule{Comparison: GreaterThan, Threshold: 2, EvaluationPeriods: 2, TreatMissingData: Breaching}, "- - - -",
		"Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].")
	f(Rule{Comparison: GreaterThan, Threshold: 1, EvaluationPeriods: 1, TreatMissingData: Ignore}, "- - X",
		"Threshold Crossed: 1 datapoint [5.0 (26/02/26 10:13:00)] was greater than the threshold (1.0).")
	// Those that follow their pattern.
	f(rule(1, 0, Missing), "- - 0", "Threshold Crossed: 1 datapoint [0.0 (26/02/26 10:13:00)] was not greater than the threshold (1.0).")
	f(rule(1, 0, NotBreaching), "- - -", "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].")
	f(rule(2, 0, Missing), "- - - -", "Insufficient Data: 2 datapoints were unknown.")
	f(rule(1, 0, Missing), "- - -", "Insufficient Data: 1 datapoint was unknown.")
	f(rule(2, 0, Missing), "0 0 X X", "Threshold Crossed: 2 datapoints [5.0 (26/02/26 10:13:00), 5.0 (26/02/26 10:12:00)] were greater than the threshold (1.0).")
	f(rule(3, 2, Missing), "0 0 X 0 X", "Threshold Crossed: 2 out of the last 3 datapoints [5.0 (26/02/26 10:13:00), 5.0 (26/02/26 10:11:00)] were greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).")
	f(rule(1, 1, Missing), "0 0 X", "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (26/02/26 10:13:00)] was greater than the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).")
	f(rule(3, 3, Missing), "0 0 X X 0", "Threshold Crossed: 1 out of the last 3 datapoints [0.0 (26/02/26 10:13:00)] was not greater than the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).")
	f(rule(2, 0, Breaching), "- - - X", "Threshold Crossed: 1 datapoint [5.0 (26/02/26 10:13:00)] was greater than the threshold (1.0) and 1 missing datapoint was treated as [Breaching].")
	f(rule(6, 0, Missing), "X X X X X X", "Threshold Crossed: 6 datapoints were greater than the threshold (1.0). The most recent datapoints: [5.0 (26/02/26 10:13:00), 5.0 (26/02/26 10:12:00), 5.0 (26/02/26 10:11:00), 5.0 (26/02/26 10:10:00), 5.0 (26/02/26 10:09:00)].")
}

// TestExplainAnything: whatever is decided has words, and they stand on N slots.
func TestExplainAnything(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	marks := []string{"-", "0", "X"}
	for range 20_000 {
		n := 1 + rng.IntN(7)
		r := rule(n, rng.IntN(n+1), []Treatment{Missing, Ignore, Breaching, NotBreaching}[rng.IntN(4)])
		var text []string
		for range Range(n) {
			text = append(text, marks[rng.IntN(3)])
		}
		slots := row(strings.Join(text, " "))
		v := Evaluate(r, slots)
		if v.State == "" {
			continue
		}
		why := Explain(r, slots, v)
		if len(why.Judged) != n || !strings.HasSuffix(why.Text, ".") || strings.Contains(why.Text, "[]") && v.State == Alarm && r.TreatMissingData != Breaching {
			t.Fatalf("%v on %v: %s: %d judged: %s", r, text, v.State, len(why.Judged), why.Text)
		}
	}
}

func TestDecimal(t *testing.T) {
	f := func(value float64, want string) {
		t.Helper()
		if got := Decimal(value); got != want {
			t.Errorf("%v is %s, want %s", value, got, want)
		}
	}
	f(21, "21.0")
	f(21.5, "21.5")
	f(0, "0.0")
	f(1e10, "1.0E10")
	f(-2.5e-7, "-2.5E-7")
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r, slots := rule(3, 2, Missing), row("0 - X - X")
	if n := testing.AllocsPerRun(100, func() { Evaluate(r, slots) }); n > 0 {
		t.Errorf("%v allocations an evaluation", n)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	r, slots := rule(3, 2, Missing), row("0 - X - X")
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(r, slots)
	}
}
