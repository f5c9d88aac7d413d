package metrics

import (
	"context"
	"fmt"
	"hash/crc32"
	"strconv"
	"sync"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/wal"
)

// PutMetricData adds samples to metrics.
//
// Behaviour: all samples of a request are durable, in one frame, when it is
// answered; queries see them at once. A datum has a Value, or Values with their
// Counts, or StatisticValues, which have no percentiles. One without a timestamp
// is stamped with the time of the request. Entities are taken and not kept.
//
// Limits: 1,000 data, each of 150 values and 30 dimensions; timestamps from two
// weeks ago to two hours ahead; StorageResolution 1 or 60.
//
// Deviations: texts of errors that no recording has are in AWS's style.

type putMetricDataInput struct {
	Namespace        string
	MetricData       []metricDatum
	EntityMetricData []struct{ MetricData []metricDatum }
}

type metricDatum struct {
	MetricName        string
	Dimensions        []dimension
	Timestamp         *awsapi.Timestamp
	Value             *float64
	StatisticValues   *statisticSet
	Values, Counts    []float64
	Unit              string
	StorageResolution *int32
}

type statisticSet struct{ SampleCount, Sum, Minimum, Maximum float64 }

const (
	maxMetricData = 1000
	maxValues     = 150
	maxPast       = 14 * 24 * time.Hour
	maxFuture     = 2 * time.Hour
)

var deltasPool = sync.Pool{New: func() any { return &Deltas{} }}

func (s *Store) putMetricData(ctx context.Context, c awsapi.Caller, in *putMetricDataInput) (*none, error) {
	if err := checkName("Namespace", in.Namespace); err != nil {
		return nil, err
	}
	lists := [][]metricDatum{in.MetricData}
	for _, e := range in.EntityMetricData {
		lists = append(lists, e.MetricData)
	}
	d := deltasPool.Get().(*Deltas)
	defer func() { d.Reset(); deltasPool.Put(d) }()
	now := s.cfg.Clock.Now()
	total := 0
	for i, data := range lists {
		if total += len(data); total > maxMetricData {
			return nil, invalidValue("The collection MetricData must not have a size greater than %d.", maxMetricData)
		}
		at := "MetricData.member."
		if i > 0 {
			at = "EntityMetricData.member." + strconv.Itoa(i) + "." + at
		}
		for j := range data {
			if err := data[j].addTo(d, c, in.Namespace, at+strconv.Itoa(j+1), now); err != nil {
				return nil, err
			}
		}
	}
	if total == 0 {
		return nil, missing("MetricData")
	}
	return nil, s.Append(ctx, in.Namespace, d)
}

// Append makes samples of a namespace durable, in the log shard that it has.
func (s *Store) Append(ctx context.Context, namespace string, d *Deltas) error {
	if d.Empty() {
		return nil
	}
	log := s.cfg.Logs[crc32.ChecksumIEEE([]byte(namespace))%uint32(len(s.cfg.Logs))]
	if _, err := log.Append(ctx, wal.TypeMetrics, 0, d.Append(nil)); err != nil {
		return apiError(fmt.Errorf("append metrics: %w", err))
	}
	return nil
}

// addTo checks a datum and adds its samples.
func (m *metricDatum) addTo(d *Deltas, c awsapi.Caller, namespace, at string, now time.Time) error {
	if err := checkName(at+".MetricName", m.MetricName); err != nil {
		return err
	}
	dims, err := dimensionsOf(at+".Dimensions", m.Dimensions)
	if err != nil {
		return err
	}
	if err := m.check(at, now); err != nil {
		return err
	}
	metric := Metric{Namespace: namespace, Name: m.MetricName, Dimensions: dims, Unit: m.Unit}
	if metric.Unit == "" {
		metric.Unit = NoUnit
	}
	ms := now.UnixMilli()
	if m.Timestamp != nil {
		ms = m.Timestamp.UnixMilli()
	}
	high := m.StorageResolution != nil && *m.StorageResolution == resHigh
	p := d.Of(AppendKey(nil, scopeOf(c), metric))
	switch set := m.StatisticValues; {
	case m.Value != nil:
		p.Add(ms, *m.Value, 1, high)
	case set != nil:
		p.AddSet(ms, set.SampleCount, set.Sum, set.Minimum, set.Maximum, high)
	}
	for i, v := range m.Values {
		count := 1.0
		if len(m.Counts) > 0 {
			count = m.Counts[i]
		}
		p.Add(ms, v, count, high)
	}
	return nil
}

func (m *metricDatum) check(at string, now time.Time) error {
	if err := m.checkForm(at); err != nil {
		return err
	}
	if err := m.checkNumbers(at); err != nil {
		return err
	}
	if err := checkUnit(at+".Unit", m.Unit); err != nil {
		return err
	}
	if r := m.StorageResolution; r != nil && *r != resHigh && *r != resMinute {
		return invalidValue("The parameter %s.StorageResolution must be 1 or 60.", at)
	}
	switch ts := m.Timestamp; {
	case ts == nil:
	case ts.Before(now.Add(-maxPast)):
		return invalidValue("The parameter %s.Timestamp must specify a time no more than two weeks in the past.", at)
	case ts.After(now.Add(maxFuture)):
		return invalidValue("The parameter %s.Timestamp must specify a time no more than two hours in the future.", at)
	}
	return nil
}

// checkForm checks which members are given, and how many values.
func (m *metricDatum) checkForm(at string) error {
	exclusive := func(a, b string) error {
		return invalidCombination("The parameters %s.%s and %s.%s are mutually exclusive and you have specified both.", at, a, at, b)
	}
	switch {
	case m.Value != nil && len(m.Values) > 0:
		return exclusive("Value", "Values")
	case m.Value != nil && m.StatisticValues != nil:
		return exclusive("Value", "StatisticValues")
	case m.StatisticValues != nil && len(m.Values) > 0:
		return exclusive("StatisticValues", "Values")
	case m.Value == nil && m.StatisticValues == nil && len(m.Values) == 0:
		return missing(at + ".Value")
	case len(m.Counts) > 0 && len(m.Counts) != len(m.Values):
		return invalidValue("The parameters %s.Values and %s.Counts must be of the same size.", at, at)
	case len(m.Values) > maxValues:
		return invalidValue("The collection %s.Values must not have a size greater than %d.", at, maxValues)
	}
	return nil
}

func (m *metricDatum) checkNumbers(at string) error {
	check := func(member string, v float64) error {
		if !bounded(v) {
			return invalidValue("The value %v for parameter %s.%s is invalid.", v, at, member)
		}
		return nil
	}
	if m.Value != nil {
		return check("Value", *m.Value)
	}
	for i, v := range m.Values {
		if err := check("Values.member."+strconv.Itoa(i+1), v); err != nil {
			return err
		}
	}
	for i, v := range m.Counts {
		if err := check("Counts.member."+strconv.Itoa(i+1), v); err != nil || !(v >= 0) {
			return invalidValue("The value %v for parameter %s.Counts.member.%d is invalid.", v, at, i+1)
		}
	}
	if set := m.StatisticValues; set != nil {
		for _, v := range [...]float64{set.SampleCount, set.Sum, set.Minimum, set.Maximum} {
			if err := check("StatisticValues", v); err != nil {
				return err
			}
		}
		if set.Minimum > set.Maximum {
			return invalidCombination("The parameter %s.StatisticValues.Maximum must be greater than %s.StatisticValues.Minimum.", at, at)
		}
		if !(set.SampleCount > 0) {
			return invalidValue("The parameter %s.StatisticValues.SampleCount must be greater than 0.", at)
		}
	}
	return nil
}
