package alarms

import (
	"sluice/internal/monitoring/actions"
	"sluice/internal/monitoring/alarms/evaluation"
)

// snsMessage is what AWS publishes about a transition. The order of members is
// that of a recorded message.
type snsMessage struct {
	AlarmName                          string
	AlarmDescription                   *string
	AWSAccountID                       string `json:"AWSAccountId"`
	AlarmConfigurationUpdatedTimestamp string
	NewStateValue                      evaluation.State
	NewStateReason                     string
	StateChangeTime                    string
	Region                             string
	AlarmARN                           string `json:"AlarmArn"`
	OldStateValue                      evaluation.State
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	ActionExecutedAfterMuteWindow      bool
	Trigger                            trigger
}

type trigger struct {
	MetricName                       string
	Namespace                        string
	StatisticType                    string
	Statistic                        string `json:",omitzero"`
	ExtendedStatistic                string `json:",omitzero"`
	Unit                             *string
	Dimensions                       []lowerDimension
	Period                           int32
	EvaluationPeriods                int32
	DatapointsToAlarm                int32 `json:",omitzero"`
	ComparisonOperator               evaluation.Comparison
	Threshold                        float64
	TreatMissingData                 string
	EvaluateLowSampleCountPercentile string
}

type lowerDimension struct {
	Value string `json:"value"`
	Name  string `json:"name"`
}

// upperStatistics are the statistics as messages spell them.
var upperStatistics = map[string]string{
	"Average": "AVERAGE", "Sum": "SUM", "Minimum": "MINIMUM", "Maximum": "MAXIMUM", "SampleCount": "SAMPLE_COUNT",
}

// message is the text of an SNS message.
func message(a *scheduled, t *record) string {
	m := snsMessage{
		AlarmName: a.Name, AlarmDescription: optional(a.Description), AWSAccountID: a.scope.Account,
		AlarmConfigurationUpdatedTimestamp: evaluation.Stamp(utc(a.Updated)),
		NewStateValue:                      t.to, NewStateReason: t.reason, StateChangeTime: evaluation.Stamp(utc(t.at)),
		Region: regionName(a.scope.Region), AlarmARN: arn(a.scope, a.Name), OldStateValue: t.from,
		OKActions: listed(a.OKActions), AlarmActions: listed(a.AlarmActions), InsufficientDataActions: listed(a.NoDataActions),
		Trigger: trigger{
			MetricName: a.Metric.Name, Namespace: a.Metric.Namespace, StatisticType: "Statistic", Statistic: upperStatistics[a.Statistic],
			ExtendedStatistic: a.Extended, Unit: optional(a.Metric.Unit), Dimensions: []lowerDimension{}, Period: a.Period,
			EvaluationPeriods: a.Periods, DatapointsToAlarm: a.Datapoints, ComparisonOperator: a.Comparison, Threshold: a.Threshold,
			TreatMissingData: a.TreatMissingData, EvaluateLowSampleCountPercentile: a.LowSamples,
		},
	}
	if a.Extended != "" {
		m.Trigger.StatisticType = "ExtendedStatistic"
	}
	for _, d := range a.Metric.Dimensions {
		m.Trigger.Dimensions = append(m.Trigger.Dimensions, lowerDimension{d.Value, d.Name})
	}
	return text(m)
}

// subject is the subject of an SNS message.
func subject(t *record) string {
	return string(t.to) + `: "` + t.name + `" in ` + regionName(t.scope.Region)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// listed is never null.
func listed(arns []string) []string {
	if arns == nil {
		return []string{}
	}
	return arns
}

// notification is what targets get of an action. The definition adds what
// Alertmanager shows; a may be nil for an alarm that is gone.
func notification(t *record, index int, a *scheduled) actions.Notification {
	asked := t.actions[index]
	n := actions.Notification{
		ID: asked.id, ARN: asked.arn, Subject: t.subject, Message: t.message, At: utc(t.at),
		Account: t.scope.Account, Region: t.scope.Region, AlarmName: t.name, AlarmARN: arn(t.scope, t.name),
		State: string(t.to), Reason: t.reason, Labels: map[string]string{},
	}
	if a != nil {
		n.Description = a.Description
		n.Labels["namespace"], n.Labels["metric"] = a.Metric.Namespace, a.Metric.Name
		for _, d := range a.Metric.Dimensions {
			n.Labels["dimension_"+labelName(d.Name)] = d.Value
		}
	}
	return n
}

// labelName makes a Prometheus label of a dimension's name.
func labelName(name string) string {
	b := []byte(name)
	for i, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			b[i] = '_'
		}
	}
	return string(b)
}

// regionNames are AWS's names of its regions, which messages carry.
var regionNames = map[string]string{
	"af-south-1": "Africa (Cape Town)", "ap-east-1": "Asia Pacific (Hong Kong)", "ap-northeast-1": "Asia Pacific (Tokyo)",
	"ap-northeast-2": "Asia Pacific (Seoul)", "ap-northeast-3": "Asia Pacific (Osaka)", "ap-south-1": "Asia Pacific (Mumbai)",
	"ap-south-2": "Asia Pacific (Hyderabad)", "ap-southeast-1": "Asia Pacific (Singapore)", "ap-southeast-2": "Asia Pacific (Sydney)",
	"ap-southeast-3": "Asia Pacific (Jakarta)", "ap-southeast-4": "Asia Pacific (Melbourne)", "ca-central-1": "Canada (Central)",
	"ca-west-1": "Canada West (Calgary)", "cn-north-1": "China (Beijing)", "cn-northwest-1": "China (Ningxia)",
	"eu-central-1": "EU (Frankfurt)", "eu-central-2": "Europe (Zurich)", "eu-north-1": "EU (Stockholm)", "eu-south-1": "EU (Milan)",
	"eu-south-2": "Europe (Spain)", "eu-west-1": "EU (Ireland)", "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)",
	"il-central-1": "Israel (Tel Aviv)", "me-central-1": "Middle East (UAE)", "me-south-1": "Middle East (Bahrain)",
	"sa-east-1": "South America (Sao Paulo)", "us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)",
	"us-gov-east-1": "AWS GovCloud (US-East)", "us-gov-west-1": "AWS GovCloud (US-West)", "us-west-1": "US West (N. California)",
	"us-west-2": "US West (Oregon)",
}

func regionName(region string) string {
	if name := regionNames[region]; name != "" {
		return name
	}
	return region
}
