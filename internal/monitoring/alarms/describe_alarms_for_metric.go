package alarms

import (
	"context"
	"slices"

	"sluice/internal/awsapi"
)

// DescribeAlarmsForMetric lists the alarms on one metric: the same namespace,
// name and dimensions, and statistic, period and unit where they are given.

type describeAlarmsForMetricInput struct {
	MetricName        string
	Namespace         string
	Statistic         string
	ExtendedStatistic string
	Dimensions        []Dimension
	Period            *int32
	Unit              string
}

type describeAlarmsForMetricOutput struct{ MetricAlarms []metricAlarm }

func (r *Room) describeAlarmsForMetric(_ context.Context, c awsapi.Caller, in *describeAlarmsForMetricInput) (*describeAlarmsForMetricOutput, error) {
	v := awsapi.CloudWatchValidation()
	v.NotNull("metricName", in.MetricName != "")
	v.NotNull("namespace", in.Namespace != "")
	if err := v.Err(); err != nil {
		return nil, err
	}
	out := &describeAlarmsForMetricOutput{}
	for _, d := range r.cfg.Definitions.List(scopeOf(c), "", "", 0) {
		if in.wants(&d) {
			out.MetricAlarms = append(out.MetricAlarms, r.describe(c, &d))
		}
	}
	return out, nil
}

func (in *describeAlarmsForMetricInput) wants(d *Definition) bool {
	switch {
	case d.Metric.Namespace != in.Namespace, d.Metric.Name != in.MetricName:
		return false
	case in.Statistic != "" && in.Statistic != d.Statistic, in.ExtendedStatistic != "" && in.ExtendedStatistic != d.Extended:
		return false
	case in.Period != nil && *in.Period != d.Period, in.Unit != "" && in.Unit != d.Metric.Unit:
		return false
	case len(in.Dimensions) != len(d.Metric.Dimensions):
		return false
	}
	for _, dimension := range in.Dimensions {
		if !slices.Contains(d.Metric.Dimensions, dimension) {
			return false
		}
	}
	return true
}
