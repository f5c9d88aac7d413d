package filter

import (
	"context"

	"sluice/internal/awsapi"
)

// DeleteMetricFilter removes a metric filter.
//
// Behaviour: what is stored from now on makes no samples any more; samples that
// were made stay.

type deleteMetricFilterInput struct {
	LogGroupName *string `json:"logGroupName"`
	FilterName   *string `json:"filterName"`
}

func (in *deleteMetricFilterInput) validate() error {
	if groupTooLong(in.LogGroupName) {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	checkFilterName(v, "filterName", in.FilterName)
	return v.Err()
}

func (a *MetricAPI) deleteMetricFilter(_ context.Context, c awsapi.Caller, in *deleteMetricFilterInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	g, ok := a.cfg.Groups.Group(scopeOf(c), *in.LogGroupName)
	if !ok {
		return nil, awsapi.ErrLogGroupNotFound
	}
	if err := a.cfg.Filters.Delete(g, *in.FilterName, a.cfg.Positions.Next); err != nil {
		return nil, answer(err, awsapi.ErrMetricFilterNotFound)
	}
	return nil, answer(a.forget(), awsapi.ErrMetricFilterNotFound)
}
