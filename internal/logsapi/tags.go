package logsapi

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// Tags of a log group are one set, seen by the two APIs that AWS has for them.

const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256

	patternTagKey   = `([\p{L}\p{Z}\p{N}_.:/=+\-@]+)`
	patternTagValue = `([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`
)

// errTooManyTags: the code is the model's, the text is ours.
var errTooManyTags = &awsapi.Error{Code: awsapi.CodeTooManyTags, Message: "A resource can have at most 50 tags."}

// CheckTags records what is wrong with keys and values.
func CheckTags(v *awsapi.Validation, tags map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if broken := tagProblems(key, 1, maxTagKey, patternTagKey); broken != nil {
			v.MapKeys("tags", printTags(tags), broken...)
		}
		if broken := tagProblems(tags[key], 0, maxTagValue, patternTagValue); broken != nil {
			v.MapValues("tags", printTags(tags), broken...)
		}
	}
}

func tagProblems(s string, least, most int, pattern string) (broken []string) {
	n := utf8.RuneCountInString(s)
	if n > most {
		broken = append(broken, "Member must have length less than or equal to "+strconv.Itoa(most))
	}
	if n < least {
		broken = append(broken, "Member must have length greater than or equal to "+strconv.Itoa(least))
	}
	if n > 0 && strings.ContainsFunc(s, notInTag) {
		broken = append(broken, "Member must satisfy regular expression pattern: "+pattern)
	}
	return broken
}

func notInTag(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
}

// printTags prints tags as AWS's texts do: {a=1, b=2}.
func printTags(tags map[string]string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(tags)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(key + "=" + tags[key])
	}
	b.WriteByte('}')
	return b.String()
}

// tagChange changes a resource's tags, which are there.
type tagChange = func(tags map[string]string) error

// addTags returns the change that adds tags to a resource's own, or answers full
// when they would be too many.
func addTags(tags map[string]string, full error) tagChange {
	return func(own map[string]string) error {
		maps.Copy(own, tags)
		if len(own) > maxTags {
			return full
		}
		return nil
	}
}

// removeTags returns the change that removes tags; those that are not there are
// no error.
func removeTags(keys []string) tagChange {
	return func(own map[string]string) error {
		for _, key := range keys {
			delete(own, key)
		}
		return nil
	}
}

// ofGroup is a change of tags as a change of a log group.
func ofGroup(change tagChange) func(*catalog.LogGroup) error {
	return func(g *catalog.LogGroup) error {
		if g.Tags == nil {
			g.Tags = make(map[string]string)
		}
		return change(g.Tags)
	}
}

// tagsOutput answers both APIs' lists.
type tagsOutput struct {
	Tags map[string]string `json:"tags"`
}

func tagsOf(g catalog.LogGroup) *tagsOutput {
	if g.Tags == nil {
		return &tagsOutput{Tags: map[string]string{}}
	}
	return &tagsOutput{Tags: g.Tags}
}

// checkTagKeys records what is wrong with the keys to remove.
func checkTagKeys(v *awsapi.Validation, member string, keys []string, least int) {
	v.NotNull(member, keys != nil)
	if keys == nil {
		return
	}
	v.ListLength(member, awsapi.List(keys), len(keys), least, maxTags)
	for _, key := range keys {
		if broken := tagProblems(key, 1, maxTagKey, patternTagKey); broken != nil {
			v.Elements(member, awsapi.List(keys), broken...)
			return
		}
	}
}

// checkNewTags records what is wrong with required tags.
func checkNewTags(v *awsapi.Validation, tags map[string]string) {
	v.NotNull("tags", tags != nil)
	if tags != nil {
		v.ListLength("tags", printTags(tags), len(tags), 1, maxTags)
		CheckTags(v, tags)
	}
}

// destination is the logical destination that an ARN names.
func (a *API) destination(c awsapi.Caller, resourceARN *string) (catalog.Scope, string, bool) {
	arn, err := awsapi.ParseARN(text(resourceARN))
	if err != nil || a.cfg.Destinations == nil || !arn.OwnedBy(c) {
		return catalog.Scope{}, "", false
	}
	name, ok := arn.Destination()
	return scopeOf(c), name, ok
}

// changeTags changes the tags of the resource that an ARN names.
func (a *API) changeTags(c awsapi.Caller, resourceARN *string, change tagChange) error {
	if scope, name, ok := a.destination(c, resourceARN); ok {
		return a.cfg.Destinations.ChangeTags(scope, name, change)
	}
	g, err := a.resourceGroup(c, resourceARN)
	if err != nil {
		return err
	}
	return a.update(g, ofGroup(change))
}

// resourceGroup finds the log group that an ARN without ":*" names.
func (a *API) resourceGroup(c awsapi.Caller, resourceARN *string) (catalog.LogGroup, error) {
	arn, err := awsapi.ParseARN(text(resourceARN))
	if err != nil {
		return catalog.LogGroup{}, awsapi.InvalidParameter("The resourceArn is not a valid ARN.")
	}
	name, ok := arn.LogGroup()
	if !ok {
		return catalog.LogGroup{}, awsapi.InvalidParameter("The resourceArn does not name a log group.")
	}
	if !arn.OwnedBy(c) {
		return catalog.LogGroup{}, awsapi.ErrLogGroupNotFound
	}
	return a.groupOf(c, groupRef{LogGroupName: &name})
}

func checkResource(v *awsapi.Validation, resourceARN *string) {
	v.NotNull("resourceArn", resourceARN != nil)
	if resourceARN != nil {
		v.Length("resourceArn", *resourceARN, 1, 1011)
		v.Pattern("resourceArn", *resourceARN, awsapi.PatternResourceARN, awsapi.ValidResourceARN(*resourceARN))
	}
}
