package logsapi

import (
	"unicode/utf8"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// maxName is the limit of group and stream names, in characters.
const maxName = 512

// groupRef is how requests name a log group: one of the two. Not all have both.
type groupRef struct {
	LogGroupName       *string `json:"logGroupName"`
	LogGroupIdentifier *string `json:"logGroupIdentifier"`
}

// tooLong tells of a group or stream name over its length, for which AWS has a
// text that comes before the generic ones.
func tooLong(names ...*string) bool {
	for _, name := range names {
		if name != nil && utf8.RuneCountInString(*name) > maxName {
			return true
		}
	}
	return false
}

// checkGroupName records what is wrong with a required logGroupName.
func checkGroupName(v *awsapi.Validation, name *string) {
	v.NotNull("logGroupName", name != nil)
	if name != nil {
		v.Length("logGroupName", *name, 1, maxName)
		v.Pattern("logGroupName", *name, awsapi.PatternLogGroupName, *name == "" || awsapi.ValidLogGroupName(*name))
	}
}

// checkStreamName records what is wrong with a required logStreamName.
func checkStreamName(v *awsapi.Validation, name *string) {
	v.NotNull("logStreamName", name != nil)
	if name != nil {
		checkStreamText(v, "logStreamName", *name)
	}
}

func checkStreamText(v *awsapi.Validation, member, name string) {
	v.Length(member, name, 1, maxName)
	v.Pattern(member, name, awsapi.PatternLogStreamName, awsapi.ValidLogStreamName(name))
}

// check records what is wrong with a reference that may use either member.
func (r groupRef) check(v *awsapi.Validation) {
	if r.LogGroupIdentifier == nil {
		checkGroupName(v, r.LogGroupName)
		return
	}
	checkIdentifier(v, "logGroupIdentifier", *r.LogGroupIdentifier)
}

func checkIdentifier(v *awsapi.Validation, member, identifier string) {
	v.Length(member, identifier, 1, 2048)
	v.Pattern(member, identifier, awsapi.PatternLogGroupIdentifier, awsapi.ValidLogGroupIdentifier(identifier))
}

// groupOf finds the log group of a reference that was checked.
func (a *API) groupOf(c awsapi.Caller, r groupRef) (catalog.LogGroup, error) {
	name, ok := "", true
	if r.LogGroupIdentifier != nil {
		name, ok = c.LogGroupOf(*r.LogGroupIdentifier)
	} else {
		name = *r.LogGroupName
	}
	if ok {
		if g, found := a.cfg.Catalog.Group(scopeOf(c), name); found {
			return g, nil
		}
	}
	return catalog.LogGroup{}, awsapi.ErrLogGroupNotFound
}

// streamOf finds a log stream of a group.
func (a *API) streamOf(g catalog.LogGroup, name string) (catalog.LogStream, error) {
	if s, ok := a.cfg.Catalog.Stream(g.UID, name); ok {
		return s, nil
	}
	return catalog.LogStream{}, awsapi.ErrLogStreamNotFound
}

// checkLimit records a limit out of its range and returns it, or the default.
func checkLimit(v *awsapi.Validation, limit *int64, most int64) int {
	if limit == nil {
		return int(most)
	}
	v.Range("limit", *limit, 1, most)
	return int(*limit)
}
