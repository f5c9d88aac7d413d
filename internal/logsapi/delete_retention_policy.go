package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// DeleteRetentionPolicy makes a log group keep its events for ever.
//
// Behaviour: a group that had no retention is no error.

type deleteRetentionPolicyInput struct {
	LogGroupName *string `json:"logGroupName"`
}

func (a *API) deleteRetentionPolicy(_ context.Context, c awsapi.Caller, in *deleteRetentionPolicyInput) (*none, error) {
	if err := checkOnlyGroup(in.LogGroupName); err != nil {
		return nil, err
	}
	return nil, a.setRetention(c, *in.LogGroupName, 0)
}
