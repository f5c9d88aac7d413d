package outbox_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/filter/outbox"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/wal"
)

const route = 7

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// log is a stream of parcels in memory, and the journal of one shard.
type log struct {
	mu      sync.Mutex
	parcels []event.Parcel
	waiting []chan struct{}
	frames  []wal.Frame
	state   *outbox.State
	err     error
}

func (l *log) add(p event.Parcel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.Position.Number = uint64(len(l.parcels) + 1)
	l.parcels = append(l.parcels, p)
	for _, c := range l.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (l *log) Span(key uint64, shard uint32, from uint64, maxBytes int64) event.Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := event.Span{Range: event.Range{Start: from, End: from}}
	for _, p := range l.parcels {
		if key != route || p.Position.Number < from {
			continue
		}
		if s.Count > 0 && s.Bytes >= maxBytes {
			break
		}
		s.Count += int64(p.Count())
		s.Bytes += int64(p.Bytes())
		s.Range.End = p.Position.Number + 1
		if s.Oldest == 0 {
			s.Oldest = p.Arrived
		}
	}
	return s
}

func (l *log) Parcels(_ context.Context, _ uint64, r event.Range, visit func(event.Parcel) error) error {
	l.mu.Lock()
	all := slices.Clone(l.parcels)
	l.mu.Unlock()
	for _, p := range all {
		if n := p.Position.Number; n >= r.Start && n < r.End {
			if err := visit(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *log) Notify(uint64) (<-chan struct{}, func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(chan struct{}, 1)
	l.waiting = append(l.waiting, c)
	return c, func() {}
}

func (l *log) Append(_ context.Context, _ uint32, t wal.Type, key uint64, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	f := wal.Frame{Type: t, Key: key, Seq: uint64(len(l.frames) + 1), Payload: payload}
	l.frames = append(l.frames, f)
	l.state.Fold(f)
	return nil
}

// destination is a Sender that remembers what arrived and fails as it is told.
type destination struct {
	mu      sync.Mutex
	fail    func(r *outbox.Record) error
	arrived []string // events
	ids     []outbox.ID
	tries   int
	tried   chan struct{} // a signal for each try
}

func (d *destination) Probe(context.Context, time.Time) error { return nil }

func (d *destination) Send(_ context.Context, records []*outbox.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	select {
	case d.tried <- struct{}{}:
	default:
	}
	for _, r := range records {
		if d.fail != nil {
			if err := d.fail(r); err != nil {
				return err
			}
		}
		d.arrived = append(d.arrived, messages(r.Data)...)
		d.ids = append(d.ids, r.ID)
		r.Delivered()
	}
	return nil
}

func (d *destination) got() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.arrived)
}

func (d *destination) failWith(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = func(*outbox.Record) error { return err }
	if err == nil {
		d.fail = nil
	}
}

// messages takes a record apart.
func messages(data []byte) (out []string) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return []string{err.Error()}
	}
	raw, err := io.ReadAll(z)
	var doc struct{ LogEvents []struct{ Message string } }
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range doc.LogEvents {
		out = append(out, e.Message)
	}
	return out
}

// delivery is events of a log stream.
func delivery(t testing.TB, stream uint64, traits event.Traits, messages ...string) event.Delivery {
	t.Helper()
	size := 64
	for _, m := range messages {
		size += len(m) + 1
	}
	b := event.GetBuilder(size)
	defer b.Release()
	for i, m := range messages {
		if err := b.Append(start.UnixMilli()+int64(i), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: stream, Ingested: start.UnixMilli()},
		event.Source{Account: "111111111111", Region: "us-east-1", LogGroup: "g", LogStream: fmt.Sprint("s", stream)})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := event.Open(bytes.Clone(sealed.Record()))
	if err != nil {
		t.Fatal(err)
	}
	return event.Delivery{Batch: batch, Filter: "f", Traits: traits, Key: route}
}

// box is an outbox with one destination on a clock that stands.
type box struct {
	t     *testing.T
	log   *log
	to    *destination
	clock *clock.Test
	room  *outbox.Room
	stop  func()
}

func open(t *testing.T, l *log, to *destination, c *clock.Test, rules outbox.Rules) *box {
	t.Helper()
	room, err := outbox.New(outbox.Config{Clock: c, Source: l, Journal: l, States: []*outbox.State{l.state}, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	room.Add(outbox.Target{Name: "d", Route: route, Sender: to})
	room.Add(outbox.Target{Name: "d", Route: route, Sender: to}) // no second lane
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = room.Run(ctx) }()
	b := &box{t: t, log: l, to: to, clock: c, room: room, stop: sync.OnceFunc(func() { cancel(); <-done })}
	t.Cleanup(b.stop)
	return b
}

func newBox(t *testing.T, rules outbox.Rules) *box {
	return open(t, &log{state: outbox.NewState()}, &destination{tried: make(chan struct{}, 1)}, clock.NewTest(start), rules)
}

func (b *box) put(messages ...string) {
	b.t.Helper()
	b.log.add(event.Parcel{Arrived: b.clock.Now().UnixMilli(), Deliveries: []event.Delivery{delivery(b.t, 1, 0, messages...)}})
}

// advance moves the clock once everything that is under way has ended. A day of
// attempts is hours, each of which may take the clock's patience.
func (b *box) advance(d time.Duration) {
	b.t.Helper()
	for ; d > time.Hour; d -= time.Hour {
		b.advance(time.Hour)
	}
	if err := b.clock.Advance(b.t.Context(), d); err != nil {
		b.t.Fatal(err)
	}
}

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func (b *box) status() outbox.Status {
	b.t.Helper()
	all := b.room.Status()
	if len(all) != 1 {
		b.t.Fatal(all)
	}
	return all[0]
}

// TestDownForAnHour keeps everything while a destination is down, and delivers it
// once, in order, when it is back.
func TestDownForAnHour(t *testing.T) {
	b := newBox(t, outbox.Rules{RetryFor: outbox.AWSRetryFor})
	b.to.failWith(errors.New("connection refused"))
	for i := range 60 {
		b.put(fmt.Sprint(i))
		b.advance(time.Minute)
	}
	same(t, len(b.to.got()), 0)
	s := b.status()
	if s.Condition != outbox.Retrying || s.Failures < 60 || s.LastError != "connection refused" || s.Oldest != start.UnixMilli() || s.Position != 0 {
		t.Errorf("%+v", s)
	}
	b.to.failWith(nil)
	b.advance(3 * time.Minute)
	var want []string
	for i := range 60 {
		want = append(want, fmt.Sprint(i))
	}
	same(t, b.to.got(), want)
	s = b.status()
	if s.Condition != outbox.Sending || s.Delivered != 60 || s.Position != 61 || s.Oldest != 0 || len(s.Skipped) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestGivenUpAfterADay counts what expired, with its time range, over a restart.
func TestGivenUpAfterADay(t *testing.T) {
	b := newBox(t, outbox.Rules{RetryFor: outbox.AWSRetryFor})
	b.to.failWith(errors.New("down"))
	b.put("a", "bb")
	b.advance(time.Hour)
	b.put("c")
	b.advance(outbox.AWSRetryFor - time.Hour - 2*time.Minute)
	same(t, len(b.status().Skipped), 0)
	b.advance(4 * time.Minute) // the chunk of a and bb is given up
	hour := start.Add(time.Hour).UnixMilli()
	want := map[outbox.Reason]outbox.Skip{outbox.Expired: {Reason: outbox.Expired, Events: 2, Bytes: 3, Oldest: start.UnixMilli(), Newest: start.UnixMilli()}}
	same(t, b.status().Skipped, want)
	b.advance(time.Hour)
	want[outbox.Expired] = outbox.Skip{Reason: outbox.Expired, Events: 3, Bytes: 4, Oldest: start.UnixMilli(), Newest: hour}
	same(t, b.status().Skipped, want)
	b.stop()

	again := outbox.NewState()
	if err := again.Restore(b.log.state.AppendSnapshot(nil)); err != nil {
		t.Fatal(err)
	}
	same(t, again.Of(route), b.log.state.Of(route))
	for _, f := range b.log.frames { // a frame that is folded again counts once
		again.Fold(f)
	}
	same(t, again.Of(route), b.log.state.Of(route))
}

// TestRefused parks by default, and skips ten minutes under AWS's rule.
func TestRefused(t *testing.T) {
	refusal := &outbox.Refusal{Err: errors.New("denied")}
	f := func(rules outbox.Rules, condition outbox.Condition, want []string, skipped uint64) {
		t.Helper()
		b := newBox(t, rules)
		b.to.failWith(refusal)
		b.put("0")
		<-b.to.tried
		b.advance(0) // until the try is over
		if c := b.status().Condition; c != condition {
			t.Errorf("condition %d", c)
		}
		b.to.failWith(nil)
		for i := 1; i < 12; i++ {
			b.put(fmt.Sprint(i))
			b.advance(time.Minute)
		}
		b.advance(time.Minute)
		same(t, b.to.got(), want)
		same(t, b.status().Skipped[outbox.Disabled].Events, skipped)
	}
	f(outbox.Rules{RetryFor: outbox.AWSRetryFor}, outbox.Parked, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, 0)
	f(outbox.Rules{RetryFor: outbox.AWSRetryFor, Disable: outbox.AWSDisable}, outbox.Sending, []string{"11"}, 11)
}

// TestRefusedForDays wants nothing given up that waits for a permission.
func TestRefusedForDays(t *testing.T) {
	b := newBox(t, outbox.Rules{RetryFor: outbox.AWSRetryFor})
	b.to.failWith(&outbox.Refusal{Err: errors.New("denied")})
	b.put("a")
	for range 30 {
		b.advance(time.Hour)
	}
	b.to.failWith(nil)
	b.advance(time.Hour)
	same(t, b.to.got(), []string{"a"})
	same(t, len(b.status().Skipped), 0)
}

// TestSameRecordsAfterACrash ends an outbox before its commit and wants the next one
// to make the same records.
func TestSameRecordsAfterACrash(t *testing.T) {
	l := &log{state: outbox.NewState(), err: errors.New("no more frames")}
	c := clock.NewTest(start)
	first := &destination{}
	for i := range 20 {
		l.add(event.Parcel{Arrived: start.UnixMilli(), Deliveries: []event.Delivery{
			delivery(t, 1, 0, fmt.Sprint("a", i)), delivery(t, 2, event.TraitRandom, fmt.Sprint("b", i)), delivery(t, 1, 0, fmt.Sprint("c", i)),
		}})
	}
	b := open(t, l, first, c, outbox.Rules{})
	b.advance(time.Minute)
	same(t, b.status().Condition, outbox.Stopped)
	b.stop()
	l.err = nil
	second := &destination{}
	b = open(t, l, second, c, outbox.Rules{})
	b.advance(time.Minute)
	same(t, second.ids, first.ids)
	same(t, second.arrived, first.arrived)
	same(t, b.status().Delivered, 60)
	same(t, len(first.ids), 40)                            // one document for each log stream of a frame
	same(t, first.arrived[:3], []string{"a0", "c0", "b0"}) // in the order of their stream
}

func TestLogWithoutRoomForACommit(t *testing.T) {
	b := newBox(t, outbox.Rules{})
	b.log.mu.Lock()
	b.log.err = wal.ErrNoSegment
	b.log.mu.Unlock()
	b.put("a")
	b.advance(time.Minute)
	same(t, b.status().Condition, outbox.Retrying)
	b.log.mu.Lock()
	b.log.err = nil
	b.log.mu.Unlock()
	b.advance(time.Minute)
	same(t, b.status().Delivered, 1)
	same(t, b.to.got(), []string{"a"}) // the verdict was kept: it is not sent again
}

func FuzzRestore(f *testing.F) {
	s := outbox.NewState()
	f.Add(s.AppendSnapshot(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := outbox.NewState()
		if s.Restore(b) == nil {
			again := outbox.NewState()
			if err := again.Restore(s.AppendSnapshot(nil)); err != nil {
				t.Error(err)
			}
		}
		s.Fold(wal.Frame{Type: wal.TypeCommit, Key: 1, Payload: b})
		if err := outbox.NewState().Restore(s.AppendSnapshot(nil)); err != nil {
			t.Error(err)
		}
	})
}

// TestHeed: a clock that moves after Heed waits for the looks of all lanes, also
// where no signal woke one.
func TestHeed(t *testing.T) {
	b := newBox(t, outbox.Rules{RetryFor: outbox.AWSRetryFor})
	for i := range 100 {
		b.advance(time.Second) // the lane has looked, and waits
		b.log.mu.Lock()
		b.log.waiting = nil
		b.log.mu.Unlock()
		b.put(fmt.Sprint(i))
		b.room.Heed()
		b.advance(time.Millisecond)
		if got := b.to.got(); len(got) != i+1 {
			t.Fatalf("%d events arrived of %d", len(got), i+1)
		}
	}
}
