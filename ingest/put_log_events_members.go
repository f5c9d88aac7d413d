package ingest

import (
	"strconv"
	"unicode/utf8"

	"sluice/ingest/putlogevents"
	"sluice/internal/awsapi"
)

// maxName is the limit of group and stream names, in characters.
const maxName = 512

// checkMembers answers to what the service model refuses in a PutLogEvents
// request. It runs only when something is wrong, or a name is unknown.
func checkMembers(req *putlogevents.Request) error {
	group, stream := string(req.LogGroupName), string(req.LogStreamName)
	if utf8.RuneCountInString(group) > maxName || utf8.RuneCountInString(stream) > maxName {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	v.NotNull("logGroupName", req.LogGroupName != nil)
	if req.LogGroupName != nil {
		v.Length("logGroupName", group, 1, maxName)
		v.Pattern("logGroupName", group, awsapi.PatternLogGroupName, group == "" || awsapi.ValidLogGroupName(group))
	}
	v.NotNull("logStreamName", req.LogStreamName != nil)
	if req.LogStreamName != nil {
		v.Length("logStreamName", stream, 1, maxName)
		v.Pattern("logStreamName", stream, awsapi.PatternLogStreamName, awsapi.ValidLogStreamName(stream))
	}
	v.NotNull("logEvents", req.HasEvents)
	if req.HasEvents && req.Events == 0 {
		v.ListLength("logEvents", "[]", 0, 1, maxEvents)
	}
	for _, p := range req.Problems {
		checkEvent(v, p)
	}
	return v.Err()
}

// checkEvent words the problem of one event. AWS counts elements from 1.
func checkEvent(v *awsapi.Validation, p putlogevents.Problem) {
	member := "logEvents." + strconv.Itoa(p.Event+1) + ".member"
	switch p.Rule {
	case putlogevents.EventNotNull:
		v.NotNull(member, false)
	case putlogevents.MessageNotNull:
		v.NotNull(member+".message", false)
	case putlogevents.MessageNotEmpty:
		v.Length(member+".message", "", 1, maxBatchBytes)
	case putlogevents.TimestampNotNull:
		v.NotNull(member+".timestamp", false)
	case putlogevents.TimestampNotNegative:
		v.Fail(member+".timestamp", strconv.FormatInt(p.Timestamp, 10), "Member must have value greater than or equal to 0")
	}
}
