package metrics

import (
	"context"
	"time"

	"sluice/internal/awsapi"
)

// GetMetricStatistics answers for statistics of one metric.
//
// Behaviour: one datapoint for each period and unit with samples, with all
// statistics that were asked for, in the order of time. Periods begin at
// StartTime, rounded down as CloudWatch rounds it.
//
// Limits: 1,440 datapoints; period 1, 5, 10, 20, 30 or a multiple of 60 seconds.

type getMetricStatisticsInput struct {
	Namespace          string
	MetricName         string
	Dimensions         []dimension
	StartTime, EndTime awsapi.Timestamp
	Period             int64
	Statistics         []string
	ExtendedStatistics []string
	Unit               string
}

type getMetricStatisticsOutput struct {
	Label      string
	Datapoints []datapoint
}

type datapoint struct {
	Timestamp          awsapi.Timestamp
	SampleCount        *float64           `json:",omitzero"`
	Average            *float64           `json:",omitzero"`
	Sum                *float64           `json:",omitzero"`
	Minimum            *float64           `json:",omitzero"`
	Maximum            *float64           `json:",omitzero"`
	Unit               string             `json:",omitzero"`
	ExtendedStatistics map[string]float64 `json:",omitzero"`
}

// member is where a plain statistic stands in the answer.
func (p *datapoint) member(k kind) **float64 {
	switch k {
	case kindSum:
		return &p.Sum
	case kindAverage:
		return &p.Average
	case kindMinimum:
		return &p.Minimum
	case kindMaximum:
		return &p.Maximum
	}
	return &p.SampleCount
}

const maxDatapoints = 1440

func (in *getMetricStatisticsInput) validate() error {
	for _, check := range []func() error{
		func() error { return checkName("Namespace", in.Namespace) },
		func() error { return checkName("MetricName", in.MetricName) },
		func() error { return checkRange(in.StartTime, in.EndTime) },
		func() error { return checkPeriod("Period", in.Period) },
		func() error { return checkUnit("Unit", in.Unit) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	if len(in.Statistics)+len(in.ExtendedStatistics) == 0 {
		return &awsapi.Error{Code: codeMissing, Message: "Must specify either Statistics or ExtendedStatistics"}
	}
	step := 1000 * in.Period // ms; as a Duration, centuries would be too long
	if points := (in.EndTime.UnixMilli() - in.StartTime.UnixMilli() + step - 1) / step; points > maxDatapoints {
		return invalidCombination("You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", points, maxDatapoints)
	}
	return nil
}

func (in *getMetricStatisticsInput) statistics() (all []Statistic, err error) {
	for i, list := range [...][]string{in.Statistics, in.ExtendedStatistics} {
		for _, text := range list {
			s, err := ParseStatistic(text)
			if err != nil || s.Extended() != (i == 1) {
				member := [...]string{"Statistics", "ExtendedStatistics"}[i]
				return nil, invalidValue("The value %s for parameter %s is not supported.", text, member)
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func (s *Store) getMetricStatistics(_ context.Context, c awsapi.Caller, in *getMetricStatisticsInput) (*getMetricStatisticsOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	dims, err := dimensionsOf("Dimensions", in.Dimensions)
	if err != nil {
		return nil, err
	}
	statistics, err := in.statistics()
	if err != nil {
		return nil, err
	}
	m := Metric{Namespace: in.Namespace, Name: in.MetricName, Dimensions: dims, Unit: in.Unit}
	slots, err := s.slots(scopeOf(c), m, time.Duration(in.Period)*time.Second, s.roundStart(in.StartTime.Time, in.Period), in.EndTime.Time)
	if err != nil {
		return nil, apiError(err)
	}
	out := &getMetricStatisticsOutput{Label: in.MetricName, Datapoints: []datapoint{}}
	names := append(append([]string(nil), in.Statistics...), in.ExtendedStatistics...)
	for i := range slots {
		out.Datapoints = append(out.Datapoints, slots[i].datapoint(names, statistics))
	}
	return out, nil
}

func (s *slot) datapoint(names []string, statistics []Statistic) datapoint {
	p := datapoint{Timestamp: awsapi.Timestamp{Time: time.Unix(s.start, 0).UTC()}, Unit: s.unit}
	for i, statistic := range statistics {
		v, ok := statistic.of(&s.digest)
		switch {
		case !ok:
		case !statistic.Extended():
			*p.member(statistic.kind) = &v
		default:
			if p.ExtendedStatistics == nil {
				p.ExtendedStatistics = map[string]float64{}
			}
			p.ExtendedStatistics[names[i]] = v
		}
	}
	return p
}
