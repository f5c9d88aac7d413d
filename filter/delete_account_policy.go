package filter

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// DeleteAccountPolicy removes an account policy.
//
// Behaviour: what is stored from now on is not selected any more; what was stored
// before still is, and is delivered.

type deleteAccountPolicyInput struct {
	PolicyName *string `json:"policyName"`
	PolicyType *string `json:"policyType"`
}

func (a *API) deleteAccountPolicy(_ context.Context, c awsapi.Caller, in *deleteAccountPolicyInput) (*none, error) {
	v := awsapi.LogsValidation()
	required(v, "policyName", in.PolicyName, maxPolicyName)
	checkPolicyType(v, in.PolicyType)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if *in.PolicyType != policyOfFilters {
		return nil, errAccountPolicyNotFound
	}
	a.policies.Lock()
	defer a.policies.Unlock()
	_, err := a.subscriptions.policies.Change(scopeOf(c), policyPrefix+*in.PolicyName, func(p *AccountPolicy) error {
		if p.Destroyed {
			return catalog.ErrNotFound
		}
		p.Destroyed = true
		p.end(a.cfg.Positions.Next())
		return nil
	})
	if err != nil {
		return nil, answer(err, errAccountPolicyNotFound)
	}
	a.subscriptions.changed()
	return nil, answer(a.forget(), nil)
}
