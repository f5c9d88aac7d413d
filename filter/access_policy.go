package filter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/awsapi"
)

// accessPolicy is the IAM document that says whose log groups may send to a
// destination. Of IAM it knows: Effect, Principal (accounts and their ARNs, or *),
// Action and Resource with wildcards, and conditions on who asks. A condition that
// it does not know is not met by an Allow, and is met by a Deny, and so it is with
// NotPrincipal, NotAction and NotResource: what cannot be judged is not let in.
type accessPolicy struct {
	Statement oneOrMore[policyStatement]
}

type policyStatement struct {
	Effect    string
	Principal json.RawMessage
	Action    oneOrMore[string]
	Resource  oneOrMore[string]
	Condition map[string]map[string]oneOrMore[string]

	// Those that say whom and what a statement is not about are not judged.
	NotPrincipal, NotAction, NotResource json.RawMessage
}

// oneOrMore is a value that IAM writes alone or in a list.
type oneOrMore[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(o))
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*o = []T{one}
	return nil
}

func parseAccessPolicy(text string) (accessPolicy, error) {
	var p accessPolicy
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("parse access policy: %w", err)
	}
	for i, s := range p.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return p, fmt.Errorf("parse access policy: statement %d: Effect %q is neither Allow nor Deny", i, s.Effect)
		}
	}
	return p, nil
}

// ask is a question to an access policy.
type ask struct {
	account, organization string // who asks
	action, resource      string
}

// allows answers it: a Deny wins over every Allow. byOrganization says that only
// being a member of an organisation opened the door.
func (p accessPolicy) allows(q ask) (allowed, byOrganization bool) {
	byOrganization = true
	for _, s := range p.Statement {
		if !s.about(q) {
			continue
		}
		met, org := s.conditions(q)
		switch {
		case s.Effect == "Deny" && met:
			return false, false
		case s.Effect == "Allow" && met:
			allowed, byOrganization = true, byOrganization && org
		}
	}
	return allowed, allowed && byOrganization
}

func (s policyStatement) about(q ask) bool {
	part := func(not json.RawMessage, about func() bool) bool {
		if not != nil {
			return s.Effect == "Deny"
		}
		return about()
	}
	return part(s.NotPrincipal, func() bool { return s.principal(q.account) }) &&
		part(s.NotAction, func() bool { return slices.ContainsFunc(s.Action, q.doing) }) &&
		part(s.NotResource, func() bool { return len(s.Resource) == 0 || slices.ContainsFunc(s.Resource, q.on) })
}

func (q ask) doing(action string) bool {
	return awsapi.MatchesWildcard(strings.ToLower(action), strings.ToLower(q.action))
}

func (q ask) on(resource string) bool { return sameResource(resource, q.resource) }

// sameResource compares ARNs with wildcards, the partition ignored as everywhere.
func sameResource(pattern, arn string) bool {
	p, err := awsapi.ParseARN(pattern)
	if err != nil {
		return awsapi.MatchesWildcard(pattern, arn) // *, or a beginning of an ARN and *
	}
	a, err := awsapi.ParseARN(arn)
	p.Partition = a.Partition
	return err == nil && awsapi.MatchesWildcard(p.String(), a.String())
}

// principal reads "*", {"AWS": "*"}, account numbers and ARNs of an account.
func (s policyStatement) principal(account string) bool {
	var all string
	if json.Unmarshal(s.Principal, &all) == nil {
		return all == "*"
	}
	var by struct{ AWS oneOrMore[string] }
	if json.Unmarshal(s.Principal, &by) != nil {
		return false
	}
	return slices.ContainsFunc(by.AWS, func(who string) bool {
		if arn, err := awsapi.ParseARN(who); err == nil {
			return arn.Account == account
		}
		return who == "*" || who == account
	})
}

// conditions tells whether all conditions are met. For a Deny one that is not
// known counts as met.
func (s policyStatement) conditions(q ask) (met, byOrganization bool) {
	for operator, keys := range s.Condition {
		for key, values := range keys {
			ok, known := condition1(operator, key, values, q)
			if !known {
				ok = s.Effect == "Deny"
			}
			if !ok {
				return false, false
			}
			byOrganization = byOrganization || strings.EqualFold(key, "aws:PrincipalOrgID")
		}
	}
	return true, byOrganization
}

// condition1 judges one condition; known is false for what it cannot judge.
func condition1(operator, key string, values []string, q ask) (ok, known bool) {
	var have string
	switch strings.ToLower(key) {
	case "aws:principalorgid":
		have = q.organization
	case "aws:principalaccount", "aws:sourceaccount":
		have = q.account
	default:
		return false, false
	}
	negated := strings.Contains(operator, "Not")
	var match func(pattern, text string) bool
	switch strings.Replace(operator, "Not", "", 1) {
	case "StringEquals":
		match = func(p, t string) bool { return p == t }
	case "StringEqualsIgnoreCase":
		match = strings.EqualFold
	case "StringLike":
		match = awsapi.MatchesWildcard
	default:
		return false, false
	}
	found := have != "" && slices.ContainsFunc(values, func(v string) bool { return match(v, have) })
	return found != negated, true
}
