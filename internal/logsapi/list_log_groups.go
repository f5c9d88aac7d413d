package logsapi

import (
	"context"
	"slices"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// ListLogGroups lists log groups in the order of their names: name, ARN and class
// only.
//
// Behaviour: the pattern is up to five alternatives separated by |, each a
// substring of the name or, after ^, its prefix; case-sensitive.
//
// Limits: an alternative has 3-24 characters; limit 1-1,000, default 50.
//
// Deviations: there are no linked accounts. dataSources, fieldIndexNames and
// logGroupTags are refused by name.

type listLogGroupsInput struct {
	LogGroupNamePattern   *string        `json:"logGroupNamePattern"`
	LogGroupClass         *string        `json:"logGroupClass"`
	AccountIdentifiers    []string       `json:"accountIdentifiers"`
	IncludeLinkedAccounts bool           `json:"includeLinkedAccounts"`
	DataSources           []any          `json:"dataSources"`
	FieldIndexNames       []string       `json:"fieldIndexNames"`
	LogGroupTags          map[string]any `json:"logGroupTags"`
	Limit                 *int64         `json:"limit"`
	NextToken             *string        `json:"nextToken"`
}

type listLogGroupsOutput struct {
	LogGroups []logGroupSummary `json:"logGroups"`
	NextToken *string           `json:"nextToken,omitempty"`
}

type logGroupSummary struct {
	LogGroupARN   string `json:"logGroupArn"`
	LogGroupClass string `json:"logGroupClass"`
	LogGroupName  string `json:"logGroupName"`
}

const (
	maxListed        = 1000
	patternAnyOfFive = `(\^?[\.\-_\/#A-Za-z0-9]{3,24})(\|\^?[\.\-_\/#A-Za-z0-9]{3,24}){0,4}`
)

func (in *listLogGroupsInput) validate() (limit int, err error) {
	v := awsapi.LogsValidation()
	if p := in.LogGroupNamePattern; p != nil {
		v.Length("logGroupNamePattern", *p, 3, 129)
		v.Pattern("logGroupNamePattern", *p, patternAnyOfFive, validAlternatives(*p))
	}
	checkClass(v, in.LogGroupClass)
	v.ListLength("accountIdentifiers", awsapi.List(in.AccountIdentifiers), len(in.AccountIdentifiers), 0, 20)
	limit = maxDescribed
	if in.Limit != nil {
		limit = checkLimit(v, in.Limit, maxListed)
	}
	if err := v.Err(); err != nil {
		return 0, err
	}
	switch {
	case len(in.DataSources) > 0:
		return 0, awsapi.InvalidParameter("dataSources is not supported")
	case len(in.FieldIndexNames) > 0:
		return 0, awsapi.InvalidParameter("fieldIndexNames is not supported")
	case len(in.LogGroupTags) > 0:
		return 0, awsapi.InvalidParameter("logGroupTags is not supported")
	}
	return limit, nil
}

func validAlternatives(pattern string) bool {
	alternatives := strings.Split(pattern, "|")
	return len(alternatives) <= 5 && !slices.ContainsFunc(alternatives, func(s string) bool {
		s = strings.TrimPrefix(s, "^")
		return len(s) < 3 || len(s) > 24 || !awsapi.ValidLogGroupName(s)
	})
}

// matchesAny tells whether a name matches one of a pattern's alternatives.
func matchesAny(name, pattern string) bool {
	for alternative := range strings.SplitSeq(pattern, "|") {
		if prefix, ok := strings.CutPrefix(alternative, "^"); ok && strings.HasPrefix(name, prefix) || !ok && strings.Contains(name, alternative) {
			return true
		}
	}
	return false
}

func (a *API) listLogGroups(_ context.Context, c awsapi.Caller, in *listLogGroupsInput) (*listLogGroupsOutput, error) {
	limit, err := in.validate()
	if err != nil {
		return nil, err
	}
	after, err := ParseNextToken("ListLogGroups", in.NextToken, a.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	out := &listLogGroupsOutput{LogGroups: []logGroupSummary{}}
	if len(in.AccountIdentifiers) > 0 && !slices.Contains(in.AccountIdentifiers, c.Account) {
		return out, nil
	}
	found := a.groupsWhere(scopeOf(c), "", after, limit+1, func(g catalog.LogGroup) bool {
		return matchesAny(g.Name, text(in.LogGroupNamePattern)) && (in.LogGroupClass == nil || *in.LogGroupClass == g.Class)
	})
	more := len(found) > limit
	for _, g := range found[:min(len(found), limit)] {
		out.LogGroups = append(out.LogGroups, logGroupSummary{LogGroupARN: c.LogGroupARN(g.Name), LogGroupClass: g.Class, LogGroupName: g.Name})
		after = g.Name
	}
	out.NextToken = NextToken("ListLogGroups", after, a.cfg.Clock.Now(), more)
	return out, nil
}
