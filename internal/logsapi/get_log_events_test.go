package logsapi_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"sluice/internal/awsapi"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

func TestRecordedGetLogEvents(t *testing.T) {
	r := logsapitest.Record(t, "logs_events.json")
	a := serve(t)
	a.create(t, "g", "s")
	const events, errors = "TestLogsEvents::", "TestLogsEventsErrors::test_resource_does_not_exist"
	r.Same(t, a.Call("GetLogEvents", `{"logGroupName":"g","logStreamName":"s","nextToken":"invalid"}`), events+"test_get_log_events_invalid_token", "error-invalid-token")
	r.Same(t, a.Call("GetLogEvents", `{"logGroupName":"g","logStreamName":"s","limit":10001}`), events+"test_get_log_events_limit_validation", "error-limit-exceeded")
	r.Same(t, a.Call("GetLogEvents", `{"logGroupName":"x","logStreamName":"s"}`), errors, "error-log-group-does-not-exist")
	r.Same(t, a.Call("GetLogEvents", `{"logGroupName":"g","logStreamName":"x"}`), errors, "error-log-stream-does-not-exist")
}

// page is GetLogEvents' answer.
type page struct {
	Events []struct {
		Timestamp, IngestionTime int64
		Message                  string
	}
	NextForwardToken, NextBackwardToken string
}

func (p page) messages() []string {
	out := make([]string, len(p.Events))
	for i, e := range p.Events {
		out[i] = e.Message
	}
	return out
}

// get asks stream s of group g.
func (a *api) get(options string) (p page) {
	a.Done("GetLogEvents", `{"logGroupName":"g","logStreamName":"s"`+options+`}`, &p)
	return p
}

func TestGetLogEventsTexts(t *testing.T) {
	a := serve(t)
	a.create(t, "g", "s")
	f := func(options, want string) {
		t.Helper()
		a.Refused("GetLogEvents", `{`+options+`}`, want)
	}
	const one = "InvalidParameterException: 1 validation error detected: Value "
	const s = `,"logStreamName":"s"`
	f(`"logStreamName":"s"`, nullGroup)
	f(`"logGroupName":"g"`, one+"null at 'logStreamName' failed to satisfy constraint: Member must not be null")
	f(`"logGroupName":"g","logGroupIdentifier":"g"`+s, bothNames)
	f(`"logGroupName":"g","logStreamName":`+quoted(513), tooLongName)
	f(`"logGroupName":"g","startTime":-1`+s, one+"'-1' at 'startTime' failed to satisfy constraint: Member must have value greater than or equal to 0")
	f(`"logGroupName":"g","limit":0`+s, one+"'0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
	id := event.ID{}.String()
	for _, token := range []string{"", "f", "f/", "f//s", "x/" + id + "/s", "f/" + id + "/t", "f/1e5/s", id} {
		f(`"logGroupName":"g","nextToken":"`+token+`"`+s, badToken)
	}
	equal(t, a.Call("GetLogEvents", `{"logGroupIdentifier":"arn:aws:logs:us-east-1:111111111111:log-group:g","logStreamName":"s"}`).String(),
		`{"events":[],"nextForwardToken":"f/`+id+`/s","nextBackwardToken":"b/`+id+`/s"}`)
	a.get(`,"nextToken":"f/` + id + `"`) // the form of tokens before 2021
}

// five stores five events in two batches that overlap in time.
func five(t *testing.T) *api {
	a := serve(t)
	group, uids := a.create(t, "g", "s", "other")
	h := event.Header{GroupUID: group, StreamUID: uids["s"], Ingested: 1000, Request: 7}
	e := func(at int64, m string) logsapitest.Event { return logsapitest.Event{Timestamp: at, Message: m} }
	a.events.Add(t, h, e(10, "a"), e(20, "c"), e(50, "e"))
	h.Ingested = 2000
	a.events.Add(t, h, e(20, "d"), e(15, "b"))
	h.StreamUID = uids["other"]
	a.events.Add(t, h, e(30, "x"))
	return a
}

func TestGetLogEvents(t *testing.T) {
	a := five(t)
	f := func(options, want string) page {
		t.Helper()
		p := a.get(options)
		equal(t, strings.Join(p.messages(), ""), want)
		return p
	}
	f(``, "abcde")
	f(`,"startFromHead":true`, "abcde")
	f(`,"limit":2`, "de")
	f(`,"limit":2,"startFromHead":true`, "ab")
	f(`,"startTime":15,"endTime":20`, "b")
	f(`,"startTime":20,"endTime":51`, "cde")
	f(`,"startTime":20,"endTime":50`, "cd")
	f(`,"startTime":51`, "")
	f(`,"endTime":10`, "")
	f(`,"startTime":30,"endTime":20`, "")
	f(`,"unmask":true`, "abcde")

	// Forwards to the end, where the token stays, and back again.
	forward := func(p page) string { return `,"limit":2,"nextToken":"` + p.NextForwardToken + `"` }
	backward := func(p page) string { return `,"limit":2,"nextToken":"` + p.NextBackwardToken + `"` }
	p := f(`,"limit":2,"startFromHead":true`, "ab")
	p = f(forward(p), "cd")
	p = f(forward(p), "e")
	end := f(forward(p), "")
	equal(t, end.NextForwardToken, p.NextForwardToken)
	f(backward(end), "de")
	p = f(backward(p), "cd")
	p = f(backward(p), "ab")
	head := f(backward(p), "")
	equal(t, head.NextBackwardToken, p.NextBackwardToken)
	f(forward(head), "ab")

	// What comes later shows behind the same token.
	g, _ := a.catalog.Group(logsapitest.Scope, "g")
	s, _ := a.catalog.Stream(g.UID, "s")
	a.events.Add(t, event.Header{GroupUID: g.UID, StreamUID: s.UID, Ingested: 3000}, logsapitest.Event{Timestamp: 50, Message: "f"})
	f(forward(end), "f")
	equal(t, a.get(`,"limit":1`).Events[0].IngestionTime, 3000)
}

func TestGetLogEventsFromEmptyStream(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s")
	p := a.get(``)
	a.events.Add(t, event.Header{GroupUID: group, StreamUID: uids["s"]}, logsapitest.Event{Timestamp: 1, Message: "first"})
	equal(t, a.get(`,"nextToken":"`+p.NextForwardToken+`"`).messages(), []string{"first"})
}

func TestGetLogEventsHidesExpired(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s")
	day := int64(24 * time.Hour / time.Millisecond)
	h := event.Header{GroupUID: group, StreamUID: uids["s"]}
	a.events.Add(t, h, logsapitest.Event{Timestamp: start.UnixMilli() - day - 1, Message: "old"},
		logsapitest.Event{Timestamp: start.UnixMilli() - day, Message: "young"})
	equal(t, a.get(``).messages(), []string{"old", "young"})
	a.Done("PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":1}`, nil)
	equal(t, a.get(``).messages(), []string{"young"})
	equal(t, a.get(`,"startTime":0`).messages(), []string{"young"})
}

func TestGetLogEventsOfFailingStore(t *testing.T) {
	a := five(t)
	a.events.Fail(fmt.Errorf("read batch: %w", context.DeadlineExceeded))
	got := a.Call("GetLogEvents", `{"logGroupName":"g","logStreamName":"s"}`)
	if got.Status != 503 || got.Code != "ServiceUnavailableException" {
		t.Errorf("%d %s", got.Status, got)
	}
}

// TestGetLogEventsOverTheLimit: events of Kafka or Kinesis may be larger than a
// page, which is no end of the stream.
func TestGetLogEventsOverTheLimit(t *testing.T) {
	a := serve(t)
	a.create(t, "g", "s")
	g, _ := a.catalog.Group(logsapitest.Scope, "g")
	s, _ := a.catalog.Stream(g.UID, "s")
	huge := strings.Repeat("x", 2<<20)
	a.events.Add(t, event.Header{GroupUID: g.UID, StreamUID: s.UID}, logsapitest.Event{Timestamp: 1, Message: "a"},
		logsapitest.Event{Timestamp: 2, Message: huge}, logsapitest.Event{Timestamp: 3, Message: "b"})
	f := func(options, direction string, want ...string) {
		t.Helper()
		var got []string
		for p := a.get(options); len(p.Events) > 0; {
			got = append(got, p.messages()...)
			token := p.NextForwardToken
			if direction == "b" {
				token = p.NextBackwardToken
			}
			p = a.get(`,"nextToken":"` + token + `"`)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d events going %s, want %d in their order", len(got), direction, len(want))
		}
	}
	f(`,"startFromHead":true`, "f", "a", huge, "b")
	f("", "b", "b", huge, "a")
}

func TestGetLogEventsRepairsUTF8(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s")
	a.events.Add(t, event.Header{GroupUID: group, StreamUID: uids["s"]}, logsapitest.Event{Timestamp: 1, Message: "a\xffb"})
	equal(t, a.get(``).messages(), []string{"a\uFFFDb"})
}

// TestGetLogEventsWalks pages through random streams in both directions, by
// random limits and ranges, over the store in memory and over the real one, and
// wants every event once and in order.
func TestGetLogEventsWalks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		var events source = &logsapitest.Events{}
		if round%2 == 0 {
			log, err := store.Open(vfs.NewMem(), store.Config{Dir: "/wal", Shards: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			events = log
		}
		a := serveOver(t, events)
		group, uids := a.create(t, "g", "s")
		span := []int64{3, 1000, 100_000, 40 * 24 * 3600 * 1000}[r.IntN(4)]
		size := []int{1, 10, 200_000}[r.IntN(3)]
		type stored struct {
			id      event.ID
			message string
		}
		var all []stored
		for request := range 1 + r.IntN(12) {
			base := 1 + r.Int64N(span)
			h := event.Header{GroupUID: group, StreamUID: uids["s"], Ingested: int64(r.IntN(3)), Request: uint64(request)}
			var batch []logsapitest.Event
			for i := range 1 + r.IntN(6) {
				e := logsapitest.Event{Timestamp: base + r.Int64N(span), Message: strings.Repeat("m", r.IntN(size)) + fmt.Sprint(len(all))}
				batch = append(batch, e)
				all = append(all, stored{event.ID{Timestamp: e.Timestamp, Ingested: h.Ingested, Request: h.Request, Index: uint16(i)}, e.Message})
			}
			logsapitest.Add(t, events, h, batch...)
		}
		from, to := r.Int64N(span), r.Int64N(2*span+2)
		slices.SortFunc(all, func(x, y stored) int { return x.id.Compare(y.id) })
		var want []string
		for _, s := range all {
			if s.id.Timestamp >= from && s.id.Timestamp < to {
				want = append(want, s.message)
			}
		}
		limit := 1 + r.IntN(20)
		options := fmt.Sprintf(`,"startTime":%d,"endTime":%d,"limit":%d`, from, to, limit)
		forwards, backwards := r.IntN(2) == 0, []string(nil)
		var got []string
		token := fmt.Sprintf(`,"startFromHead":%t`, forwards)
		for {
			p := a.get(options + token)
			messages := p.messages()
			bytes := 0
			for _, m := range messages {
				bytes += len(m) + 26
			}
			if len(messages) > limit || bytes > 1<<20 {
				t.Fatalf("a page of %d events and %d bytes, limit %d", len(messages), bytes, limit)
			}
			if len(messages) == 0 {
				break
			}
			got = append(got, messages...)
			backwards = append(messages, backwards...)
			next := p.NextForwardToken
			if !forwards {
				next = p.NextBackwardToken
			}
			token = `,"nextToken":"` + next + `"`
		}
		if !forwards {
			got = backwards
		}
		if !slices.Equal(got, want) {
			t.Fatalf("span %d, size %d, forwards %t: %d events, want %d", span, size, forwards, len(got), len(want))
		}
	}
}

// TestGetLogEventsReadsItsNeighbourhood wants a page at either end of a long
// stream to read a few batches, not all.
func TestGetLogEventsReadsItsNeighbourhood(t *testing.T) {
	a := serve(t)
	group, uids := a.create(t, "g", "s")
	h := event.Header{GroupUID: group, StreamUID: uids["s"]}
	for i := range 1000 { // one a minute
		at := int64(i) * 60_000
		a.events.Add(t, h, logsapitest.Event{Timestamp: at, Message: "x"}, logsapitest.Event{Timestamp: at + 1, Message: "y"})
	}
	f := func(options string) {
		t.Helper()
		before := a.events.Visited()
		equal(t, len(a.get(`,"limit":10`+options).Events), 10)
		if n := a.events.Visited() - before; n > 20 {
			t.Errorf("%s read %d batches for 10 events", options, n)
		}
	}
	f(``)
	f(`,"startFromHead":true`)
	f(`,"startFromHead":true,"startTime":30000000`)
	middle := event.ID{Timestamp: 30_000_000}.String()
	f(`,"nextToken":"f/` + middle + `/s"`)
	f(`,"nextToken":"b/` + middle + `/s"`)
}

// TestGetLogEventsBySDK pages with the SDK's paginator, which stops when the
// token repeats.
func TestGetLogEventsBySDK(t *testing.T) {
	a := five(t)
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), Limit: aws.Int32(2), StartFromHead: aws.Bool(true)}
	var got string
	pages := 0
	for p := cloudwatchlogs.NewGetLogEventsPaginator(a.Client(), in, func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true }); p.HasMorePages(); pages++ {
		out, err := p.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			got += *e.Message
		}
	}
	equal(t, got, "abcde")
	equal(t, pages, 4)
}

func BenchmarkGetLogEvents(b *testing.B) {
	a := serve(b)
	a.Done("CreateLogGroup", `{"logGroupName":"g"}`, nil)
	a.Done("CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, nil)
	g, _ := a.catalog.Group(logsapitest.Scope, "g")
	s, _ := a.catalog.Stream(g.UID, "s")
	var events []logsapitest.Event
	for i := range 10_000 {
		events = append(events, logsapitest.Event{Timestamp: int64(i), Message: strings.Repeat("m", 78)})
	}
	a.events.Add(b, event.Header{GroupUID: g.UID, StreamUID: s.UID}, events...)
	b.SetBytes(10_000 * 78)
	b.ReportAllocs()
	for _, op := range a.operations {
		if op.Target != "Logs_20140328.GetLogEvents" {
			continue
		}
		for b.Loop() {
			r := awsapi.Request{Caller: awsapi.Caller{Account: logsapitest.Account, Region: logsapitest.Region}, Body: []byte(`{"logGroupName":"g","logStreamName":"s","startFromHead":true}`)}
			if err := op.Serve(b.Context(), &r, &awsapi.Reply{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
