package logsapi_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/logsapi"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// modelEvent is an event as the naive model keeps it.
type modelEvent struct {
	id              event.ID
	stream, message string
}

// world is a group of random streams, in a store and in the naive model.
type world struct {
	t      *testing.T
	r      *rand.Rand
	events source
	group  uint64
	uids   map[string]uint64
	names  []string
	spread int64 // of timestamps
	size   int   // of messages
	model  []modelEvent
	now    int64 // timestamps drift with it
	batch  int
	// between is done now and then between two pages: the store compacts.
	between func() error
}

// ingest stores some batches. Their events overlap those before; some come late,
// and some batches share timestamps, ingestion and request.
func (w *world) ingest(batches int) {
	for range batches {
		w.batch++
		w.now += w.r.Int64N(w.spread)
		name := w.names[w.r.IntN(len(w.names))]
		h := event.Header{GroupUID: w.group, StreamUID: w.uids[name], Ingested: int64(w.r.IntN(3)), Request: uint64(w.batch)}
		at := w.now
		if w.r.IntN(8) == 0 { // late
			at = 1 + w.r.Int64N(w.now)
		}
		var batch []logsapitest.Event
		for i := range 1 + w.r.IntN(8) {
			level := []string{"ERROR", "INFO", "WARN"}[w.r.IntN(3)]
			e := logsapitest.Event{Timestamp: at, Message: fmt.Sprintf("%s %d %s", level, len(w.model), strings.Repeat("m", w.r.IntN(w.size)))}
			at += w.r.Int64N(w.spread)
			batch = append(batch, e)
			w.model = append(w.model, modelEvent{event.ID{Timestamp: e.Timestamp, Ingested: h.Ingested, Request: h.Request, Index: uint16(i)}, name, e.Message})
		}
		logsapitest.Add(w.t, w.events, h, batch...)
	}
}

// question is one walk's request.
type question struct {
	from, to int64
	names    []string
	prefix   string
	pattern  string
	limit    int
	latest   bool
}

func (q question) options() string {
	o := fmt.Sprintf(`,"startTime":%d,"endTime":%d,"limit":%d,"startFromHead":%t`, q.from, q.to, q.limit, !q.latest)
	if q.names != nil {
		o += `,"logStreamNames":["` + strings.Join(q.names, `","`) + `"]`
	}
	if q.prefix != "" {
		o += `,"logStreamNamePrefix":"` + q.prefix + `"`
	}
	if q.pattern != "" {
		o += `,"filterPattern":"` + q.pattern + `"`
	}
	return o
}

// answer is what a walk finds, by looking at every event.
func (q question) answer(model []modelEvent) (want []string) {
	var chosen []modelEvent
	for _, e := range model {
		if e.id.Timestamp >= q.from && e.id.Timestamp <= q.to && strings.Contains(e.message, q.pattern) &&
			strings.HasPrefix(e.stream, q.prefix) && (q.names == nil || slices.Contains(q.names, e.stream)) {
			chosen = append(chosen, e)
		}
	}
	slices.SortFunc(chosen, func(x, y modelEvent) int {
		if q.latest {
			x, y = y, x
		}
		return x.id.Compare(y.id)
	})
	for _, e := range chosen {
		want = append(want, e.id.String()+e.stream+e.message)
	}
	return want
}

// TestFilterLogEventsWalks pages through random groups in both directions, by
// random limits, ranges, streams, patterns and budgets, while more is stored
// between the pages, and wants exactly what was there before the first page, in
// the order of ids.
func TestFilterLogEventsWalks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 30 {
		var events source = &logsapitest.Events{}
		between := func() error { return nil }
		if round%2 == 0 {
			log, err := store.Open(vfs.NewMem(), store.Config{
				Dir: "/wal", Files: "/store", Shards: 1 + r.IntN(3), SegmentBytes: []int64{64 << 10, 1 << 20}[round/2%2], TailBytes: 64 << 10, IndexBytes: 1 << 10,
				CompactBytes: 64 << 10, MergeFiles: 3, CacheBytes: 1 << 20, Compact: compact.Options{NGrams: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			events = log
			between = func() error { return log.Compact(t.Context()) }
		}
		a := serveOver(t, events, func(c *logsapi.Config) {
			c.ScanBytes = []int64{1, 1000, 1 << 20}[r.IntN(3)]
			c.ScanTime = []time.Duration{1, time.Hour}[r.IntN(2)]
		})
		w := &world{t: t, r: r, events: events, names: []string{"web-1", "web-2", "db"}, between: between}
		w.group, w.uids = a.create(t, "g", w.names...)
		w.spread = []int64{1, 2, 1000, 3_600_000}[r.IntN(4)] // 1: all at the same instant
		w.size = []int{1, 10, 30_000}[r.IntN(3)]
		w.now = 1 + start.UnixMilli()*int64(r.IntN(2))
		w.ingest(1 + r.IntN(40))
		for range 3 {
			w.walk(a)
		}
	}
}

func (w *world) walk(a *api) {
	r := w.r
	q := question{to: 1 << 50, limit: 1 + r.IntN(30)}
	if r.IntN(2) == 0 {
		q.from, q.to = w.now-r.Int64N(20*w.spread), w.now-r.Int64N(20*w.spread)
		q.from, q.to = max(q.from, 0), max(q.to, 0)
	}
	if q.latest = r.IntN(2) == 0 && w.now >= start.UnixMilli(); q.latest {
		q.from = max(q.from, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	}
	switch r.IntN(4) {
	case 0:
		q.names = w.names[r.IntN(3):]
	case 1:
		q.prefix = "web"
	}
	if r.IntN(2) == 0 {
		q.pattern = "ERROR"
	}
	want := q.answer(w.model)
	var got []string
	for token, pages := "", 0; ; pages++ {
		if r.IntN(3) == 0 {
			if err := w.between(); err != nil { // compact what is stored
				w.t.Fatal(err)
			}
		}
		p := a.filter(q.options() + token)
		bytes := 0
		for _, e := range p.Events {
			bytes += len(e.Message) + 26
			got = append(got, e.EventID+e.LogStreamName+e.Message)
			if e.EventID[:1] == "-" || e.Timestamp < q.from || e.Timestamp > q.to {
				w.t.Fatalf("%+v: %s at %d", q, e.EventID, e.Timestamp)
			}
		}
		if len(p.Events) > q.limit || bytes > 1<<20 || pages > 10*len(w.model)+10 {
			w.t.Fatalf("%+v: page %d has %d events and %d bytes", q, pages, len(p.Events), bytes)
		}
		if p.NextToken == nil {
			break
		}
		token = `,"nextToken":"` + *p.NextToken + `"`
		w.ingest(r.IntN(3))
	}
	if !slices.Equal(got, want) {
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				w.t.Errorf("at %d: want %.90s", i, want[i])
				if i < len(got) {
					w.t.Errorf("got %.90s", got[i])
				}
				break
			}
		}
		w.t.Logf("size %d spread %d %T scan", w.size, w.spread, w.events)
		w.t.Fatalf("%+v: %d events, want %d", q, len(got), len(want))
	}
}

// TestFilterLogEventsWalksThroughAMillion walks while ingest goes on beside it.
func TestFilterLogEventsWalksThroughAMillion(t *testing.T) {
	const batches, perBatch = 200, 5_000
	if testing.Short() || raceEnabled {
		t.Skip("a million events take a few seconds")
	}
	log, err := store.Open(vfs.NewMem(), store.Config{Dir: "/wal", Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	a := serveOver(t, log)
	group, uids := a.create(t, "g", "a", "b", "c")
	streams := []uint64{uids["a"], uids["b"], uids["c"]}
	put := func(n int, text string) {
		h := event.Header{GroupUID: group, StreamUID: streams[n%3], Ingested: start.UnixMilli(), Request: uint64(n)}
		b := event.GetBuilder(perBatch * 16)
		defer b.Release()
		for i := range perBatch { // each batch overlaps its neighbours
			if err := b.Append(start.UnixMilli()+int64(n*1000+i), fmt.Appendf(nil, "%s %d", text, n*perBatch+i)); err != nil {
				t.Error(err)
			}
		}
		batch, err := b.Seal(h, event.Source{})
		if err != nil {
			t.Error(err)
		}
		if _, err := log.Append(t.Context(), batch); err != nil {
			t.Error(err)
		}
	}
	for n := range batches {
		put(n, "old")
	}
	serve := operationNamed(t, a, "FilterLogEvents")
	pageAsked := make(chan int)
	var ingest sync.WaitGroup
	ingest.Go(func() { // beside the pages, one batch for each
		for n := range pageAsked {
			put(n*7%batches, "new")
		}
	})
	seen := make([]bool, batches*perBatch)
	last, total, pages := "", 0, 0
	for token := ""; ; pages++ {
		if pages > 0 { // the first page pins what was there before it
			pageAsked <- pages
		}
		var reply awsapi.Reply
		request := awsapi.Request{Caller: awsapi.Caller{Account: logsapitest.Account, Region: logsapitest.Region}, Body: []byte(`{"logGroupName":"g"` + token + `}`)}
		if err := serve.Serve(t.Context(), &request, &reply); err != nil {
			t.Fatal(err)
		}
		// Cut by hand: encoding/json would take most of the test's time.
		for rest := string(reply.Body); ; total++ {
			_, after, found := strings.Cut(rest, `"eventId":"`)
			if !found {
				break
			}
			id := after[:56]
			_, after, _ = strings.Cut(after, `"message":"old `)
			digits, after, _ := strings.Cut(after, `"`)
			n, err := strconv.Atoi(digits)
			if err != nil || seen[n] || id <= last {
				t.Fatalf("%q, seen %v, %s after %s: %v", digits, err == nil && seen[n], id, last, err)
			}
			seen[n], last, rest = true, id, after
		}
		_, after, more := bytes.Cut(reply.Body, []byte(`"nextToken":"`))
		if !more {
			break
		}
		next, _, _ := bytes.Cut(after, []byte(`"`))
		token = `,"nextToken":"` + string(next) + `"`
	}
	close(pageAsked)
	ingest.Wait()
	if total != len(seen) {
		t.Errorf("%d events of %d", total, len(seen))
	}
	t.Logf("%d pages", pages+1)
}

func operationNamed(t testing.TB, a *api, name string) awsapi.Operation {
	t.Helper()
	for _, op := range a.operations {
		if op.Target == "Logs_20140328."+name {
			return op
		}
	}
	t.Fatal("no operation", name)
	return awsapi.Operation{}
}

// BenchmarkFilterLogEvents searches 16 MiB for a rare word, and reads a full page.
func BenchmarkFilterLogEvents(b *testing.B) {
	a := serve(b)
	group, uids := a.create(b, "g", "s")
	const batches, perBatch, size = 16, 10_000, 100
	for n := range batches {
		events := make([]logsapitest.Event, perBatch)
		for i := range events {
			events[i] = logsapitest.Event{Timestamp: int64(n*perBatch + i), Message: strings.Repeat("m", size)}
		}
		events[perBatch/2].Message = "needle"
		a.events.Add(b, event.Header{GroupUID: group, StreamUID: uids["s"], Request: uint64(n)}, events...)
	}
	serve := operationNamed(b, a, "FilterLogEvents")
	f := func(name, options string, bytes int64) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				r := awsapi.Request{Caller: awsapi.Caller{Account: logsapitest.Account, Region: logsapitest.Region}, Body: []byte(`{"logGroupName":"g"` + options + `}`)}
				if err := serve.Serve(b.Context(), &r, &awsapi.Reply{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("search", `,"filterPattern":"needle"`, batches*perBatch*size)
	f("page", ``, 8322*size) // 1 MiB, 26 bytes an event
}
