package alarms

import (
	"context"
	"slices"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/monitoring/alarms/evaluation"
)

// DescribeAlarms lists metric alarms in the order of their names, by name, prefix,
// state or the prefix of an action.
//
// Limits: 100 names; pages of 1 to 100, default 100.
//
// Deviations from AWS: there are no composite alarms, so what asks for their
// children and parents gets nothing.

type describeAlarmsInput struct {
	AlarmNames      []string
	AlarmNamePrefix string
	AlarmTypes      []string
	ChildrenOf      string `json:"ChildrenOfAlarmName"`
	ParentsOf       string `json:"ParentsOfAlarmName"`
	StateValue      string
	ActionPrefix    string
	MaxRecords      *int32
	NextToken       string
}

type describeAlarmsOutput struct {
	CompositeAlarms []struct{}
	LogAlarms       []struct{}
	MetricAlarms    []metricAlarm
	NextToken       string `json:",omitzero"`
}

type metricAlarm struct {
	AlarmName                          string
	AlarmArn                           string
	AlarmDescription                   string `json:",omitzero"`
	AlarmConfigurationUpdatedTimestamp awsapi.Timestamp
	ActionsEnabled                     bool
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	StateValue                         string
	StateReason                        string
	StateReasonData                    string `json:",omitzero"`
	StateUpdatedTimestamp              awsapi.Timestamp
	StateTransitionedTimestamp         awsapi.Timestamp
	MetricName                         string
	Namespace                          string
	Statistic                          string `json:",omitzero"`
	ExtendedStatistic                  string `json:",omitzero"`
	Dimensions                         []Dimension
	Period                             int32
	Unit                               string `json:",omitzero"`
	EvaluationPeriods                  int32
	DatapointsToAlarm                  int32 `json:",omitzero"`
	Threshold                          float64
	ComparisonOperator                 string
	TreatMissingData                   string `json:",omitzero"`
	EvaluateLowSampleCountPercentile   string `json:",omitzero"`
}

const maxPage = 100

func (r *Room) describeAlarms(_ context.Context, c awsapi.Caller, in *describeAlarmsInput) (*describeAlarmsOutput, error) {
	v := awsapi.CloudWatchValidation()
	if in.StateValue != "" {
		v.Enum("stateValue", in.StateValue, stateWords...)
	}
	v.ListLength("alarmNames", awsapi.List(in.AlarmNames), len(in.AlarmNames), 0, maxPage)
	limit := pageSize(v, in.MaxRecords)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != "" {
		return nil, refused("InvalidParameterCombinationException", "AlarmNames and AlarmNamePrefix cannot be used together.")
	}
	out := &describeAlarmsOutput{}
	if in.ChildrenOf != "" || in.ParentsOf != "" || len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, "MetricAlarm") {
		return out, nil
	}
	for _, d := range r.definitions(c, in) {
		a := r.describe(c, &d)
		if in.StateValue != "" && a.StateValue != in.StateValue || !d.hasAction(in.ActionPrefix) {
			continue
		}
		if len(out.MetricAlarms) == limit {
			out.NextToken = out.MetricAlarms[limit-1].AlarmName
			break
		}
		out.MetricAlarms = append(out.MetricAlarms, a)
	}
	return out, nil
}

// stateWords are the states in the order of AWS's texts.
var stateWords = []string{string(evaluation.InsufficientData), string(evaluation.Alarm), string(evaluation.OK)}

func pageSize(v *awsapi.Validation, given *int32) int {
	if given == nil {
		return maxPage
	}
	v.Range("maxRecords", int64(*given), 1, maxPage)
	return int(*given)
}

// definitions are those that a request names, from its page on.
func (r *Room) definitions(c awsapi.Caller, in *describeAlarmsInput) []Definition {
	scope := scopeOf(c)
	if len(in.AlarmNames) == 0 {
		return r.cfg.Definitions.List(scope, in.AlarmNamePrefix, in.NextToken, 0)
	}
	var found []Definition
	names := slices.Clone(in.AlarmNames)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if d, ok := r.cfg.Definitions.Get(scope, name); ok && name > in.NextToken {
			found = append(found, d)
		}
	}
	return found
}

func (d *Definition) hasAction(prefix string) bool {
	if prefix == "" {
		return true
	}
	begins := func(arn string) bool { return strings.HasPrefix(arn, prefix) }
	return slices.ContainsFunc(d.OKActions, begins) || slices.ContainsFunc(d.AlarmActions, begins) || slices.ContainsFunc(d.NoDataActions, begins)
}

func (r *Room) describe(c awsapi.Caller, d *Definition) metricAlarm {
	s := r.cfg.State.of(d)
	return metricAlarm{
		AlarmName: d.Name, AlarmArn: arn(scopeOf(c), d.Name), AlarmDescription: d.Description,
		AlarmConfigurationUpdatedTimestamp: awsapi.Timestamp{Time: utc(d.Updated)}, ActionsEnabled: !d.ActionsDisabled,
		OKActions: listed(d.OKActions), AlarmActions: listed(d.AlarmActions), InsufficientDataActions: listed(d.NoDataActions),
		StateValue: string(s.State), StateReason: s.Reason, StateReasonData: s.ReasonDetails,
		StateUpdatedTimestamp:      awsapi.Timestamp{Time: utc(s.Updated)},
		StateTransitionedTimestamp: awsapi.Timestamp{Time: utc(s.Transitioned)},
		MetricName:                 d.Metric.Name, Namespace: d.Metric.Namespace, Statistic: d.Statistic, ExtendedStatistic: d.Extended,
		Dimensions: d.Metric.Dimensions, Period: d.Period, Unit: d.Metric.Unit, EvaluationPeriods: d.Periods,
		DatapointsToAlarm: d.Datapoints, Threshold: d.Threshold, ComparisonOperator: string(d.Comparison),
		TreatMissingData: d.TreatMissingData, EvaluateLowSampleCountPercentile: d.LowSamples,
	}
}
