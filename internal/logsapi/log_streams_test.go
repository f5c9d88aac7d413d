package logsapi_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
)

// wantAs wants one of the SDK's typed errors.
func wantAs[E error](t testing.TB, err error) {
	t.Helper()
	var want E
	if !errors.As(err, &want) {
		t.Errorf("error %v, want a %T", err, want)
	}
}

// create makes a group with streams and returns their uids.
func (a *api) create(t testing.TB, group string, streams ...string) (groupUID uint64, uids map[string]uint64) {
	t.Helper()
	a.Done("CreateLogGroup", `{"logGroupName":"`+group+`"}`, nil)
	g, _ := a.catalog.Group(logsapitest.Scope, group)
	uids = make(map[string]uint64)
	for _, name := range streams {
		a.Done("CreateLogStream", `{"logGroupName":"`+group+`","logStreamName":"`+name+`"}`, nil)
		s, _ := a.catalog.Stream(g.UID, name)
		uids[name] = s.UID
	}
	return g.UID, uids
}

func TestRecordedLogStreams(t *testing.T) {
	r := logsapitest.Record(t, "logs_streams.json")
	a := serve(t)
	a.create(t, "group", "s-b")
	one := []string{"s-b", "<log-stream-name:1>", ":group:", ":<log-group>:"}
	const streams = "TestLogsStreams::"
	r.Same(t, a.Call("DescribeLogStreams", `{"logGroupName":"group"}`), streams+"test_create_and_delete_log_stream", "describe-log-streams-after-create", one...)
	r.Same(t, a.Call("DescribeLogStreams", `{"logGroupName":"group"}`), streams+"test_log_stream_arn_format", "describe-log-streams-with-arn", one...)
	r.Same(t, a.Call("CreateLogStream", `{"logGroupName":"group","logStreamName":"s-b"}`), streams+"test_create_log_stream_duplicate_error", "error-duplicate-log-stream")
	const byIdentifier = streams + "test_describe_log_streams_with_log_group_identifier"
	r.Same(t, a.Call("DescribeLogStreams", `{"logGroupIdentifier":"group"}`), byIdentifier, "describe-streams-identifier-name", one...)
	r.Same(t, a.Call("DescribeLogStreams", `{"logGroupIdentifier":"arn:aws:logs:us-east-1:111111111111:log-group:group"}`), byIdentifier, "describe-streams-identifier-arn", one...)
	r.Same(t, a.Call("DescribeLogStreams", `{"logGroupName":"group","logGroupIdentifier":"group"}`), byIdentifier, "error-both-name-and-identifier")
	for _, name := range []string{"s-c", "other", "s-a"} {
		a.Done("CreateLogStream", `{"logGroupName":"group","logStreamName":"`+name+`"}`, nil)
	}
	r.Same(t, a.Call("DescribeLogStreams", `{"logGroupName":"group","logStreamNamePrefix":"s-"}`), streams+"test_describe_log_streams_with_prefix", "describe-streams-with-prefix",
		"s-a", "<log-stream-name:1>", "s-b", "<log-stream-name:2>", "s-c", "<log-stream-name:3>", ":group:", ":<log-group>:")
}

func TestLogStreamTexts(t *testing.T) {
	a := serve(t)
	a.create(t, "g", "s")
	f := func(operation, body, want string) {
		t.Helper()
		a.Refused(operation, body, want)
	}
	one := "InvalidParameterException: 1 validation error detected: Value "
	f("CreateLogStream", `{"logGroupName":"x","logStreamName":"s"}`, groupMissing)
	f("CreateLogStream", `{"logGroupName":"g"}`, one+"null at 'logStreamName' failed to satisfy constraint: Member must not be null")
	f("CreateLogStream", `{"logStreamName":"s"}`, nullGroup)
	f("CreateLogStream", `{"logGroupName":"g","logStreamName":"a:b"}`, one+"'a:b' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*")
	f("CreateLogStream", `{"logGroupName":"g","logStreamName":""}`, one+"'' at 'logStreamName' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f("CreateLogStream", `{"logGroupName":"g","logStreamName":`+quoted(513)+`}`, tooLongName)
	f("DeleteLogStream", `{"logGroupName":"x","logStreamName":"s"}`, groupMissing)
	f("DeleteLogStream", `{"logGroupName":"g","logStreamName":"x"}`, streamMissing)
	f("DescribeLogStreams", `{}`, nullGroup)
	f("DescribeLogStreams", `{"logGroupName":"x"}`, groupMissing)
	f("DescribeLogStreams", `{"logGroupIdentifier":"arn:aws:logs:eu-west-1:111111111111:log-group:g"}`, groupMissing)
	f("DescribeLogStreams", `{"logGroupIdentifier":"arn:aws:logs:us-east-1:111111111111:log-group:g:*"}`, one+`'arn:aws:logs:us-east-1:111111111111:log-group:g:*' at 'logGroupIdentifier' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w#+=/:,.@-]*`)
	f("DescribeLogStreams", `{"logGroupName":"g","orderBy":"LastEventTime","logStreamNamePrefix":"a"}`, "InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix.")
	f("DescribeLogStreams", `{"logGroupName":"g","orderBy":"Size"}`, one+"'Size' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LogStreamName, LastEventTime]")
	f("DescribeLogStreams", `{"logGroupName":"g","limit":51}`, one+"'51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50")
	f("DescribeLogStreams", `{"logGroupName":"g","nextToken":"x"}`, badToken)
}

func TestDescribeLogStreams(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "a", "b", "b2", "c", "d")
	a.create(t, "other", "x")
	for i, name := range []string{"c", "a", "b"} { // d and b2 have no events
		a.events.Add(t, event.Header{GroupUID: group, StreamUID: uids[name], Ingested: int64(100 + i)}, logsapitest.Event{Timestamp: int64(10 + i), Message: "m"})
	}
	f := func(options, want string) {
		t.Helper()
		names, token := a.names("DescribeLogStreams", `{"logGroupName":"g"`+options+`}`)
		equal(t, names, want)
		equal(t, token, "")
		var collected string // one at a time
		for more := ""; ; {
			names, token := a.names("DescribeLogStreams", `{"logGroupName":"g","limit":1`+options+more+`}`)
			collected += names
			if token == "" {
				break
			}
			more = `,"nextToken":"` + token + `"`
			collected += " "
		}
		equal(t, collected, want)
	}
	f(``, "a b b2 c d")
	f(`,"orderBy":"LogStreamName","descending":true`, "d c b2 b a")
	f(`,"logStreamNamePrefix":"b"`, "b b2")
	f(`,"logStreamNamePrefix":"b","descending":true`, "b2 b")
	f(`,"logStreamNamePrefix":"x"`, "")
	f(`,"orderBy":"LastEventTime"`, "b2 d c a b")
	f(`,"orderBy":"LastEventTime","descending":true`, "b a c d b2")
	equal(t, a.Call("DescribeLogStreams", `{"logGroupName":"g","logStreamNamePrefix":"a"}`).String(), fmt.Sprintf(
		`{"logStreams":[{"arn":"arn:aws:logs:us-east-1:111111111111:log-group:g:log-stream:a","creationTime":%d,"firstEventTimestamp":11,"lastEventTimestamp":11,"lastIngestionTime":101,"logStreamName":"a","storedBytes":0,"uploadSequenceToken":"%s"}]}`,
		start.UnixMilli(), event.ID{Timestamp: 11, Ingested: 101, Request: uids["a"]}))
	_, token := a.names("DescribeLogStreams", `{"logGroupName":"g","limit":1}`)
	a.Refused("DescribeLogStreams", `{"logGroupName":"g","descending":true,"nextToken":"`+token+`"}`, badToken)
}

// TestLogStreamsBySDK drives every operation on streams with the AWS SDK.
func TestLogStreamsBySDK(t *testing.T) {
	a := serve(t)
	a.create(t, "g")
	client, ctx := a.Client(), context.Background()
	group := aws.String("g")
	for i := range 120 {
		if _, err := client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: aws.String(fmt.Sprintf("i-%03d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: aws.String("i-000")})
	wantAs[*types.ResourceAlreadyExistsException](t, err)
	_, err = client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("x"), LogStreamName: aws.String("i-000")})
	wantAs[*types.ResourceNotFoundException](t, err)
	if _, err := client.DeleteLogStream(ctx, &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: group, LogStreamName: aws.String("i-119")}); err != nil {
		t.Error(err)
	}
	seen := 0
	for p := cloudwatchlogs.NewDescribeLogStreamsPaginator(client, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: group}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.LogStreams {
			equal(t, *s.LogStreamName, fmt.Sprintf("i-%03d", seen))
			seen++
		}
	}
	equal(t, seen, 119)
}
