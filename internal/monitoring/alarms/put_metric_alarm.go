package alarms

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/monitoring/alarms/evaluation"
	"sluice/internal/monitoring/metrics"
)

// PutMetricAlarm makes an alarm, in INSUFFICIENT_DATA until its first evaluation,
// or replaces the definition of one, which keeps its state.
//
// Limits: names up to 255 characters, descriptions 1,024, five actions for each
// state, 30 dimensions; a period of 10, 20, 30 s or a multiple of 60 s; the
// periods of an evaluation make a week at most, a day below one hour.
//
// Deviations from AWS: metric math, anomaly detection bands and alarms over
// several metrics are refused by name. Tags of an alarm that exists are left as
// they are, as AWS does.

type putMetricAlarmInput struct {
	AlarmName                        string
	AlarmDescription                 string
	ActionsEnabled                   *bool
	OKActions                        []string
	AlarmActions                     []string
	InsufficientDataActions          []string
	MetricName                       string
	Namespace                        string
	Statistic                        string
	ExtendedStatistic                string
	Dimensions                       []Dimension
	Period                           *int32
	Unit                             string
	EvaluationPeriods                *int32
	DatapointsToAlarm                *int32
	Threshold                        *float64
	ComparisonOperator               string
	TreatMissingData                 string
	EvaluateLowSampleCountPercentile string
	Metrics                          []metricQuery
	Tags                             []tag
	ThresholdMetricID                string `json:"ThresholdMetricId"`
}

type metricQuery struct {
	ID string `json:"Id"`
}

type tag struct{ Key, Value string }

func (r *Room) putMetricAlarm(ctx context.Context, c awsapi.Caller, in *putMetricAlarmInput) (*struct{}, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	now := r.nowMS()
	scope := scopeOf(c)
	var before Definition
	d, err := r.cfg.Definitions.Upsert(scope, in.AlarmName, func(d *Definition, there bool) error {
		before = *d
		*d = in.definition()
		d.UID, d.Created, d.Updated, d.Tags = before.UID, before.Created, now, before.Tags
		if there {
			return nil
		}
		d.Created, d.Tags = now, in.tags()
		var err error
		d.UID, err = r.cfg.UID()
		return err
	})
	if err != nil {
		return nil, err
	}
	what := updated
	if before.UID == 0 {
		what = created
	}
	a := scheduled{scope, d}
	if err := r.write(ctx, d.UID, r.configured(a, what, now)); err != nil {
		return nil, err
	}
	r.schedule(a)
	return nil, nil
}

func (in *putMetricAlarmInput) definition() Definition {
	d := Definition{
		Name: in.AlarmName, Description: in.AlarmDescription, ActionsDisabled: in.ActionsEnabled != nil && !*in.ActionsEnabled,
		OKActions: in.OKActions, AlarmActions: in.AlarmActions, NoDataActions: in.InsufficientDataActions,
		Metric:    Metric{in.Namespace, in.MetricName, in.Dimensions, in.Unit},
		Statistic: in.Statistic, Extended: in.ExtendedStatistic, Period: *in.Period, Periods: *in.EvaluationPeriods,
		Threshold: *in.Threshold, Comparison: evaluation.Comparison(in.ComparisonOperator),
		TreatMissingData: in.TreatMissingData, LowSamples: in.EvaluateLowSampleCountPercentile,
	}
	if in.DatapointsToAlarm != nil {
		d.Datapoints = *in.DatapointsToAlarm
	}
	return d
}

func (in *putMetricAlarmInput) tags() map[string]string {
	tags := map[string]string{}
	for _, t := range in.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}

// check is all that AWS refuses, in the order of the model, then of meaning.
func (in *putMetricAlarmInput) check() error {
	if err := in.checkShapes(); err != nil {
		return err
	}
	switch {
	case len(in.Metrics) > 0:
		return unsupported("Metrics", "metric math and alarms over several metrics are")
	case in.ThresholdMetricID != "":
		return unsupported("ThresholdMetricId", "anomaly detection is")
	}
	for _, required := range [...]struct{ name, value string }{{"MetricName", in.MetricName}, {"Namespace", in.Namespace}} {
		if required.value == "" {
			return missing(required.name)
		}
	}
	switch {
	case in.Period == nil:
		return missing("Period")
	case in.Threshold == nil:
		return missing("Threshold")
	case math.IsNaN(*in.Threshold) || math.IsInf(*in.Threshold, 0): // words of the protocols
		return refused("InvalidParameterValueException", fmt.Sprintf("The value %v for parameter Threshold is invalid.", *in.Threshold))
	case in.Statistic == "" && in.ExtendedStatistic == "":
		return missing("Statistic")
	case in.Statistic != "" && in.ExtendedStatistic != "":
		return refused("InvalidParameterCombinationException", "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.")
	case in.ExtendedStatistic != "" && !supported(in.ExtendedStatistic):
		return refused("InvalidParameterValueException", "The value "+in.ExtendedStatistic+" for parameter ExtendedStatistic is not supported.")
	case strings.HasPrefix(in.AlarmName, ":") && strings.TrimLeft(in.AlarmName, ":") == "":
		return awsapi.ValidationException("AlarmName must not consist of colons only")
	}
	if _, ok := percentile(in.ExtendedStatistic); in.EvaluateLowSampleCountPercentile != "" && !ok {
		return refused("InvalidParameterCombinationException", "EvaluateLowSampleCountPercentile is for alarms on a percentile: give an ExtendedStatistic such as p99.")
	}
	return in.checkTimes()
}

func (in *putMetricAlarmInput) checkTimes() error {
	period, n := int64(*in.Period), int64(*in.EvaluationPeriods)
	switch {
	case period != 10 && period != 20 && period != 30 && period%60 != 0:
		return awsapi.ValidationException("Period must be 10, 20, 30 or a multiple of 60")
	case in.DatapointsToAlarm != nil && int64(*in.DatapointsToAlarm) > n:
		return awsapi.ValidationException("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
	case period < 3600 && period*n > 86_400:
		return awsapi.ValidationException("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")
	case period*n > 604_800:
		return awsapi.ValidationException("Metrics cannot be checked across more than 7 days (EvaluationPeriods * Period must be <= 604800).")
	}
	return nil
}

// checkShapes holds the request against the service model.
func (in *putMetricAlarmInput) checkShapes() error {
	v := awsapi.CloudWatchValidation()
	if v.NotNull("alarmName", in.AlarmName != ""); in.AlarmName != "" {
		v.Length("alarmName", in.AlarmName, 1, 255)
	}
	v.Length("alarmDescription", in.AlarmDescription, 0, 1024)
	for _, list := range [...]struct {
		name string
		arns []string
	}{{"oKActions", in.OKActions}, {"alarmActions", in.AlarmActions}, {"insufficientDataActions", in.InsufficientDataActions}} {
		v.ListLength(list.name, awsapi.List(list.arns), len(list.arns), 0, 5)
		for i, a := range list.arns {
			v.Length(list.name+"."+strconv.Itoa(i+1)+".member", a, 1, 1024)
		}
	}
	v.Length("metricName", in.MetricName, 0, 255)
	v.Length("namespace", in.Namespace, 0, 255)
	if in.Statistic != "" {
		v.Enum("statistic", in.Statistic, "SampleCount", "Average", "Sum", "Minimum", "Maximum")
	}
	v.ListLength("dimensions", "", len(in.Dimensions), 0, 30)
	for i, d := range in.Dimensions {
		at := "dimensions." + strconv.Itoa(i+1) + ".member."
		v.Length(at+"name", d.Name, 1, 255)
		v.Length(at+"value", d.Value, 1, 1024)
	}
	if in.Period != nil {
		v.Range("period", int64(*in.Period), 1, 1<<31-1)
	}
	if in.Unit != "" {
		v.Enum("unit", in.Unit, units...)
	}
	if v.NotNull("evaluationPeriods", in.EvaluationPeriods != nil); in.EvaluationPeriods != nil {
		v.Range("evaluationPeriods", int64(*in.EvaluationPeriods), 1, 1<<31-1)
	}
	if in.DatapointsToAlarm != nil {
		v.Range("datapointsToAlarm", int64(*in.DatapointsToAlarm), 1, 1<<31-1)
	}
	if v.NotNull("comparisonOperator", in.ComparisonOperator != ""); in.ComparisonOperator != "" {
		v.Enum("comparisonOperator", in.ComparisonOperator, string(evaluation.GreaterThanOrEqualTo), string(evaluation.GreaterThan),
			string(evaluation.LessThan), string(evaluation.LessThanOrEqualTo))
	}
	checkTags(v, in.Tags)
	if err := v.Err(); err != nil {
		return err
	}
	return in.checkWords()
}

// checkWords is about members that are plain texts in the model and words in
// meaning.
func (in *putMetricAlarmInput) checkWords() error {
	switch evaluation.Treatment(in.TreatMissingData) {
	case "", evaluation.Missing, evaluation.Ignore, evaluation.Breaching, evaluation.NotBreaching:
	default:
		return awsapi.ValidationException("The value '%s' for parameter 'TreatMissingData' is not one of breaching, notBreaching, ignore, missing", in.TreatMissingData)
	}
	switch in.EvaluateLowSampleCountPercentile {
	case "", "evaluate", "ignore":
		return nil
	}
	return awsapi.ValidationException("Option %s is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore.", in.EvaluateLowSampleCountPercentile)
}

// units are the model's.
var units = []string{
	"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits",
	"Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second",
	"Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
	"Terabits/Second", "Count/Second", "None",
}

const number = `(\d{1,2}(\.\d{0,10})?|100)`

// extendedStatistic is AWS's form of percentiles and trimmed statistics.
var extendedStatistic = regexp.MustCompile(`^(((p|tm|tc|ts|wm)` + number + `)|IQM|` +
	`((TM|TC|TS|WM)\(` + number + `?%?:` + number + `?%?\))|((PR|TC|TS|TM|WM)\((\d+(\.\d{0,10})?)?:(\d+(\.\d{0,10})?)?\)))$`)

// supported tells of AWS's forms but those of nothing, as TM(:), which no evaluation
// could compute.
func supported(statistic string) bool {
	_, err := metrics.ParseStatistic(statistic)
	return err == nil && extendedStatistic.MatchString(statistic)
}

// percentile reads p99 as 0.99.
func percentile(statistic string) (p float64, ok bool) {
	digits, ok := strings.CutPrefix(statistic, "p")
	if !ok {
		return 0, false
	}
	p, err := strconv.ParseFloat(digits, 64)
	return p / 100, err == nil && p > 0 && p < 100
}

var errNotFound = &awsapi.Error{Code: "ResourceNotFound", Status: http.StatusNotFound}

func refused(code, text string) error { return &awsapi.Error{Code: code, Message: text} }

func missing(member string) error {
	return refused("MissingRequiredParameterException", "The parameter "+member+" is required.")
}

func unsupported(what, why string) error {
	return refused("InvalidParameterValueException", what+": "+why+" not supported here yet.")
}

func (r *Room) configured(a scheduled, what change, now int64) *record {
	return &record{kind: kindConfiguration, at: now, scope: a.scope, name: a.Name, change: what, details: r.configurationDetails(a, what)}
}

// reconfigure changes a part of a definition that does not concern its state.
func (r *Room) reconfigure(ctx context.Context, c awsapi.Caller, name string, change func(d *Definition)) error {
	now := r.nowMS()
	scope := scopeOf(c)
	d, err := r.cfg.Definitions.Change(scope, name, func(d *Definition) error {
		change(d)
		d.Updated = now
		return nil
	})
	if err != nil {
		return err
	}
	a := scheduled{scope, d}
	if err := r.write(ctx, d.UID, r.configured(a, updated, now)); err != nil {
		return err
	}
	r.schedule(a)
	return nil
}
