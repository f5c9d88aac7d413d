package evaluation

import (
	"strconv"
	"strings"
	"time"
)

// Reason is why an alarm changed its state.
type Reason struct {
	Text   string
	Judged []Slot // those that the verdict stands on, the newest first; missing ones where they counted
}

// listed is how many datapoints a sentence names.
const listed = 5

// Explain words a verdict on slots in AWS's sentences. The verdict must not be
// one that keeps the state.
func Explain(r Rule, slots []Slot, v Verdict) Reason {
	judged := judge(r, slots)
	var named, missing []Slot
	for _, s := range judged {
		switch {
		case !s.Real:
			missing = append(missing, s)
		case r.Comparison.Breaches(s.Value, r.Threshold) == (v.State == Alarm):
			named = append(named, s)
		}
	}
	if v.State == InsufficientData {
		return Reason{"Insufficient Data: " + counted(len(missing), "datapoint") + were(len(missing)) + "unknown.", judged}
	}
	b := &strings.Builder{}
	b.WriteString("Threshold Crossed: ")
	switch {
	case len(missing) == len(judged):
		n := r.EvaluationPeriods
		b.WriteString("no datapoints were received for " + counted(n, "period") + " and ")
		r.appendMissing(b, n)
	default:
		r.appendDatapoints(b, named, v.State)
		if len(missing) > 0 && r.fills() {
			b.WriteString(" and ")
			r.appendMissing(b, len(missing))
		}
	}
	r.appendMinimum(b, v.State)
	b.WriteByte('.')
	return Reason{b.String(), judged}
}

// judge picks the newest N real slots, and the newest missing ones where there
// are fewer; the newest first.
func judge(r Rule, slots []Slot) []Slot {
	real := 0
	for _, s := range slots {
		if s.Real {
			real++
		}
	}
	gaps := max(0, r.EvaluationPeriods-real)
	judged := make([]Slot, 0, r.EvaluationPeriods)
	for i := len(slots) - 1; i >= 0 && len(judged) < r.EvaluationPeriods; i-- {
		switch {
		case slots[i].Real:
			judged = append(judged, slots[i])
		case gaps > 0:
			judged = append(judged, slots[i])
			gaps--
		}
	}
	return judged
}

func (r Rule) fills() bool {
	return r.TreatMissingData == Breaching || r.TreatMissingData == NotBreaching
}

func (r Rule) appendMissing(b *strings.Builder, n int) {
	treated := "NonBreaching"
	if r.TreatMissingData == Breaching {
		treated = "Breaching"
	}
	b.WriteString(counted(n, "missing datapoint") + were(n) + "treated as [" + treated + "]")
}

func (r Rule) appendDatapoints(b *strings.Builder, named []Slot, to State) {
	n := len(named)
	if r.DatapointsToAlarm > 0 {
		b.WriteString(strconv.Itoa(n) + " out of the last " + counted(r.EvaluationPeriods, "datapoint"))
		if r.EvaluationPeriods == 1 {
			b.WriteByte('s') // AWS does not count here
		}
	} else {
		b.WriteString(counted(n, "datapoint"))
	}
	if n <= listed {
		appendList(b, " [", named)
	}
	b.WriteString(were(n))
	if to == OK {
		b.WriteString("not ")
	}
	b.WriteString(wordsOf[r.Comparison] + " the threshold (" + Decimal(r.Threshold) + ")")
	if n > listed {
		appendList(b, ". The most recent datapoints: [", named[:listed])
	}
}

// wordsOf are the comparisons as sentences have them.
var wordsOf = map[Comparison]string{
	GreaterThanOrEqualTo: "greater than or equal to",
	GreaterThan:          "greater than",
	LessThan:             "less than",
	LessThanOrEqualTo:    "less than or equal to",
}

func appendList(b *strings.Builder, open string, slots []Slot) {
	b.WriteString(open)
	for i, s := range slots {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Decimal(s.Value) + " (" + s.At.UTC().Format("02/01/06 15:04:05") + ")")
	}
	b.WriteByte(']')
}

// appendMinimum says what it takes, for alarms that were given M of N.
func (r Rule) appendMinimum(b *strings.Builder, to State) {
	if r.DatapointsToAlarm == 0 {
		return
	}
	least, change := r.DatapointsToAlarm, "OK -> ALARM"
	if to == OK {
		least, change = r.EvaluationPeriods-r.DatapointsToAlarm+1, "ALARM -> OK"
	}
	b.WriteString(" (minimum " + counted(least, "datapoint") + " for " + change + " transition)")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func were(n int) string {
	if n == 1 {
		return " was "
	}
	return " were "
}

// Decimal writes a number as AWS's texts do: 21.0, 1.0E10.
func Decimal(f float64) string {
	form := byte('f')
	if f != 0 && (f >= 1e7 || f <= -1e7 || f < 1e-3 && f > -1e-3) {
		form = 'E'
	}
	mantissa, exponent, scientific := strings.Cut(strconv.FormatFloat(f, form, -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if !scientific {
		return mantissa
	}
	sign := ""
	if exponent[0] == '-' {
		sign = "-"
	}
	return mantissa + "E" + sign + strings.TrimLeft(exponent[1:], "0")
}

// Stamp writes an instant as AWS's JSON about alarms does.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }
