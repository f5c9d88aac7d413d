package metrics

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrStatistic says that a statistic has no form that CloudWatch knows.
var ErrStatistic = errors.New("unknown statistic")

// kind is what a statistic computes.
type kind uint8

const (
	kindSum kind = iota
	kindAverage
	kindMinimum
	kindMaximum
	kindSampleCount
	kindPercentile
	kindTrimmedMean
	kindTrimmedCount
	kindTrimmedSum
	kindWinsorizedMean
	kindPercentileRank
)

// Statistic is a parsed statistic: Sum, Average, Minimum, Maximum, SampleCount,
// pNN, the trimmed ones tmNN, tcNN, tsNN and wmNN, their ranges as TM(10%:90%) or
// TC(:200), PR(low:high) and IQM.
type Statistic struct {
	kind  kind
	lower bound
	upper bound
}

// bound is one end of a range: a percentage of the samples, or a value.
type bound struct {
	set     bool
	percent bool
	value   float64
}

var plainStatistics = map[string]kind{
	"Sum": kindSum, "Average": kindAverage, "Minimum": kindMinimum, "Maximum": kindMaximum, "SampleCount": kindSampleCount,
}

var rangedStatistics = map[string]kind{
	"P": kindPercentile, "TM": kindTrimmedMean, "TC": kindTrimmedCount, "TS": kindTrimmedSum,
	"WM": kindWinsorizedMean, "PR": kindPercentileRank,
}

// ParseStatistic reads a statistic's name, ErrStatistic if there is none of it.
func ParseStatistic(text string) (Statistic, error) {
	if k, ok := plainStatistics[text]; ok {
		return Statistic{kind: k}, nil
	}
	if strings.EqualFold(text, "IQM") {
		return between(kindTrimmedMean, 25, 75), nil
	}
	letters := strings.IndexFunc(text, func(r rune) bool { return r == '(' || r >= '0' && r <= '9' })
	if letters < 1 {
		return Statistic{}, fmt.Errorf("%w %q", ErrStatistic, text)
	}
	k, ok := rangedStatistics[strings.ToUpper(text[:letters])]
	if !ok {
		return Statistic{}, fmt.Errorf("%w %q", ErrStatistic, text)
	}
	s, ok := parseRange(k, text[letters:])
	if !ok {
		return Statistic{}, fmt.Errorf("%w %q", ErrStatistic, text)
	}
	return s, nil
}

func between(k kind, low, high float64) Statistic {
	return Statistic{kind: k, lower: bound{true, true, low}, upper: bound{true, true, high}}
}

// parseRange reads what follows the letters: 99.9, or (low:high).
func parseRange(k kind, text string) (Statistic, bool) {
	if inside, ok := strings.CutPrefix(text, "("); ok {
		inside, closed := strings.CutSuffix(inside, ")")
		low, high, ranged := strings.Cut(inside, ":")
		s := Statistic{kind: k}
		okLow, okHigh := s.lower.parse(low), s.upper.parse(high)
		valid := closed && ranged && okLow && okHigh && (s.lower.set || s.upper.set) && k != kindPercentile
		if k == kindPercentileRank && (s.lower.percent || s.upper.percent) {
			valid = false // a rank is asked of values
		}
		return s, valid
	}
	var upper bound
	if k == kindPercentileRank || !upper.parse(text+"%") || !upper.set {
		return Statistic{}, false
	}
	return Statistic{kind: k, upper: upper}, true
}

// parse reads an end of a range; an empty text leaves it open.
func (b *bound) parse(text string) bool {
	if text == "" {
		return true
	}
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || percent && (v < 0 || v > 100) {
		return false
	}
	*b = bound{true, percent, v}
	return true
}

// Extended tells whether it is none of the five plain statistics.
func (s Statistic) Extended() bool { return s.kind >= kindPercentile }

// of computes the statistic; false where the samples' values are needed and not
// known, as with statistic sets, or where none are in the range.
func (s Statistic) of(d *digest) (float64, bool) {
	switch s.kind {
	case kindSum:
		return d.sum, true
	case kindAverage:
		return d.sum / d.count, true
	case kindMinimum:
		return d.min, true
	case kindMaximum:
		return d.max, true
	case kindSampleCount:
		return d.count, true
	}
	if d.opaque {
		return 0, false
	}
	if s.kind == kindPercentile {
		return d.percentile(s.upper.value), true
	}
	return s.ranged(d)
}

// percentile is the least value that at least p percent of the samples do not
// exceed.
func (d *digest) percentile(p float64) float64 {
	rank := p / 100 * d.count
	var seen float64
	for _, pair := range d.distribution() {
		// A count is the sum of ones: half of one is beyond any rounding error.
		if seen += pair.count; seen >= rank-1e-9*d.count {
			return min(max(pair.value, d.min), d.max)
		}
	}
	return d.max
}

// ranged computes the statistics over a part of the samples. A percentage may
// cut through samples of one value; a value as lower end is exclusive, as upper
// end inclusive.
func (s Statistic) ranged(d *digest) (float64, bool) {
	from, to := 0.0, d.count
	if s.lower.percent {
		from = s.lower.value / 100 * d.count
	}
	if s.upper.percent {
		to = s.upper.value / 100 * d.count
	}
	var seen, count, sum float64
	for _, p := range d.distribution() {
		low, high := seen, seen+p.count
		seen = high
		if s.lower.set && !s.lower.percent && p.value <= s.lower.value || s.upper.set && !s.upper.percent && p.value > s.upper.value {
			continue
		}
		if n := min(high, to) - max(low, from); n > 0 {
			count += n
			sum += n * min(max(p.value, d.min), d.max)
		}
	}
	switch s.kind {
	case kindTrimmedCount:
		return count, true
	case kindTrimmedSum:
		return sum, true
	case kindPercentileRank:
		return 100 * count / d.count, true
	case kindTrimmedMean:
		return sum / count, count > 0
	}
	return s.winsorized(d), true
}

// winsorized is the mean with what is outside of the range moved to its ends.
func (s Statistic) winsorized(d *digest) float64 {
	end := func(b bound, otherwise float64) float64 {
		switch {
		case !b.set:
			return otherwise
		case b.percent:
			return d.percentile(b.value)
		}
		return b.value
	}
	least, greatest := end(s.lower, d.min), end(s.upper, d.max)
	var sum float64
	for _, p := range d.distribution() {
		sum += p.count * min(max(p.value, least, d.min), greatest, d.max)
	}
	return sum / d.count
}
