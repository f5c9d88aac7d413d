package logsapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"sluice/internal/event"
	"sluice/internal/logsapi"
	"sluice/internal/logsapi/logsapitest"
)

func TestRecordedFilterLogEvents(t *testing.T) {
	r := logsapitest.Record(t, "logs_filter_events.json")
	a := serve(t)
	a.create(t, "g", "s")
	const tests = "TestFilterLogEvents::"
	r.Same(t, a.Call("FilterLogEvents", `{"logGroupName":"g","limit":10001}`), tests+"test_filter_log_events_limit_validation", "error-limit-exceeded")
	r.Same(t, a.Call("FilterLogEvents", `{"logGroupName":"g","nextToken":"invalid"}`), tests+"test_filter_log_events_unknown_token", "invalid-token")
}

func TestFilterLogEventsTexts(t *testing.T) {
	a := serve(t)
	a.create(t, "g", "s")
	a.create(t, "h", "s")
	f := func(options, want string) {
		t.Helper()
		a.Refused("FilterLogEvents", `{`+options+`}`, want)
	}
	const invalid = "InvalidParameterException: "
	const one = invalid + "1 validation error detected: Value "
	const g = `"logGroupName":"g"`
	f(``, nullGroup)
	f(`"logGroupName":"g","logGroupIdentifier":"g"`, bothNames)
	f(`"logGroupName":"none"`, groupMissing)
	f(`"logGroupIdentifier":"arn:aws:logs:eu-west-1:111111111111:log-group:g"`, groupMissing)
	f(g+`,"logStreamNames":["s","none"]`, streamMissing)
	f(g+`,"logStreamNames":["s"],"logStreamNamePrefix":"s"`, invalid+"logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	f(g+`,"logStreamNames":[]`, one+"'[]' at 'logStreamNames' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(g+`,"logStreamNames":[`+numbered(101, `"s%d"`)+`]`, one+"'["+strings.ReplaceAll(numbered(101, "s%d"), ",", ", ")+"]' at 'logStreamNames' failed to satisfy constraint: Member must have length less than or equal to 100")
	f(g+`,"logStreamNames":["a:b"]`, one+"'[a:b]' at 'logStreamNames' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 512, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [^:*]*]")
	f(g+`,"logStreamNamePrefix":"a*"`, one+"'a*' at 'logStreamNamePrefix' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*")
	f(g+`,"logStreamNamePrefix":`+quoted(513), tooLongName)
	f(g+`,"startTime":-1`, one+"'-1' at 'startTime' failed to satisfy constraint: Member must have value greater than or equal to 0")
	f(g+`,"endTime":-1`, one+"'-1' at 'endTime' failed to satisfy constraint: Member must have value greater than or equal to 0")
	f(g+`,"limit":0`, one+"'0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
	f(g+`,"filterPattern":`+quoted(1025), one+"'"+strings.Repeat("x", 1025)+"' at 'filterPattern' failed to satisfy constraint: Member must have length less than or equal to 1024")
	f(g+`,"filterPattern":"{ $.a = }"`, invalid+"Invalid filter pattern")
	f(g+`,"filterPattern":"{ $.a = 1"`, invalid+"If a filter pattern starts with '{' it must end with '}'")
	f(g+`,"filterPattern":"NOT !"`, invalid+"Invalid character(s) in term '!'")
	const head = invalid + "startFromHead can be false only with a startTime on or after 2024-01-01T00:00:00Z."
	f(g+`,"startFromHead":false`, head)
	f(g+`,"startFromHead":false,"startTime":1704067199999`, head)
	equal(t, a.Call("FilterLogEvents", `{`+g+`,"startFromHead":false,"startTime":1704067200000}`).String(), `{"events":[],"searchedLogStreams":[]}`)
	equal(t, a.Call("FilterLogEvents", `{`+g+`,"logStreamNamePrefix":"none"}`).String(), `{"events":[],"searchedLogStreams":[]}`)
	// Tokens of lists, of other groups, and older than a day.
	f(g+`,"nextToken":""`, badToken)
	f(g+`,"nextToken":"`+*logsapi.NextToken("DescribeLogGroups", strings.Repeat("x", 36), start, true)+`"`, badToken)
	f(g+`,"nextToken":"`+*logsapi.NextToken("FilterLogEvents", "x", start, true)+`"`, badToken)
	f(g+`,"nextToken":"`+*logsapi.NextToken("FilterLogEvents", strings.Repeat("\xff", 60), start, true)+`"`, badToken)
}

// filtered is FilterLogEvents' answer.
type filtered struct {
	Events []struct {
		EventID, LogStreamName, Message string
		Timestamp, IngestionTime        int64
	}
	NextToken *string
}

func (p filtered) messages() string {
	var out strings.Builder
	for _, e := range p.Events {
		out.WriteString(e.Message)
	}
	return out.String()
}

// filter asks group g.
func (a *api) filter(options string) (p filtered) {
	a.Done("FilterLogEvents", `{"logGroupName":"g"`+options+`}`, &p)
	return p
}

func TestFilterLogEvents(t *testing.T) {
	a := five(t) // s: a10 b15 c20 d20 e50; other: x30
	f := func(options, want string) filtered {
		t.Helper()
		p := a.filter(options)
		equal(t, p.messages(), want)
		return p
	}
	p := f(``, "abcdxe")
	if p.NextToken != nil {
		t.Error("a token after the last page")
	}
	e := p.Events[2]
	equal(t, []any{e.EventID, e.LogStreamName, e.Timestamp, e.IngestionTime},
		[]any{event.ID{Timestamp: 20, Ingested: 1000, Request: 7, Index: 1}.String(), "s", int64(20), int64(1000)})
	f(`,"startTime":15,"endTime":20`, "bcd")
	f(`,"startTime":16,"endTime":19`, "")
	f(`,"startTime":30,"endTime":20`, "")
	f(`,"endTime":9223372036854775807`, "abcdxe")
	f(`,"logStreamNames":["other"]`, "x")
	f(`,"logStreamNames":["s","other","s"]`, "abcdxe")
	f(`,"logStreamNamePrefix":"o"`, "x")
	f(`,"logStreamNamePrefix":"x"`, "")
	f(`,"filterPattern":"?a ?x"`, "ax")
	f(`,"filterPattern":""`, "abcdxe")
	f(`,"filterPattern":"none"`, "")
	f(`,"interleaved":false,"unmask":true`, "abcdxe")

	p = f(`,"limit":4`, "abcd")
	p = f(`,"limit":4,"nextToken":"`+*p.NextToken+`"`, "xe")
	if p.NextToken != nil {
		t.Error("a token after the last page")
	}
	// A token keeps to its group.
	a.create(t, "h")
	a.Refused("FilterLogEvents", `{"logGroupName":"h","nextToken":"`+*a.filter(`,"limit":1`).NextToken+`"}`, badToken)
	// A deleted stream's events are gone.
	a.Done("DeleteLogStream", `{"logGroupName":"g","logStreamName":"s"}`, nil)
	f(``, "x")
}

func TestFilterLogEventsLatestFirst(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s", "other")
	begin := start.UnixMilli()
	for i, m := range []string{"a", "b", "c", "d", "e"} {
		stream := uids[[]string{"s", "other"}[i%2]]
		a.events.Add(t, event.Header{GroupUID: group, StreamUID: stream, Ingested: begin}, logsapitest.Event{Timestamp: begin + int64(i), Message: m})
	}
	first := fmt.Sprintf(`,"startTime":%d,"limit":2,"startFromHead":false`, begin)
	p := a.filter(first)
	equal(t, p.messages(), "ed")
	// The token keeps the direction, whatever the request says.
	p = a.filter(`,"limit":2,"startFromHead":true,"nextToken":"` + *p.NextToken + `"`)
	equal(t, p.messages(), "cb")
	p = a.filter(`,"limit":2,"nextToken":"` + *p.NextToken + `"`)
	equal(t, p.messages(), "a")
	equal(t, p.NextToken == nil, true)
}

func TestFilterLogEventsHidesExpired(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s")
	day := int64(24 * time.Hour / time.Millisecond)
	a.events.Add(t, event.Header{GroupUID: group, StreamUID: uids["s"]},
		logsapitest.Event{Timestamp: start.UnixMilli() - day - 1, Message: "old"},
		logsapitest.Event{Timestamp: start.UnixMilli() - day, Message: "young"})
	equal(t, a.filter(``).messages(), "oldyoung")
	a.Done("PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":1}`, nil)
	equal(t, a.filter(``).messages(), "young")
}

func TestFilterLogEventsTokensEnd(t *testing.T) {
	a := five(t)
	token := *a.filter(`,"limit":1`).NextToken
	a.clock.Advance(t.Context(), 24*time.Hour)
	a.filter(`,"nextToken":"` + token + `"`)
	a.clock.Advance(t.Context(), time.Millisecond)
	a.Refused("FilterLogEvents", `{"logGroupName":"g","nextToken":"`+token+`"}`, badToken)
}

func TestFilterLogEventsOfFailingStore(t *testing.T) {
	a := five(t)
	a.events.Fail(fmt.Errorf("read batch: %w", context.DeadlineExceeded))
	got := a.Call("FilterLogEvents", `{"logGroupName":"g"}`)
	if got.Status != 503 || got.Code != "ServiceUnavailableException" {
		t.Errorf("%d %s", got.Status, got)
	}
}

func TestFilterLogEventsRepairsUTF8(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s")
	a.events.Add(t, event.Header{GroupUID: group, StreamUID: uids["s"]}, logsapitest.Event{Timestamp: 1, Message: "a\xffb"})
	equal(t, a.filter(``).messages(), "a\uFFFDb")
}

// An event above a page's size is a page of its own, not the end of the walk.
func TestFilterLogEventsPassesAHugeEvent(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s")
	a.events.Add(t, event.Header{GroupUID: group, StreamUID: uids["s"]},
		logsapitest.Event{Timestamp: 1, Message: "a"},
		logsapitest.Event{Timestamp: 2, Message: strings.Repeat("m", 2<<20)},
		logsapitest.Event{Timestamp: 3, Message: "b"})
	var sizes []int
	for token := ""; ; {
		p := a.filter(token)
		sizes = append(sizes, len(p.messages()))
		if p.NextToken == nil {
			break
		}
		token = `,"nextToken":"` + *p.NextToken + `"`
	}
	equal(t, sizes, []int{1, 2 << 20, 1})
}

// TestFilterLogEventsReadsItsNeighbourhood wants a page in a long group to read a
// few batches, not all.
func TestFilterLogEventsReadsItsNeighbourhood(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s", "other")
	begin := start.UnixMilli()
	for i := range 1000 { // one a minute
		stream := uids[[]string{"s", "other"}[i%2]]
		at := begin + int64(i)*60_000
		a.events.Add(t, event.Header{GroupUID: group, StreamUID: stream}, logsapitest.Event{Timestamp: at, Message: "x"}, logsapitest.Event{Timestamp: at + 1, Message: "y"})
	}
	f := func(options string) filtered {
		t.Helper()
		before := a.events.Visited()
		p := a.filter(`,"limit":10` + options)
		equal(t, len(p.Events), 10)
		if n := a.events.Visited() - before; n > 10 {
			t.Errorf("%s read %d batches for 10 events", options, n)
		}
		return p
	}
	next := func(p filtered) string { return `,"nextToken":"` + *p.NextToken + `"` }
	f(next(f(``)))
	f(next(f(fmt.Sprintf(`,"startTime":%d`, begin+500*60_000))))
	f(next(f(fmt.Sprintf(`,"startTime":%d,"startFromHead":false`, begin))))
}

// TestFilterLogEventsScansWithinABudget wants a search for nothing to come back
// with empty pages, each a bounded piece of work, and to end.
func TestFilterLogEventsScansWithinABudget(t *testing.T) {
	events := &logsapitest.Events{}
	a := serveOver(t, events, func(c *logsapi.Config) { c.ScanBytes = 10_000 })
	group, uids := a.create(t, "g", "s")
	for i := range 100 {
		events.Add(t, event.Header{GroupUID: group, StreamUID: uids["s"]}, logsapitest.Event{Timestamp: int64(i), Message: strings.Repeat("m", 1000)})
	}
	pages, token := 0, ""
	for {
		before := events.Visited()
		p := a.filter(`,"filterPattern":"none"` + token)
		if n := events.Visited() - before; n > 11 {
			t.Fatalf("a page looked through %d batches of 1 kB", n)
		}
		pages++
		if equal(t, len(p.Events), 0); p.NextToken == nil {
			break
		}
		token = `,"nextToken":"` + *p.NextToken + `"`
	}
	if pages < 9 || pages > 12 {
		t.Errorf("%d pages", pages)
	}
}

// TestFilterLogEventsBySDK walks with the SDK's paginator, over a page that is
// empty.
func TestFilterLogEventsBySDK(t *testing.T) {
	events := &logsapitest.Events{}
	a := serveOver(t, events, func(c *logsapi.Config) { c.ScanTime = time.Nanosecond })
	group, uids := a.create(t, "g", "s")
	for i, m := range []string{"a", "-", "-", "b", "c"} {
		events.Add(t, event.Header{GroupUID: group, StreamUID: uids["s"]}, logsapitest.Event{Timestamp: int64(i), Message: m})
	}
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupIdentifier: aws.String("arn:aws:logs:us-east-1:111111111111:log-group:g"), FilterPattern: aws.String("?a ?b ?c"),
	}
	var got string
	for p := cloudwatchlogs.NewFilterLogEventsPaginator(a.Client(), in); p.HasMorePages(); {
		out, err := p.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if out.SearchedLogStreams == nil {
			t.Error("no searchedLogStreams")
		}
		for _, e := range out.Events {
			got += *e.Message
		}
	}
	equal(t, got, "abc")
}
