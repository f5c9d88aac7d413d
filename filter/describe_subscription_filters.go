package filter

import (
	"context"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/logsapi"
)

// DescribeSubscriptionFilters lists the subscription filters of a log group in the
// order of their names.
//
// Behaviour: pattern and distribution are shown as they were given, "" and the
// default included; roleArn only if there was one.
//
// Limits: limit 1-50, default 50.

type describeSubscriptionFiltersInput struct {
	LogGroupName     *string `json:"logGroupName"`
	FilterNamePrefix *string `json:"filterNamePrefix"`
	Limit            *int64  `json:"limit"`
	NextToken        *string `json:"nextToken"`
}

type describeSubscriptionFiltersOutput struct {
	SubscriptionFilters []subscriptionFilter `json:"subscriptionFilters"`
	NextToken           *string              `json:"nextToken,omitempty"`
}

// subscriptionFilter is a subscription filter as the API shows it.
type subscriptionFilter struct {
	ApplyOnTransformedLogs bool     `json:"applyOnTransformedLogs"`
	CreationTime           int64    `json:"creationTime"`
	DestinationARN         string   `json:"destinationArn"`
	Distribution           string   `json:"distribution"`
	EmitSystemFields       []string `json:"emitSystemFields,omitempty"`
	FieldSelectionCriteria string   `json:"fieldSelectionCriteria,omitempty"`
	FilterName             string   `json:"filterName"`
	FilterPattern          string   `json:"filterPattern"`
	LogGroupName           string   `json:"logGroupName"`
	RoleARN                string   `json:"roleArn,omitempty"`
}

const maxDescribed = 50

func (in *describeSubscriptionFiltersInput) validate() (limit int, err error) {
	if groupTooLong(in.LogGroupName) {
		return 0, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	if in.FilterNamePrefix != nil && *in.FilterNamePrefix != "" { // an empty one finds everything
		checkFilterName(v, "filterNamePrefix", in.FilterNamePrefix)
	}
	limit = maxDescribed
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, maxDescribed)
		limit = int(*in.Limit)
	}
	return limit, v.Err()
}

func (a *API) describeSubscriptionFilters(_ context.Context, c awsapi.Caller, in *describeSubscriptionFiltersInput) (*describeSubscriptionFiltersOutput, error) {
	limit, err := in.validate()
	if err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	after, err := logsapi.ParseNextToken("DescribeSubscriptionFilters", in.NextToken, a.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	prefix := ""
	if in.FilterNamePrefix != nil {
		prefix = *in.FilterNamePrefix
	}
	out := &describeSubscriptionFiltersOutput{SubscriptionFilters: []subscriptionFilter{}}
	more := false
	for _, f := range a.cfg.Catalog.SubscriptionFilters(g.UID) {
		if !strings.HasPrefix(f.Name, prefix) || f.Name <= after {
			continue
		}
		if len(out.SubscriptionFilters) == limit {
			more = true
			break
		}
		out.SubscriptionFilters = append(out.SubscriptionFilters, shown(g, f))
	}
	if more {
		after = out.SubscriptionFilters[limit-1].FilterName
	}
	out.NextToken = logsapi.NextToken("DescribeSubscriptionFilters", after, a.cfg.Clock.Now(), more)
	return out, nil
}

func shown(g catalog.LogGroup, f catalog.SubscriptionFilter) subscriptionFilter {
	return subscriptionFilter{
		ApplyOnTransformedLogs: f.ApplyOnTransformedLogs,
		CreationTime:           f.Created, DestinationARN: f.DestinationARN, Distribution: f.Distribution,
		FilterName: f.Name, FilterPattern: f.Pattern, LogGroupName: g.Name, RoleARN: f.RoleARN,
		EmitSystemFields: f.EmitSystemFields, FieldSelectionCriteria: f.FieldSelectionCriteria,
	}
}
