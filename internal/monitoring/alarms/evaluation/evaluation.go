package evaluation

import (
	"math"
	"time"
)

// State is an alarm's.
type State string

// The states.
const (
	OK               State = "OK"
	Alarm            State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// Treatment is what missing data means to an alarm.
type Treatment string

// The treatments; "" is Missing.
const (
	Missing      Treatment = "missing"
	Ignore       Treatment = "ignore"
	Breaching    Treatment = "breaching"
	NotBreaching Treatment = "notBreaching"
)

// Comparison is how a value is held against the threshold.
type Comparison string

// The comparisons with a fixed threshold.
const (
	GreaterThanOrEqualTo Comparison = "GreaterThanOrEqualToThreshold"
	GreaterThan          Comparison = "GreaterThanThreshold"
	LessThan             Comparison = "LessThanThreshold"
	LessThanOrEqualTo    Comparison = "LessThanOrEqualToThreshold"
)

// Breaches reports whether a value is on the wrong side.
func (c Comparison) Breaches(value, threshold float64) bool {
	switch c {
	case GreaterThanOrEqualTo:
		return value >= threshold
	case GreaterThan:
		return value > threshold
	case LessThan:
		return value < threshold
	case LessThanOrEqualTo:
		return value <= threshold
	}
	return false
}

// Rule is the part of an alarm's definition that decides.
type Rule struct {
	Comparison        Comparison
	Threshold         float64
	EvaluationPeriods int // N, at least 1
	DatapointsToAlarm int // M of N; 0 is N
	TreatMissingData  Treatment
	LowSamples        float64 // fewer samples in a judged slot keep the state; 0: any number will do
}

func (r Rule) datapointsToAlarm() int {
	if r.DatapointsToAlarm == 0 {
		return r.EvaluationPeriods
	}
	return r.DatapointsToAlarm
}

// Slot is one period of a metric.
type Slot struct {
	At      time.Time // its begin
	Real    bool      // whether there is a value
	Value   float64
	Samples float64
}

// Range is the number of slots to look at for N evaluation periods.
func Range(n int) int { return n + max(2, n/3) }

// LowSamples is how many samples a percentile, as 0.99, needs for AWS to call it
// significant.
func LowSamples(percentile float64) float64 {
	least := 10 / percentile
	if percentile >= 0.5 {
		least = 10 / (1 - percentile)
	}
	return math.Ceil(least - 1e-6) // 10/(1-0.99) is a hair over 1,000
}

// Verdict is the outcome of an evaluation.
type Verdict struct {
	State State // "" keeps the state that the alarm is in
}

var keep = Verdict{}

func alarmIf(breaching bool) Verdict {
	if breaching {
		return Verdict{Alarm}
	}
	return Verdict{OK}
}

// Evaluate judges slots, the oldest first.
//
// hot: BenchmarkEvaluate
func Evaluate(r Rule, slots []Slot) Verdict {
	n, m := r.EvaluationPeriods, r.datapointsToAlarm()
	judged, breaching, oldestBreach := 0, 0, 0
	for age := 1; age <= len(slots) && judged < n; age++ {
		s := &slots[len(slots)-age]
		if !s.Real {
			continue
		}
		if s.Samples < r.LowSamples {
			return keep
		}
		judged++
		if r.Comparison.Breaches(s.Value, r.Threshold) {
			breaching++
			oldestBreach = age
		}
	}
	if judged == 0 {
		return silent(r.TreatMissingData)
	}
	filled := n - judged
	switch {
	case filled == 0, r.TreatMissingData == NotBreaching:
		return alarmIf(breaching >= m)
	case r.TreatMissingData == Breaching:
		return alarmIf(breaching+filled >= m)
	case breaching >= m:
		return Verdict{Alarm}
	case breaching < judged:
		return Verdict{OK}
	case r.TreatMissingData != Ignore && oldestBreach >= m:
		return Verdict{Alarm}
	}
	return keep
}

// silent is the verdict on a metric without any value.
func silent(t Treatment) Verdict {
	switch t {
	case Breaching:
		return Verdict{Alarm}
	case NotBreaching:
		return Verdict{OK}
	case Ignore:
		return keep
	}
	return Verdict{InsufficientData}
}
