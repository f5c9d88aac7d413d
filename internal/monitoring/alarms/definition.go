package alarms

import (
	"strings"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/monitoring/alarms/evaluation"
)

// Dimension is one name and value of a metric's identity.
type Dimension struct{ Name, Value string }

// Metric names what an alarm watches. Without a Unit it is that of all units.
type Metric struct {
	Namespace, Name string
	Dimensions      []Dimension
	Unit            string
}

// Definition is a metric alarm as PutMetricAlarm left it: a row of the catalog.
type Definition struct {
	UID     uint64
	Name    string
	Created int64 // ms
	Updated int64 // ms

	Description      string `json:",omitzero"`
	ActionsDisabled  bool   `json:",omitzero"`
	OKActions        []string
	AlarmActions     []string
	NoDataActions    []string
	Metric           Metric
	Statistic        string `json:",omitzero"`
	Extended         string `json:",omitzero"` // ExtendedStatistic, as p99
	Period           int32  // s
	Periods          int32  // EvaluationPeriods
	Datapoints       int32  `json:",omitzero"` // DatapointsToAlarm, 0 when not given
	Threshold        float64
	Comparison       evaluation.Comparison
	TreatMissingData string            `json:",omitzero"`
	LowSamples       string            `json:",omitzero"` // EvaluateLowSampleCountPercentile
	Tags             map[string]string `json:",omitzero"`
}

func (d *Definition) statistic() string { return d.Statistic + d.Extended } // one of them is given

func (d *Definition) period() time.Duration { return time.Duration(d.Period) * time.Second }

// cadence is how often the alarm is evaluated, in seconds, which is also what its
// slots slide by.
func (d *Definition) cadence() int64 {
	if d.Period < 60 {
		return 10
	}
	return 60
}

func (d *Definition) rule() evaluation.Rule {
	r := evaluation.Rule{
		Comparison: d.Comparison, Threshold: d.Threshold, EvaluationPeriods: int(d.Periods),
		DatapointsToAlarm: int(d.Datapoints), TreatMissingData: evaluation.Treatment(d.TreatMissingData),
	}
	if p, ok := percentile(d.Extended); ok && d.LowSamples == "ignore" {
		r.LowSamples = evaluation.LowSamples(p)
	}
	return r
}

// actions are what a change to a state asks for.
func (d *Definition) actions(to evaluation.State) []string {
	switch {
	case d.ActionsDisabled:
		return nil
	case to == evaluation.Alarm:
		return d.AlarmActions
	case to == evaluation.OK:
		return d.OKActions
	}
	return d.NoDataActions
}

func (d *Definition) setActionsEnabled(on bool) { d.ActionsDisabled = !on }

// arn names an alarm.
func arn(s catalog.Scope, name string) string {
	c := awsapi.Caller{Account: s.Account, Region: s.Region}
	return c.ARN("cloudwatch", "alarm:"+name).String()
}

// named is the alarm's name in an ARN of the caller's.
func named(c awsapi.Caller, text string) (name string, ok bool) {
	a, err := awsapi.ParseARN(text)
	if err != nil || a.Service != "cloudwatch" || !a.OwnedBy(c) {
		return "", false
	}
	name, ok = strings.CutPrefix(a.Resource, "alarm:")
	return name, ok && name != ""
}

func scopeOf(c awsapi.Caller) catalog.Scope {
	return catalog.Scope{Account: c.Account, Region: c.Region}
}
