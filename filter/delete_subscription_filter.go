package filter

import (
	"context"

	"sluice/internal/awsapi"
)

// DeleteSubscriptionFilter removes a subscription filter.
//
// Behaviour: what is stored from now on is not selected any more; what was stored
// before still is, and is delivered.

type deleteSubscriptionFilterInput struct {
	LogGroupName *string `json:"logGroupName"`
	FilterName   *string `json:"filterName"`
}

func (in *deleteSubscriptionFilterInput) validate() error {
	if groupTooLong(in.LogGroupName) {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	checkFilterName(v, "filterName", in.FilterName)
	return v.Err()
}

func (a *API) deleteSubscriptionFilter(_ context.Context, c awsapi.Caller, in *deleteSubscriptionFilterInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	_, err = a.cfg.Catalog.DeleteSubscriptionFilter(g.UID, *in.FilterName, a.cfg.Positions.Next)
	return nil, answer(err, awsapi.ErrSubscriptionFilterNotFound)
}
