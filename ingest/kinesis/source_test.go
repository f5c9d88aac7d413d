package kinesis

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var home = catalog.Scope{Account: "000000000000", Region: "central"}

// stream is a Kinesis stream of one shard, read by a Source in a bubble of time.
type stream struct {
	t         testing.TB
	records   []Record
	pages     int // records of a page
	lostBelow uint64
	committed Place
	ended     bool
	fetchErr  error
}

func (s *stream) Run(ctx context.Context, serve func(context.Context, Shard)) {
	serve(ctx, s)
	<-ctx.Done()
}

func (s *stream) Name() string                            { return "shardId-000000000000" }
func (s *stream) Begin(context.Context) (Place, error)    { return s.committed, nil }
func (s *stream) Commit(_ context.Context, p Place) error { s.committed = p; return nil }

func (s *stream) Fetch(ctx context.Context, from Place, visit func(Record) error) (Page, error) {
	if err := s.fetchErr; err != nil {
		s.fetchErr = nil
		return Page{}, err
	}
	if from.Number < s.lostBelow {
		return Page{}, &GapError{From: from, First: Place{Number: s.lostBelow}}
	}
	at, n := from.Number, 0
	for ; int(at) < len(s.records) && n < s.pages; at, n = at+1, n+1 {
		r := s.records[at]
		r.Number, r.Arrived = at, 1_700_000_000_000
		if err := visit(r); err != nil {
			return Page{}, err
		}
	}
	if n == 0 && s.ended {
		return Page{Next: from, Last: true}, nil
	}
	if n == 0 && (clock.Machine{}).Sleep(ctx, time.Second) != nil {
		return Page{}, ctx.Err()
	}
	return Page{Next: Place{Number: at}}, nil
}

// log is the log here: its batches, and the greatest number.
type log struct {
	batches []event.Batch
	mark    uint64
	fail    []error // of the next appends
	halfway bool    // a failed append stores its first batch nonetheless
}

func (l *log) Shards() int                                          { return 3 }
func (l *log) Mark(context.Context, uint32, uint32) (uint64, error) { return l.mark, nil }

func (l *log) Append(_ context.Context, _ uint32, batches []event.Batch) error {
	var err error
	if len(l.fail) > 0 {
		err, l.fail = l.fail[0], l.fail[1:]
		if !l.halfway {
			return err
		}
		batches = batches[:1]
	}
	for _, b := range batches {
		if b.Header().Origin.Number <= l.mark {
			return fmt.Errorf("batch %d after %d", b.Header().Origin.Number, l.mark)
		}
		l.mark = b.Header().Origin.Number
		own, openErr := event.Open(slices.Clone(b.Record()))
		err = errors.Join(err, openErr)
		l.batches = append(l.batches, own)
	}
	return err
}

// lines prints what is in the log.
func (l *log) lines() (all []string) {
	for _, b := range l.batches {
		from := b.Source()
		for i := range b.Len() {
			all = append(all, fmt.Sprintf("%s %s %s %s|%d %s", from.Account, from.Region, from.LogGroup, from.LogStream, b.Timestamp(i), b.Message(i)))
		}
	}
	return all
}

// read has a Source read for an hour.
func read(t *testing.T, s *stream, l *log, change func(*Config)) Status {
	t.Helper()
	cfg := Config{Name: "eu", Stream: "matches", Account: "123456789012", Region: "eu-west-1", Scope: home}
	if change != nil {
		change(&cfg)
	}
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	table, err := catalog.OpenTable[Lane](c, catalog.KinesisLanes)
	if err != nil {
		t.Fatal(err)
	}
	var status Status
	synctest.Test(t, func(t *testing.T) {
		source, err := New(cfg, Links{Shards: s, Definitions: c, Appender: l, Marks: l, Lanes: NewLanes(table), Clock: clock.NewTest(time.UnixMilli(1_700_000_000_000))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- source.Run(ctx) }()
		time.Sleep(time.Hour) // of the bubble
		status = source.Status()
		cancel()
		<-done
	})
	return status
}

func documentOf(group, name string, events ...string) string {
	var parts []string
	for i, e := range events {
		parts = append(parts, fmt.Sprintf(`{"id":"%d","timestamp":%d,"message":%q}`, i, 1_700_000_000_000+i, e))
	}
	return fmt.Sprintf(`{"messageType":"DATA_MESSAGE","owner":"999999999999","logGroup":%q,"logStream":%q,"subscriptionFilters":[],"logEvents":[%s]}`, group, name, strings.Join(parts, ","))
}

func records(texts ...string) (all []Record) {
	for _, text := range texts {
		all = append(all, Record{Data: []byte(text)})
	}
	return all
}

const control = `{"messageType":"CONTROL_MESSAGE","logEvents":[]}`

func want(t *testing.T, l *log, lines ...string) {
	t.Helper()
	if got := l.lines(); !slices.Equal(got, lines) {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

func TestSourceReadsDocuments(t *testing.T) {
	s := &stream{t: t, pages: 2, records: records(documentOf("/shop", "a", "one", "two"), control, documentOf("/shop", "b", "three"), documentOf("/shop", "a"), documentOf("/shop", "a", "four"))}
	l := &log{}
	got := read(t, s, l, nil)
	const from = "999999999999 eu-west-1 /shop "
	all := []string{from + "a|1700000000000 one", from + "a|1700000000001 two", from + "b|1700000000000 three", from + "a|1700000000000 four"}
	want(t, l, all...)
	if got.Records != 5 || got.Events != 4 || got.Control != 1 || got.Quarantined+got.Errors != 0 {
		t.Errorf("%+v", got)
	}
	if s.committed.Number != 5 {
		t.Errorf("committed %+v", s.committed)
	}
	for i, b := range l.batches {
		if h := b.Header(); h.Hops != 1 || h.Origin.Shard != firstLane {
			t.Errorf("batch %d: %+v", i, h)
		}
	}

	s.committed = Place{} // as after a crash before any commit: the log knows better
	if got := read(t, s, l, nil); got.AlreadyStored != 5 {
		t.Errorf("%+v", got)
	}
	want(t, l, all...)
}

func TestSourceReadsMessages(t *testing.T) {
	s := &stream{t: t, pages: 10, records: records("one", "two \xff", documentOf("g", "s", "x"))}
	l := &log{}
	read(t, s, l, func(c *Config) { c.Payload = raw })
	const from = "123456789012 eu-west-1 /kinesis/matches shardId-000000000000|1700000000000 "
	want(t, l, from+"one", from+"two \uFFFD", from+documentOf("g", "s", "x"))
}

func TestSourcePutsAside(t *testing.T) {
	s := &stream{t: t, pages: 10, records: records("no document", documentOf("/shop", "a", "one"), "\x1f\x8bbroken",
		documentOf("/shop", strings.Repeat("s", 5000), "two"), documentOf("/shop", "a", "three"))}
	l := &log{}
	got := read(t, s, l, nil)
	const aside = "000000000000 central /sluice/quarantine eu/shardId-000000000000|1700000000000 "
	want(t, l,
		aside+`{"source":"eu","shard":"shardId-000000000000","record":0,"reason":"is no document of CloudWatch Logs","bytes":11,"value":"bm8gZG9jdW1lbnQ="}`,
		"999999999999 eu-west-1 /shop a|1700000000000 one",
		aside+`{"source":"eu","shard":"shardId-000000000000","record":2,"reason":"cannot be inflated: unexpected EOF","bytes":8,"value":"H4ticm9rZW4="}`,
		aside+fmt.Sprintf(`{"source":"eu","shard":"shardId-000000000000","record":3,"reason":"has a logStream of more than 512 characters","bytes":%d,"value":%q}`,
			len(s.records[3].Data), base64.StdEncoding.EncodeToString(s.records[3].Data[:4096])),
		"999999999999 eu-west-1 /shop a|1700000000000 three")
	if got.Quarantined != 3 || got.Events != 5 {
		t.Errorf("%+v", got)
	}
}

// TestSourceCutsWhatIsTooFarApart: one record, several batches; a crash between
// them repeats none.
func TestSourceCutsWhatIsTooFarApart(t *testing.T) {
	text := strings.NewReplacer("1700000000001", "1800000000000", "1700000000002", "1800000000001").Replace(documentOf("/shop", "a", "one", "two", "three"))
	l := &log{fail: []error{errors.New("the disk is full")}, halfway: true}
	read(t, &stream{t: t, pages: 10, records: records(text, documentOf("/shop", "a", "four"))}, l, nil)
	const from = "999999999999 eu-west-1 /shop a|"
	want(t, l, from+"1700000000000 one", from+"1800000000000 two", from+"1800000000001 three", from+"1700000000000 four")
	if numbers := []uint64{l.batches[0].Header().Origin.Number, l.batches[1].Header().Origin.Number, l.batches[2].Header().Origin.Number}; !slices.Equal(numbers, []uint64{1, 256, 512}) {
		t.Errorf("numbers %v", numbers)
	}
}

func TestSourceWaitsForTheLog(t *testing.T) {
	full := errors.New("the disk is full")
	l := &log{fail: slices.Repeat([]error{full}, 20)}
	s := &stream{t: t, pages: 10, records: records(documentOf("/shop", "a", "one")), fetchErr: errors.New("no route to host")}
	got := read(t, s, l, nil)
	want(t, l, "999999999999 eu-west-1 /shop a|1700000000000 one")
	if got.Errors != 1 || got.Shards[0].Condition != Reading {
		t.Errorf("%+v", got)
	}
}

func TestSourceAtAGap(t *testing.T) {
	f := func(onGap string, condition Condition, gaps int64, lines ...string) {
		t.Helper()
		l := &log{}
		got := read(t, &stream{t: t, pages: 10, lostBelow: 2, records: records("", "", documentOf("/shop", "a", "one"))}, l, func(c *Config) { c.OnGap = onGap })
		want(t, l, lines...)
		if got.Gaps != gaps || got.Shards[0].Condition != condition {
			t.Errorf("on_gap %s: %+v", onGap, got)
		}
	}
	f(fail, Stopped, 0)
	f(skip, Reading, 1, "999999999999 eu-west-1 /shop a|1700000000000 one")
}

// TestSourceEndsWithItsShard: nothing is read again of one that has ended.
func TestSourceEndsWithItsShard(t *testing.T) {
	l := &log{}
	s := &stream{t: t, pages: 10, ended: true, records: records(documentOf("/shop", "a", "one"))}
	got := read(t, s, l, nil)
	if len(got.Shards) != 0 || s.committed.Number != 1 || len(l.batches) != 1 {
		t.Errorf("%+v, committed %+v, %d batches", got, s.committed, len(l.batches))
	}
}

// TestSourceTakesBatches of another sluice as they are, one hop further.
func TestSourceTakesBatches(t *testing.T) {
	b := event.GetBuilder(100)
	if err := b.Append(5, []byte("one")); err != nil {
		t.Fatal(err)
	}
	batch, err := b.Seal(event.Header{Ingested: 7, Request: 9, GroupUID: 77, StreamUID: 78}, event.Source{Account: "1", Region: "r", LogGroup: "g", LogStream: "s"})
	if err != nil {
		t.Fatal(err)
	}
	l := &log{}
	got := read(t, &stream{t: t, pages: 10, records: []Record{{Batch: true, Data: batch.Record()}, {Batch: true, Data: []byte("broken")}}}, l, func(c *Config) { c.LogGroup = "{region}/{group}" })
	if len(l.batches) != 2 || l.batches[0].ID(0) != batch.ID(0) || l.batches[0].Header().Hops != 1 || l.batches[0].Ingested() != 7 || got.Quarantined != 1 {
		t.Errorf("%+v: %q", got, l.lines())
	}
}

func TestConfigCheck(t *testing.T) {
	f := func(change func(*Config), text string) {
		t.Helper()
		c := Config{Name: "n", Stream: "s", Account: "a", Region: "r"}
		change(&c)
		err := c.Check()
		if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { c.Name = "a b" }, "name")
	f(func(c *Config) { c.Payload = "xml" }, "payload")
	f(func(c *Config) { c.OnGap = "reset" }, "on_gap")
	f(func(c *Config) { c.LogGroup = "{topic}" }, "{topic}")
	f(func(c *Config) { c.Stream = "" }, "stream")
}

func TestLanesAreForGood(t *testing.T) {
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	table, err := catalog.OpenTable[Lane](c, catalog.KinesisLanes)
	if err != nil {
		t.Fatal(err)
	}
	f := func(l *Lanes, source, shard string, want Lane) {
		t.Helper()
		got, err := l.of(home, source, shard, 2)
		if err != nil || got != want {
			t.Errorf("%s/%s: %+v %v, want %+v", source, shard, got, err, want)
		}
	}
	first := NewLanes(table)
	f(first, "a", "1", Lane{0, firstLane})
	f(first, "a", "2", Lane{1, firstLane + 1})
	f(first, "a", "1", Lane{0, firstLane})
	later := NewLanes(table)
	f(later, "b", "1", Lane{0, firstLane + 2})
	f(later, "a", "2", Lane{1, firstLane + 1})
}
