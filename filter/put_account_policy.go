package filter

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// PutAccountPolicy makes a subscription filter for all log groups of the caller's
// account and region, those made later included, or changes the one that has its
// name.
//
// Behaviour: it selects what is stored from now on, beside the log groups' own
// filters, and does not count against their number. selectionCriteria takes log
// groups out. Log groups below /sluice/ are always out: sluice writes them itself
// about what it could not deliver.
//
// Limits: document up to 30,720 characters, selectionCriteria up to 25 KB. With
// "limits: aws" one policy for an account and region.
//
// Deviations: SUBSCRIPTION_FILTER_POLICY is the only type; the others are refused by
// name. The texts for documents and criteria that are none are ours.

type putAccountPolicyInput struct {
	PolicyName        *string `json:"policyName"`
	PolicyDocument    *string `json:"policyDocument"`
	PolicyType        *string `json:"policyType"`
	Scope             *string `json:"scope"`
	SelectionCriteria *string `json:"selectionCriteria"`
}

type putAccountPolicyOutput struct {
	AccountPolicy accountPolicy `json:"accountPolicy"`
}

// accountPolicy is an account policy as the API shows it.
type accountPolicy struct {
	PolicyName        string `json:"policyName"`
	PolicyDocument    string `json:"policyDocument"`
	LastUpdatedTime   int64  `json:"lastUpdatedTime"`
	PolicyType        string `json:"policyType"`
	Scope             string `json:"scope"`
	SelectionCriteria string `json:"selectionCriteria,omitempty"`
	AccountID         string `json:"accountId"`
}

const (
	policyOfFilters = "SUBSCRIPTION_FILTER_POLICY"
	policyPrefix    = policyOfFilters + "/" // of the names in the table: a type has names of its own
	scopeAll        = "ALL"

	maxPolicyDocument = 30_720
	maxCriteria       = 25 << 10
	maxPolicyName     = 256
)

// errAccountPolicyNotFound: the code is the model's, the text is ours.
var errAccountPolicyNotFound = awsapi.ResourceNotFound("The specified account policy does not exist.")

func checkPolicyType(v *awsapi.Validation, value *string) {
	v.NotNull("policyType", value != nil)
	if value != nil {
		v.Enum("policyType", *value, "DATA_PROTECTION_POLICY", policyOfFilters, "FIELD_INDEX_POLICY", "TRANSFORMER_POLICY", "METRIC_EXTRACTION_POLICY")
	}
}

func (in *putAccountPolicyInput) validate() error {
	v := awsapi.LogsValidation()
	required(v, "policyName", in.PolicyName, maxPolicyName)
	required(v, "policyDocument", in.PolicyDocument, maxPolicyDocument)
	checkPolicyType(v, in.PolicyType)
	if in.Scope != nil {
		v.Enum("scope", *in.Scope, scopeAll)
	}
	if in.SelectionCriteria != nil {
		v.ListLength("selectionCriteria", *in.SelectionCriteria, len(*in.SelectionCriteria), 0, maxCriteria)
	}
	if err := v.Err(); err != nil {
		return err
	}
	if *in.PolicyType != policyOfFilters {
		return awsapi.InvalidParameter("policyType %s is not supported", *in.PolicyType)
	}
	return nil
}

// policyDocument is what the document of a SUBSCRIPTION_FILTER_POLICY says.
type policyDocument struct {
	DestinationArn *string
	RoleArn        *string
	FilterPattern  *string
	Distribution   *string
}

// parse reads document and criteria.
func (in *putAccountPolicyInput) parse() (doc policyDocument, except []string, err error) {
	if err := json.Unmarshal([]byte(*in.PolicyDocument), &doc); err != nil {
		return doc, nil, awsapi.InvalidParameter("The policy document is not valid JSON.")
	}
	if doc.DestinationArn == nil || doc.FilterPattern == nil {
		return doc, nil, awsapi.InvalidParameter("The policy document must have DestinationArn and FilterPattern.")
	}
	v := awsapi.LogsValidation()
	v.Length("FilterPattern", *doc.FilterPattern, 0, maxPattern)
	if doc.Distribution != nil {
		v.Enum("Distribution", *doc.Distribution, distributionRandom, distributionByLogStream)
	}
	if err := v.Err(); err != nil {
		return doc, nil, err
	}
	if in.SelectionCriteria != nil {
		except, err = exceptGroups(*in.SelectionCriteria)
	}
	return doc, except, err
}

// exceptGroups reads LogGroupName NOT IN ["a","b"], the only criteria there is.
func exceptGroups(criteria string) ([]string, error) {
	criteria = strings.TrimSpace(criteria)
	if criteria == "" {
		return nil, nil
	}
	words := strings.SplitN(strings.Replace(criteria, "[", " [", 1), "[", 2)
	var names []string
	if len(words) != 2 || !slices.Equal(strings.Fields(words[0]), []string{"LogGroupName", "NOT", "IN"}) ||
		json.Unmarshal([]byte("["+words[1]), &names) != nil {
		return nil, awsapi.InvalidParameter(`The selectionCriteria must be LogGroupName NOT IN ["name", ...].`)
	}
	return names, nil
}

func (a *API) putAccountPolicy(ctx context.Context, c awsapi.Caller, in *putAccountPolicyInput) (*putAccountPolicyOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	doc, except, err := in.parse()
	if err != nil {
		return nil, err
	}
	arn, err := checkDestination(c, *doc.DestinationArn, doc.RoleArn != nil)
	if err != nil {
		return nil, err
	}
	if err := checkPattern(*doc.FilterPattern); err != nil {
		return nil, err
	}
	if err := a.forget(); err != nil {
		return nil, answer(err, nil)
	}
	if err := a.reach(ctx, c, arn, sender{actionPutPolicy, doc.RoleArn != nil}); err != nil {
		return nil, err
	}
	p, err := a.writePolicy(c, in, doc, except)
	if err != nil {
		return nil, answer(err, nil)
	}
	return &putAccountPolicyOutput{shownPolicy(c, p)}, nil
}

// writePolicy ends the version in force and begins the next one where the log
// ends now.
func (a *API) writePolicy(c awsapi.Caller, in *putAccountPolicyInput, doc policyDocument, except []string) (AccountPolicy, error) {
	route, err := a.cfg.Catalog.Route(*doc.DestinationArn)
	if err != nil {
		return AccountPolicy{}, err
	}
	uid, err := a.cfg.Catalog.UID()
	if err != nil {
		return AccountPolicy{}, err
	}
	a.policies.Lock() // one at a time: their number is limited
	defer a.policies.Unlock()
	name := policyPrefix + *in.PolicyName
	p, err := a.subscriptions.policies.Upsert(scopeOf(c), name, func(p *AccountPolicy, there bool) error {
		if !there {
			p.Filter = uid
		}
		if (!there || p.Destroyed) && a.cfg.OneAccountPolicy && len(a.policiesOf(c)) > 0 {
			return awsapi.ErrLimitExceeded
		}
		at := a.cfg.Positions.Next()
		p.end(at)
		p.Name, p.Type, p.Scope, p.Document, p.Destroyed = *in.PolicyName, policyOfFilters, scopeAll, *in.PolicyDocument, false
		p.Criteria, p.Updated = "", a.cfg.Clock.Now().UnixMilli()
		if in.SelectionCriteria != nil {
			p.Criteria = *in.SelectionCriteria
		}
		f := catalog.SubscriptionFilter{
			Filter: p.Filter, Name: p.Name, Pattern: *doc.FilterPattern, DestinationARN: *doc.DestinationArn,
			Distribution: distributionByLogStream, Created: p.Updated, Route: route, From: slices.Clone(at),
		}
		if doc.RoleArn != nil {
			f.RoleARN = *doc.RoleArn
		}
		if doc.Distribution != nil {
			f.Distribution = *doc.Distribution
		}
		p.Versions = append(p.Versions, PolicyVersion{f, except})
		return nil
	})
	a.subscriptions.changed()
	return p, err
}

// end ends the version in force, if there is one.
func (p *AccountPolicy) end(at []uint64) {
	p.Versions = slices.Clone(p.Versions)
	for i := range p.Versions {
		if p.Versions[i].To == nil {
			p.Versions[i].To = slices.Clone(at)
		}
	}
}

// policiesOf lists the caller's account policies.
func (a *API) policiesOf(c awsapi.Caller) []AccountPolicy {
	return slices.DeleteFunc(a.subscriptions.policies.List(scopeOf(c), policyPrefix, "", 0), func(p AccountPolicy) bool { return p.Destroyed })
}

func shownPolicy(c awsapi.Caller, p AccountPolicy) accountPolicy {
	return accountPolicy{
		PolicyName: p.Name, PolicyDocument: p.Document, LastUpdatedTime: p.Updated, PolicyType: p.Type, Scope: p.Scope,
		SelectionCriteria: p.Criteria, AccountID: c.Account,
	}
}
