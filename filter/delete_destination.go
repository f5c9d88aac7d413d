package filter

import (
	"context"

	"sluice/internal/awsapi"
)

// DeleteDestination removes a logical destination.
//
// Behaviour: filters that send to it stay. What they select waits until there is a
// destination with that name again; "limits: aws" skips it, as AWS does.

type deleteDestinationInput struct {
	DestinationName *string `json:"destinationName"`
}

func (a *API) deleteDestination(_ context.Context, c awsapi.Caller, in *deleteDestinationInput) (*none, error) {
	v := awsapi.LogsValidation()
	checkFilterName(v, "destinationName", in.DestinationName)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := a.subscriptions.destinations.Delete(scopeOf(c), *in.DestinationName); err != nil {
		return nil, answer(err, awsapi.ErrDestinationNotFound)
	}
	a.subscriptions.changed()
	return nil, nil
}
