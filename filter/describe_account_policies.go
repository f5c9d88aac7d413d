package filter

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/logsapi"
)

// DescribeAccountPolicies lists the caller's account policies of one type in the
// order of their names.
//
// Behaviour: a name that is not there is an empty list.
//
// Deviations: accountIdentifiers of others than the caller find nothing. A page has
// 50 policies.

type describeAccountPoliciesInput struct {
	PolicyType         *string  `json:"policyType"`
	PolicyName         *string  `json:"policyName"`
	AccountIdentifiers []string `json:"accountIdentifiers"`
	NextToken          *string  `json:"nextToken"`
}

type describeAccountPoliciesOutput struct {
	AccountPolicies []accountPolicy `json:"accountPolicies"`
	NextToken       *string         `json:"nextToken,omitempty"`
}

func (a *API) describeAccountPolicies(_ context.Context, c awsapi.Caller, in *describeAccountPoliciesInput) (*describeAccountPoliciesOutput, error) {
	v := awsapi.LogsValidation()
	checkPolicyType(v, in.PolicyType)
	if err := v.Err(); err != nil {
		return nil, err
	}
	after, err := logsapi.ParseNextToken("DescribeAccountPolicies", in.NextToken, a.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	out := &describeAccountPoliciesOutput{AccountPolicies: []accountPolicy{}}
	more := false
	for _, p := range a.policiesOf(c) {
		if *in.PolicyType != p.Type || in.PolicyName != nil && *in.PolicyName != p.Name || p.Name <= after || !asked(in.AccountIdentifiers, c.Account) {
			continue
		}
		if len(out.AccountPolicies) == maxDescribed {
			more = true
			break
		}
		out.AccountPolicies = append(out.AccountPolicies, shownPolicy(c, p))
	}
	if more {
		after = out.AccountPolicies[maxDescribed-1].PolicyName
	}
	out.NextToken = logsapi.NextToken("DescribeAccountPolicies", after, a.cfg.Clock.Now(), more)
	return out, nil
}

// asked tells whether an account is among those asked for; nobody asks for all.
func asked(identifiers []string, account string) bool {
	for _, id := range identifiers {
		if id == account {
			return true
		}
	}
	return len(identifiers) == 0
}
