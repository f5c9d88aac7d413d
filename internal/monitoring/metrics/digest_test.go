package metrics

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatisticNames(t *testing.T) {
	f := func(text string, want float64) {
		t.Helper()
		d := &digest{}
		for v := range 10 {
			d.add(float64(v+1), 1)
		}
		s, err := ParseStatistic(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := s.of(d); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
	f("Sum", 55)
	f("Average", 5.5)
	f("SampleCount", 10)
	f("Minimum", 1)
	f("Maximum", 10)
	f("p50", 5)
	f("p90", 9)
	f("p99.9", 10)
	f("p0", 1)
	f("p100", 10)
	f("tm90", 5)
	f("TM(10%:90%)", 5.5)
	f("TM(2:5)", 4)
	f("tm(:3)", 2)
	f("tc90", 9)
	f("TC(3:)", 7)
	f("ts50", 15)
	f("TS(8:10)", 19)
	f("wm80", (36+8*2)/10.0)
	f("WM(20%:80%)", (2*2+3+4+5+6+7+8*3)/10.0)
	f("PR(:4)", 40)
	f("PR(2:4)", 20)
	f("IQM", 5.5)
	g := func(text string) {
		t.Helper()
		if _, err := ParseStatistic(text); !errors.Is(err, ErrStatistic) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "sum", "p", "p101", "p-1", "pp50", "TM", "TM()", "TM(:)", "TM(1:2", "PR(1%:2%)", "PR50", "p(1:2)", "tmNaN", "q50", "5"} {
		g(text)
	}
}

// TestSketchError: many distinct values are within the accuracy, whatever the
// order in which digests were merged.
func TestSketchError(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var values []float64
	parts := make([]digest, 8)
	for range 20_000 {
		v := math.Exp(rng.NormFloat64()*2) * []float64{1, 1, 1, -1}[rng.IntN(4)]
		values = append(values, v)
		parts[rng.IntN(len(parts))].add(v, 1)
	}
	slices.Sort(values)
	var all digest
	for i := range parts {
		all.merge(&parts[i])
	}
	for _, p := range []float64{1, 10, 50, 90, 99, 99.9} {
		want := values[int(math.Ceil(p/100*float64(len(values))-1e-6))-1]
		if got := all.percentile(p); math.Abs(got-want) > 2.01*accuracy*math.Abs(want) {
			t.Errorf("p%v is %v, want %v", p, got, want)
		}
	}
	if all.count != 20_000 || all.min != values[0] || all.max != values[len(values)-1] {
		t.Error(all.count, all.min, all.max)
	}
	var n float64
	for _, p := range all.pairs {
		n += p.count
	}
	if n != all.count {
		t.Errorf("bins hold %v of %v samples", n, all.count)
	}
}

func TestDigestIsBounded(t *testing.T) {
	var d digest
	for e := -300.0; e < 300; e += 0.01 {
		d.add(math.Pow(10, e), 1)
		d.add(-math.Pow(10, e), 2)
	}
	if len(d.pairs) > maxBins {
		t.Error(len(d.pairs), "bins")
	}
	if low, high := d.percentile(60), d.percentile(70); low >= 0 || high <= 0 {
		t.Error("two thirds are negative, p60 is", low, "and p70", high)
	}
}

func TestStatisticSetsHaveNoPercentiles(t *testing.T) {
	var d digest
	d.addSet(3, 6, 1, 3)
	d.add(2, 1)
	s, _ := ParseStatistic("p50")
	if v, ok := s.of(&d); ok {
		t.Error("p50 of an unknown distribution is", v)
	}
	s, _ = ParseStatistic("Average")
	if v, ok := s.of(&d); !ok || v != 2 {
		t.Error("average", v, ok)
	}
	var one digest
	one.addSet(4, 8, 2, 2)
	s, _ = ParseStatistic("p50")
	if v, ok := s.of(&one); !ok || v != 2 {
		t.Error("p50 of one value", v, ok)
	}
}

func FuzzDeltas(f *testing.F) {
	d := &Deltas{}
	p := d.Of(AppendKey(nil, scope, metric("m", "a", "b")))
	p.Add(60_000, 1, 1, false)
	p.Add(-1, 2.5, 3.5, true)
	p.AddSet(120_000, 3, 6, 1, 3, false)
	f.Add(d.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second [][]byte
		if readDeltas(b, func(key []byte, b *bucket) { first = append(first, b.append(slices.Clone(key))) }) != nil {
			return
		}
		var again []byte
		_ = readDeltas(b, func(key []byte, b *bucket) {
			again = append(again, deltasVersion)
			again = append(appendText(again[:1], string(key)), 1)
			again = b.append(again)
			if err := readDeltas(again, func(key []byte, b *bucket) { second = append(second, b.append(slices.Clone(key))) }); err != nil {
				t.Fatal(err)
			}
			again = again[:0]
		})
		if diff := cmp.Diff(first, second); diff != "" {
			t.Error(diff)
		}
		for _, key := range first {
			_, _, _ = parseKey(string(key)) // no panic
			_ = metricOf(string(key))
		}
	})
}

func TestKeys(t *testing.T) {
	m := metric("m", "a", "1", "b", "2")
	key := string(AppendKey(nil, scope, m))
	s, back, err := parseKey(key)
	if err != nil || s != scope {
		t.Fatal(s, err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Error(diff)
	}
	if got, want := metricOf(key), string(appendMetric(nil, scope, m)); got != want {
		t.Errorf("metric of key %q is %q, want %q", key, got, want)
	}
}
