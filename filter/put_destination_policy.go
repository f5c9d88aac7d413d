package filter

import (
	"context"
	"strings"

	"sluice/internal/awsapi"
)

// PutDestinationPolicy says whose log groups may send to a destination.
//
// Behaviour: the policy counts at once for filters that exist, too. What a filter
// selects while its account is not let in waits and goes on when it is again;
// "limits: aws" skips it, as AWS does.
//
// Limits: policy 1-5,120 bytes.
//
// Deviations: what is evaluated of the policy is described in docs/subscriptions.md.
// forceUpdate is taken and changes nothing. The text for a policy that is no policy
// is ours.

type putDestinationPolicyInput struct {
	DestinationName *string `json:"destinationName"`
	AccessPolicy    *string `json:"accessPolicy"`
	ForceUpdate     bool    `json:"forceUpdate"`
}

func (in *putDestinationPolicyInput) validate() error {
	v := awsapi.LogsValidation()
	checkFilterName(v, "destinationName", in.DestinationName)
	v.NotNull("accessPolicy", in.AccessPolicy != nil)
	if in.AccessPolicy != nil {
		v.ListLength("accessPolicy", *in.AccessPolicy, len(*in.AccessPolicy), 1, maxAccessPolicy)
	}
	return v.Err()
}

func (a *API) putDestinationPolicy(_ context.Context, c awsapi.Caller, in *putDestinationPolicyInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	if _, err := parseAccessPolicy(*in.AccessPolicy); err != nil {
		return nil, awsapi.InvalidParameter("The access policy is invalid: %s", strings.TrimPrefix(err.Error(), "parse access policy: "))
	}
	_, err := a.subscriptions.destinations.Change(scopeOf(c), *in.DestinationName, func(d *Destination) error {
		d.AccessPolicy = *in.AccessPolicy
		return nil
	})
	if err != nil {
		return nil, answer(err, awsapi.ErrDestinationNotFound)
	}
	a.subscriptions.changed()
	return nil, nil
}
