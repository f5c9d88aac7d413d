package alarms

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/monitoring/alarms/evaluation"
)

// DescribeAlarmHistory lists what happened to alarms, also to deleted ones, the
// newest first: configuration updates, state updates and actions.
//
// Limits: pages of 1 to 100; 14 days, and what Limits says.
//
// Deviations from AWS: an action's item has the message's id and not its text,
// which follows from the state update beside it.

type describeAlarmHistoryInput struct {
	AlarmName       string
	AlarmTypes      []string
	HistoryItemType string
	StartDate       *awsapi.Timestamp
	EndDate         *awsapi.Timestamp
	MaxRecords      *int32
	NextToken       string
	ScanBy          string
}

type describeAlarmHistoryOutput struct {
	AlarmHistoryItems []alarmHistoryItem
	NextToken         string `json:",omitzero"`
}

type alarmHistoryItem struct {
	AlarmName       string
	AlarmType       string
	Timestamp       awsapi.Timestamp
	HistoryItemType string
	HistorySummary  string
	HistoryData     string
}

var itemTypes = map[string]kind{"": 0, "ConfigurationUpdate": kindConfiguration, "StateUpdate": kindTransition, "Action": kindAction}

func (r *Room) describeAlarmHistory(_ context.Context, c awsapi.Caller, in *describeAlarmHistoryInput) (*describeAlarmHistoryOutput, error) {
	v := awsapi.CloudWatchValidation()
	if in.HistoryItemType != "" {
		v.Enum("historyItemType", in.HistoryItemType, "ConfigurationUpdate", "StateUpdate", "Action")
	}
	if in.ScanBy != "" {
		v.Enum("scanBy", in.ScanBy, "TimestampDescending", "TimestampAscending")
	}
	w := wanted{
		scope: scopeOf(c), name: in.AlarmName, kind: itemTypes[in.HistoryItemType], from: math.MinInt64, to: math.MaxInt64,
		oldest: in.ScanBy == "TimestampAscending", limit: pageSize(v, in.MaxRecords),
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	if in.StartDate != nil {
		w.from = in.StartDate.UnixMilli()
	}
	if in.EndDate != nil {
		w.to = in.EndDate.UnixMilli()
	}
	if in.NextToken != "" {
		var err error
		if w.after, err = strconv.ParseUint(in.NextToken, 10, 64); err != nil {
			return nil, refused("InvalidNextToken", "The next token is invalid.")
		}
	}
	out := &describeAlarmHistoryOutput{}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, "MetricAlarm") {
		return out, nil
	}
	page, more := r.cfg.State.items(w)
	for _, i := range page {
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, i.describe())
	}
	if more {
		out.NextToken = strconv.FormatUint(page[len(page)-1].seq, 10)
	}
	return out, nil
}

func (i *item) describe() alarmHistoryItem {
	out := alarmHistoryItem{AlarmName: i.name, AlarmType: "MetricAlarm", Timestamp: awsapi.Timestamp{Time: utc(i.at)}}
	switch i.kind {
	case kindConfiguration:
		out.HistoryItemType = "ConfigurationUpdate"
		out.HistorySummary = `Alarm "` + i.name + `" ` + changeWords[i.change].done
		out.HistoryData = i.details
	case kindTransition:
		out.HistoryItemType = "StateUpdate"
		out.HistorySummary = "Alarm updated from " + string(i.from) + " to " + string(i.to)
		out.HistoryData = text(stateUpdate{
			"1.0", historyState{i.from, i.oldReason, raw(i.oldDetails)}, historyState{i.to, i.reason, raw(i.reasonDetails)},
		})
	case kindAction:
		out.HistoryItemType = "Action"
		out.HistorySummary, out.HistoryData = i.describeAction()
	}
	return out
}

type stateUpdate struct {
	Version  string       `json:"version"`
	OldState historyState `json:"oldState"`
	NewState historyState `json:"newState"`
}

type historyState struct {
	Value   evaluation.State `json:"stateValue"`
	Reason  string           `json:"stateReason"`
	Details json.RawMessage  `json:"stateReasonData,omitempty"`
}

// raw is JSON as it stands, or a JSON text of what is none: SetAlarmState takes
// anything.
func raw(details string) json.RawMessage {
	if details == "" || json.Valid([]byte(details)) {
		return json.RawMessage(details)
	}
	return json.RawMessage(text(details))
}

type actionOutcome struct {
	State    string  `json:"actionState"`
	Resource string  `json:"notificationResource"`
	ID       string  `json:"messageId"`
	Error    *string `json:"error"`
}

func (i *item) describeAction() (summary, details string) {
	outcome := actionOutcome{State: "Succeeded", Resource: i.asked.arn, ID: i.asked.id}
	if i.failed {
		outcome.State, outcome.Error = "Failed", &i.fault
		return "Failed to execute action " + i.asked.arn + ". Received error: \"" + strings.TrimSpace(i.fault) + "\"", text(outcome)
	}
	return "Successfully executed action " + i.asked.arn, text(outcome)
}

// changeWords are the texts of configuration updates.
var changeWords = [...]struct{ kind, done, member string }{
	created: {"Create", "created", "createdAlarm"},
	updated: {"Update", "updated", "updatedAlarm"},
	deleted: {"Delete", "deleted", "deletedAlarm"},
}

// historyAlarm is a definition as configuration updates show it.
type historyAlarm struct {
	Threshold               float64               `json:"threshold"`
	Namespace               string                `json:"namespace"`
	StateValue              evaluation.State      `json:"stateValue"`
	Dimensions              []lowerDimension      `json:"dimensions"`
	OKActions               []string              `json:"okactions"`
	AlarmActions            []string              `json:"alarmActions"`
	EvaluationPeriods       int32                 `json:"evaluationPeriods"`
	ComparisonOperator      evaluation.Comparison `json:"comparisonOperator"`
	MetricName              string                `json:"metricName"`
	Period                  int32                 `json:"period"`
	AlarmName               string                `json:"alarmName"`
	InsufficientDataActions []string              `json:"insufficientDataActions"`
	ActionsEnabled          bool                  `json:"actionsEnabled"`
	AlarmDescription        string                `json:"alarmDescription,omitempty"`
	Statistic               string                `json:"statistic,omitempty"`
	ExtendedStatistic       string                `json:"extendedStatistic,omitempty"`
	DatapointsToAlarm       int32                 `json:"datapointsToAlarm,omitempty"`
	TreatMissingData        string                `json:"treatMissingData,omitempty"`
	Unit                    string                `json:"unit,omitempty"`
	AlarmARN                string                `json:"alarmArn"`
	Updated                 string                `json:"alarmConfigurationUpdatedTimestamp"`
	StateUpdated            string                `json:"stateUpdatedTimestamp"`
}

// configurationDetails is the HistoryData of a configuration update.
func (r *Room) configurationDetails(a scheduled, what change) string {
	current := r.cfg.State.of(&a.Definition)
	h := historyAlarm{
		Threshold: a.Threshold, Namespace: a.Metric.Namespace, StateValue: current.State, Dimensions: []lowerDimension{},
		OKActions: listed(a.OKActions), AlarmActions: listed(a.AlarmActions), InsufficientDataActions: listed(a.NoDataActions),
		EvaluationPeriods: a.Periods, ComparisonOperator: a.Comparison, MetricName: a.Metric.Name, Period: a.Period, AlarmName: a.Name,
		ActionsEnabled: !a.ActionsDisabled, AlarmDescription: a.Description, Statistic: a.Statistic, ExtendedStatistic: a.Extended,
		DatapointsToAlarm: a.Datapoints, TreatMissingData: a.TreatMissingData, Unit: a.Metric.Unit, AlarmARN: arn(a.scope, a.Name),
		Updated: evaluation.Stamp(utc(a.Updated)), StateUpdated: evaluation.Stamp(utc(current.Updated)),
	}
	for _, d := range a.Metric.Dimensions {
		h.Dimensions = append(h.Dimensions, lowerDimension{d.Value, d.Name})
	}
	words := changeWords[what]
	return text(map[string]any{"version": "1.0", "type": words.kind, words.member: h})
}
