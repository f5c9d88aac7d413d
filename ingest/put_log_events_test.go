package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"

	"sluice/ingest"
	"sluice/ingest/putlogevents"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	day  = int64(24 * time.Hour / time.Millisecond)
	hour = int64(time.Hour / time.Millisecond)
)

// receiver is PutLogEvents over a store in memory, with log group g, which keeps
// events for 7 days, log group h, which keeps them for ever, and a stream s in
// each.
type receiver struct {
	*logsapitest.Server
	events *logsapitest.Events
	op     awsapi.Operation
	group  catalog.LogGroup
	stream catalog.LogStream
}

func receive(t testing.TB) *receiver { return receiveBy(t, ingest.Config{}) }

// receiveBy is receive with a policy.
func receiveBy(t testing.TB, cfg ingest.Config) *receiver {
	t.Helper()
	r := &receiver{events: &logsapitest.Events{}}
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []catalog.LogGroup{{Name: "h"}, {Name: "/shop/web", RetentionDays: 7}} {
		g.Scope = logsapitest.Scope
		if r.group, err = c.CreateLogGroup(g); err != nil {
			t.Fatal(err)
		}
		if r.stream, err = c.CreateLogStream(r.group.UID, "s", 1); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Definitions, cfg.Appender, cfg.Clock = c, r.events, clock.NewTest(now)
	if cfg.Rejections == nil {
		cfg.Rejections = r.events
	}
	api, err := ingest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.op = api.Operations()[0]
	r.Server = logsapitest.Serve(t, api.Operations()...)
	return r
}

// body is a request with events at times relative to now, in ms.
func body(group string, times ...int64) string {
	var events []putlogevents.Event
	for i, at := range times {
		events = append(events, putlogevents.Event{Timestamp: now.UnixMilli() + at, Message: fmt.Append(nil, i)})
	}
	return string(putlogevents.AppendRequest(nil, group, "s", events...))
}

// stored lists the messages that reached the store, and what was rejected.
func (r *receiver) stored() (string, store.Rejected) {
	var out []string
	for _, b := range r.events.Batches() {
		for i := range b.Len() {
			out = append(out, string(b.Message(i)))
		}
	}
	return strings.Join(out, " "), r.events.Rejected()
}

func equal[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestRecorded(t *testing.T) {
	rec := logsapitest.Record(t, "logs_events.json")
	r := receive(t)
	const events, missing = "TestLogsEvents::", "TestLogsEventsErrors::test_resource_does_not_exist"
	rec.Same(t, r.Call("PutLogEvents", strings.Replace(body("h", 0), `"s"`, `"x"`, 1)), events+"test_put_log_events_to_invalid_stream", "error-invalid-stream")
	rec.Same(t, r.Call("PutLogEvents", body("h", 0, -2*day)), events+"test_put_log_events_wrong_order", "error-wrong-order")
	rec.Same(t, r.Call("PutLogEvents", body("h", -15*day)), events+"test_put_log_events_too_old", "response-too-old")
	rec.Same(t, r.Call("PutLogEvents", body("h", 4*hour)), events+"test_put_log_events_too_new", "response-too-new")
	rec.Same(t, r.Call("PutLogEvents", body("x", 0)), missing, "error-log-group-does-not-exist")
	rec.Same(t, r.Call("PutLogEvents", strings.Replace(body("h", 0), `"s"`, `"x"`, 1)), missing, "error-log-stream-does-not-exist")
	messages, _ := r.stored()
	equal(t, messages, "")
}

func TestStoredBatch(t *testing.T) {
	r := receive(t)
	before := now.UnixMilli()
	r.Done("PutLogEvents", body("/shop/web", -8*day, -1, 0, 3*hour), new(any))
	b := r.events.Batches()[0]
	equal(t, b.Source(), event.Source{Account: logsapitest.Account, Region: logsapitest.Region, LogGroup: "/shop/web", LogStream: "s"})
	h := b.Header()
	if h.Request == 0 {
		t.Error("the request has no name")
	}
	h.Request = 0
	equal(t, h, event.Header{Ingested: before, GroupUID: r.group.UID, StreamUID: r.stream.UID})
	equal(t, b.Len(), 2)
	equal(t, b.Timestamp(0), before-1)
	equal(t, b.Index(0), 1) // events keep their place in the request
	r.Done("PutLogEvents", body("/shop/web", 0), new(any))
	if b.Request() == r.events.Batches()[1].Request() {
		t.Error("two requests have one name")
	}
}

// TestAges goes along the edges of what is taken.
func TestAges(t *testing.T) {
	f := func(group string, times []int64, rejected, stored string, n store.Rejected) {
		t.Helper()
		r := receive(t)
		a := r.Call("PutLogEvents", body(group, times...))
		if a.Status != 200 {
			t.Errorf("%v: %s", times, a)
			return
		}
		answer := a.Body.(map[string]any)
		token, _ := answer["nextSequenceToken"].(string)
		if len(token) != 56 || strings.Trim(token, "0123456789") != "" {
			t.Errorf("nextSequenceToken %q", token)
		}
		want := `{"nextSequenceToken":"` + token + `"`
		if rejected != "" {
			want += `,"rejectedLogEventsInfo":{` + rejected + `}`
		}
		equal(t, string(a.Raw), want+"}")
		messages, counted := r.stored()
		equal(t, messages, stored)
		equal(t, counted, n)
	}
	at := func(times ...int64) []int64 { return times }
	f("h", at(0), "", "0", store.Rejected{})
	f("h", at(0, 0, 1), "", "0 1 2", store.Rejected{})
	f("h", at(-14*day), "", "0", store.Rejected{})
	f("h", at(-14*day-1), `"tooOldLogEventEndIndex":1`, "", store.Rejected{TooOld: 1})
	f("h", at(2*hour), "", "0", store.Rejected{})
	f("h", at(2*hour+1), `"tooNewLogEventStartIndex":0`, "", store.Rejected{TooNew: 1})
	f("/shop/web", at(-7*day), "", "0", store.Rejected{})
	f("/shop/web", at(-7*day-1), `"expiredLogEventEndIndex":1`, "", store.Rejected{Expired: 1})
	f("/shop/web", at(-20*day, -10*day, -8*day, -1, 0, 3*hour, 4*hour),
		`"tooNewLogEventStartIndex":5,"tooOldLogEventEndIndex":1,"expiredLogEventEndIndex":3`, "3 4",
		store.Rejected{TooOld: 1, Expired: 2, TooNew: 2})
	f("/shop/web", at(-20*day, 3*hour), `"tooNewLogEventStartIndex":1,"tooOldLogEventEndIndex":1`, "", store.Rejected{TooOld: 1, TooNew: 1})
	// The span counts between accepted events only.
	f("h", at(-day, 0), "", "0 1", store.Rejected{})
	f("h", at(-30*day, -day, 0, 3*hour), `"tooNewLogEventStartIndex":3,"tooOldLogEventEndIndex":1`, "1 2", store.Rejected{TooOld: 1, TooNew: 1})
}

func TestTexts(t *testing.T) {
	r := receive(t)
	f := func(body, want string) {
		t.Helper()
		r.Refused("PutLogEvents", body, want)
	}
	const (
		one     = "InvalidParameterException: 1 validation error detected: Value "
		names   = `"logGroupName":"h","logStreamName":"s"`
		null    = " failed to satisfy constraint: Member must not be null"
		chronic = "InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order."
		span    = "InvalidParameterException: The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
	)
	event := fmt.Sprintf(`{"timestamp":%d,"message":"m"}`, now.UnixMilli())
	events := `,"logEvents":[` + event + `]`
	f(`{"logStreamName":"s"`+events+`}`, one+"null at 'logGroupName'"+null)
	f(`{"logGroupName":"h"`+events+`}`, one+"null at 'logStreamName'"+null)
	f(`{`+names+`}`, one+"null at 'logEvents'"+null)
	f(`{`+names+`,"logEvents":[]}`, one+"'[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(`{`+names+`,"logEvents":[`+event+`,{"timestamp":1}]}`, one+"null at 'logEvents.2.member.message'"+null)
	f(`{`+names+`,"logEvents":[{"message":"m"}]}`, one+"null at 'logEvents.1.member.timestamp'"+null)
	f(`{`+names+`,"logEvents":[{"timestamp":1,"message":""}]}`, one+"'' at 'logEvents.1.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(`{`+names+`,"logEvents":[`+event+`,{"timestamp":-5,"message":"m"}]}`, one+"'-5' at 'logEvents.2.member.timestamp' failed to satisfy constraint: Member must have value greater than or equal to 0")
	f(`{`+names+`,"logEvents":[null]}`, one+"null at 'logEvents.1.member'"+null)
	f(`{"logGroupName":"a b","logStreamName":"s"`+events+`}`, one+`'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	f(`{"logGroupName":"h","logStreamName":"a:b"`+events+`}`, one+`'a:b' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*`)
	f(`{"logGroupName":"h","logStreamName":"`+strings.Repeat("x", 513)+`"`+events+`}`, "InvalidParameterException: Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
	f(`{"logGroupName":"x","logStreamName":"s","logEvents":[]}`, one+"'[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(`{"logGroupName":"x","logStreamName":"y"`+events+`}`, "ResourceNotFoundException: The specified log group does not exist.")
	f(`{"logGroupName":"h","logStreamName":"y"`+events+`}`, "ResourceNotFoundException: The specified log stream does not exist.")
	f(body("h", 0, -1), chronic)
	f(body("h", 0, -2*day), chronic) // before the span
	f(body("h", -day-1, 0), span)
	f(body("h", make([]int64, 10_001)...), one+"'[10001 events]' at 'logEvents' failed to satisfy constraint: Member must have length less than or equal to 10000")
	// Group and stream come before size and order.
	f(body("x", 0, -1), "ResourceNotFoundException: The specified log group does not exist.")
	if got := r.Call("PutLogEvents", `{"logEvents":[}`); got.Status != 400 || got.Code != "SerializationException" {
		t.Error(got)
	}
	messages, rejected := r.stored()
	equal(t, messages, "")
	equal(t, rejected, store.Rejected{})
}

func TestSizes(t *testing.T) {
	r := receive(t)
	f := func(messages []int, want string) {
		t.Helper()
		var events []putlogevents.Event
		for _, n := range messages {
			events = append(events, putlogevents.Event{Timestamp: now.UnixMilli(), Message: []byte(strings.Repeat("x", n))})
		}
		a := r.Call("PutLogEvents", string(putlogevents.AppendRequest(nil, "h", "s", events...)))
		if want == "" {
			equal(t, a.Status, 200)
		} else {
			equal(t, a.String(), want)
		}
	}
	f([]int{1_048_550}, "")
	f([]int{1_048_551}, "InvalidParameterException: Upload too large: 1048577 bytes exceeds limit of 1048576")
	f([]int{524_262, 524_262}, "")
	f([]int{524_262, 524_263}, "InvalidParameterException: Upload too large: 1048577 bytes exceeds limit of 1048576")
	r.Done("PutLogEvents", body("h", make([]int64, 10_000)...), new(any))
	last := r.events.Batches()[len(r.events.Batches())-1]
	equal(t, last.Len(), 10_000)
	equal(t, last.Index(9_999), 9_999)
	// Bytes count in UTF-8 and unescaped, however the client wrote them.
	r.Done("PutLogEvents", fmt.Sprintf(`{"logGroupName":"h","logStreamName":"s","logEvents":[{"timestamp":%d,"message":"%s"}]}`, now.UnixMilli(), strings.Repeat(`\u00e9`, 524_275)), new(any))
}

func TestIgnoredMembers(t *testing.T) {
	r := receive(t)
	r.Done("PutLogEvents", fmt.Sprintf(`{"logGroupName":"h","logStreamName":"s","sequenceToken":"nonsense","entity":{"keyAttributes":{"a":"b"}},"unknown":[{}],"logEvents":[{"timestamp":%d,"message":"m","x":1}]}`, now.UnixMilli()), new(any))
	messages, _ := r.stored()
	equal(t, messages, "m")
}

func TestStoreErrors(t *testing.T) {
	r := receive(t)
	f := func(failure error, times []int64, want int, code string) {
		t.Helper()
		r.events.Fail(failure)
		a := r.Call("PutLogEvents", body("h", times...))
		if a.Status != want || a.Code != code {
			t.Errorf("%v: %d %s, want %d %s", failure, a.Status, a, want, code)
		}
	}
	f(fmt.Errorf("store batch: %w", syscall.ENOSPC), []int64{0}, 503, "ServiceUnavailableException")
	f(fmt.Errorf("store batch: %w", syscall.EROFS), []int64{0}, 503, "ServiceUnavailableException")
	f(errors.New("log is closed"), []int64{-20 * day}, 503, "ServiceUnavailableException")
	f(fmt.Errorf("disk budget: %w", awsapi.ErrThrottled), []int64{0}, 400, "ThrottlingException")
	f(nil, []int64{0}, 200, "")
}

// countFails stores batches but cannot count.
type countFails struct{ *logsapitest.Events }

func (countFails) Reject(context.Context, uint64, store.Rejected) error {
	return errors.New("cannot count")
}

// TestStoredIsAnswered: once events are stored, an error would double them.
func TestStoredIsAnswered(t *testing.T) {
	events := &logsapitest.Events{}
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "h"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateLogStream(g.UID, "s", 1); err != nil {
		t.Fatal(err)
	}
	api, err := ingest.New(ingest.Config{Definitions: c, Appender: events, Rejections: countFails{events}, Clock: clock.NewTest(now)})
	if err != nil {
		t.Fatal(err)
	}
	s := logsapitest.Serve(t, api.Operations()...)
	equal(t, s.Call("PutLogEvents", body("h", -20*day, 0)).Status, 200)
	equal(t, s.Call("PutLogEvents", body("h", -20*day)).Status, 503)
	equal(t, len(events.Batches()), 1)
}

func TestBySDK(t *testing.T) {
	r := receive(t)
	client, ctx := r.Client(), context.Background()
	in := &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String("/shop/web"), LogStreamName: aws.String("s"),
		LogEvents: []types.InputLogEvent{
			{Timestamp: aws.Int64(now.UnixMilli() - 8*day), Message: aws.String("expired")},
			{Timestamp: aws.Int64(now.UnixMilli()), Message: aws.String("taken, with \"quotes\"\nand a \u00e9")},
		},
	}
	out, err := client.PutLogEvents(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, *out.RejectedLogEventsInfo.ExpiredLogEventEndIndex, 1)
	equal(t, len(*out.NextSequenceToken), 56)
	messages, _ := r.stored()
	equal(t, messages, "taken, with \"quotes\"\nand a \u00e9")
	in.LogStreamName = aws.String("x")
	_, err = client.PutLogEvents(ctx, in)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("error %v", err)
	}
}
