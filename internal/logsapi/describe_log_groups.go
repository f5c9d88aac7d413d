package logsapi

import (
	"context"
	"slices"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// DescribeLogGroups lists log groups in the order of their names.
//
// Behaviour: by prefix, by pattern (a substring, case-sensitive) or by
// identifiers, of one class or of all. With a pattern the items are shorter, as
// recorded from AWS. Absent retentionInDays means that events never expire.
//
// Limits: limit 1-50, default 50; at most 50 identifiers.
//
// Deviations: identifiers are taken without includeLinkedAccounts too; those that
// name no group are left out. There are no linked accounts: accountIdentifiers
// that do not name the caller's account find nothing.

type describeLogGroupsInput struct {
	LogGroupNamePrefix    *string  `json:"logGroupNamePrefix"`
	LogGroupNamePattern   *string  `json:"logGroupNamePattern"`
	LogGroupIdentifiers   []string `json:"logGroupIdentifiers"`
	LogGroupClass         *string  `json:"logGroupClass"`
	AccountIdentifiers    []string `json:"accountIdentifiers"`
	IncludeLinkedAccounts bool     `json:"includeLinkedAccounts"`
	Limit                 *int64   `json:"limit"`
	NextToken             *string  `json:"nextToken"`
}

type describeLogGroupsOutput struct {
	LogGroups []logGroup `json:"logGroups"`
	NextToken *string    `json:"nextToken,omitempty"`
}

// logGroup is a log group as the API shows it.
type logGroup struct {
	ARN                       string `json:"arn"`
	CreationTime              int64  `json:"creationTime"`
	DeletionProtectionEnabled *bool  `json:"deletionProtectionEnabled,omitempty"`
	KmsKeyID                  string `json:"kmsKeyId,omitempty"`
	LogGroupARN               string `json:"logGroupArn"`
	LogGroupClass             string `json:"logGroupClass"`
	LogGroupName              string `json:"logGroupName"`
	MetricFilterCount         int    `json:"metricFilterCount"`
	RetentionInDays           int    `json:"retentionInDays,omitzero"`
	StoredBytes               *int64 `json:"storedBytes,omitempty"`
}

const maxDescribed = 50

func (in *describeLogGroupsInput) validate() (limit int, err error) {
	v := awsapi.LogsValidation()
	checkGroupPart(v, "logGroupNamePrefix", in.LogGroupNamePrefix)
	checkGroupPart(v, "logGroupNamePattern", in.LogGroupNamePattern)
	if in.LogGroupIdentifiers != nil {
		v.ListLength("logGroupIdentifiers", awsapi.List(in.LogGroupIdentifiers), len(in.LogGroupIdentifiers), 1, 50)
		for _, id := range in.LogGroupIdentifiers {
			if !awsapi.ValidLogGroupIdentifier(id) {
				v.Elements("logGroupIdentifiers", awsapi.List(in.LogGroupIdentifiers), "Member must satisfy regular expression pattern: "+awsapi.PatternLogGroupIdentifier)
				break
			}
		}
	}
	v.ListLength("accountIdentifiers", awsapi.List(in.AccountIdentifiers), len(in.AccountIdentifiers), 0, 20)
	checkClass(v, in.LogGroupClass)
	limit = checkLimit(v, in.Limit, maxDescribed)
	if err := v.Err(); err != nil {
		return 0, err
	}
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return 0, awsapi.ErrGroupPrefixAndPattern
	}
	return limit, nil
}

// checkGroupPart records what is wrong with a part of a group's name; an empty
// one, which some clients send, finds everything.
func checkGroupPart(v *awsapi.Validation, member string, part *string) {
	if part != nil {
		v.Length(member, *part, 0, maxName)
		v.Pattern(member, *part, awsapi.PatternLogGroupName, *part == "" || awsapi.ValidLogGroupName(*part))
	}
}

func (a *API) describeLogGroups(_ context.Context, c awsapi.Caller, in *describeLogGroupsInput) (*describeLogGroupsOutput, error) {
	limit, err := in.validate()
	if err != nil {
		return nil, err
	}
	after, err := ParseNextToken("DescribeLogGroups", in.NextToken, a.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	out := &describeLogGroupsOutput{LogGroups: []logGroup{}}
	if len(in.AccountIdentifiers) > 0 && !slices.Contains(in.AccountIdentifiers, c.Account) {
		return out, nil
	}
	found := a.findGroups(c, in, after, limit+1)
	more := len(found) > limit
	found = found[:min(len(found), limit)]
	for _, g := range found {
		out.LogGroups = append(out.LogGroups, a.describe(c, g, in.LogGroupNamePattern != nil))
		after = g.Name
	}
	out.NextToken = NextToken("DescribeLogGroups", after, a.cfg.Clock.Now(), more)
	return out, nil
}

// findGroups returns up to limit groups behind after that the request is for.
func (a *API) findGroups(c awsapi.Caller, in *describeLogGroupsInput, after string, limit int) []catalog.LogGroup {
	prefix, pattern := text(in.LogGroupNamePrefix), text(in.LogGroupNamePattern)
	var named map[string]bool
	if in.LogGroupIdentifiers != nil {
		named = make(map[string]bool)
		for _, id := range in.LogGroupIdentifiers {
			if name, ok := c.LogGroupOf(id); ok {
				named[name] = true
			}
		}
	}
	wanted := func(g catalog.LogGroup) bool {
		return strings.Contains(g.Name, pattern) &&
			(named == nil || named[g.Name]) &&
			(in.LogGroupClass == nil || *in.LogGroupClass == g.Class)
	}
	return a.groupsWhere(scopeOf(c), prefix, after, limit, wanted)
}

// groupsWhere returns up to limit wanted groups with a prefix behind after, in the
// order of their names.
func (a *API) groupsWhere(s catalog.Scope, prefix, after string, limit int, wanted func(catalog.LogGroup) bool) (found []catalog.LogGroup) {
	const page = 1000
	for {
		groups := a.cfg.Catalog.Groups(s, prefix, after, page)
		for _, g := range groups {
			if wanted(g) {
				if found = append(found, g); len(found) == limit {
					return found
				}
			}
			after = g.Name
		}
		if len(groups) < page {
			return found
		}
	}
}

func (a *API) describe(c awsapi.Caller, g catalog.LogGroup, short bool) logGroup {
	out := logGroup{
		ARN: c.LogGroupStarARN(g.Name), LogGroupARN: c.LogGroupARN(g.Name),
		LogGroupName: g.Name, LogGroupClass: g.Class, CreationTime: g.Created,
	}
	if a.cfg.MetricFilters != nil {
		out.MetricFilterCount = a.cfg.MetricFilters(g)
	}
	if !short {
		stored := a.cfg.Events.GroupBytes(g.UID)
		out.StoredBytes, out.DeletionProtectionEnabled = &stored, &g.DeletionProtection
		out.KmsKeyID, out.RetentionInDays = g.KmsKeyID, g.RetentionDays
	}
	return out
}

// text is an optional string, "" when it is absent.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
