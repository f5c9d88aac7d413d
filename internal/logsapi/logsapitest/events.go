package logsapitest

import (
	"bytes"
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"sluice/internal/event"
	"sluice/internal/store"
)

// Events is a store in memory. It reads batches as the real one does: whole,
// in the order of Append, from memory that is gone when the visitor returns.
type Events struct {
	mu       sync.Mutex
	batches  []event.Batch
	rejected store.Rejected
	visited  int
	err      error
	more     chan struct{} // closed by the next Append; nil when nobody waits
}

// Fail makes every call fail from now on, or work again for nil.
func (e *Events) Fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
}

// Append stores a batch.
func (e *Events) Append(_ context.Context, b event.Batch) (event.Position, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return event.Position{}, e.err
	}
	stored, err := event.Open(bytes.Clone(b.Record()))
	if err != nil {
		return event.Position{}, err
	}
	e.batches = append(e.batches, stored)
	if e.more != nil {
		close(e.more)
		e.more = nil
	}
	return event.Position{Number: uint64(len(e.batches))}, nil
}

// Reject counts rejected events.
func (e *Events) Reject(_ context.Context, _ uint64, r store.Rejected) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rejected.TooOld += r.TooOld
	e.rejected.TooNew += r.TooNew
	e.rejected.Expired += r.Expired
	return e.err
}

// Rejected is what was counted.
func (e *Events) Rejected() store.Rejected {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rejected
}

// Batches is what was stored.
func (e *Events) Batches() []event.Batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.batches[:len(e.batches):len(e.batches)]
}

// Visited is the number of batches that scans have read so far.
func (e *Events) Visited() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.visited
}

// Scan visits batches as the real store does.
func (e *Events) Scan(ctx context.Context, q store.Query, visit func(event.Batch) error) error {
	var scratch []byte
	for _, b := range e.Batches() {
		least, greatest := b.Span()
		if b.GroupUID() != q.Group || q.Stream != 0 && b.StreamUID() != q.Stream || least >= q.To || greatest < q.From {
			continue
		}
		clear(scratch[:cap(scratch)]) // the batch before is gone
		scratch = append(scratch[:0], b.Record()...)
		if err := e.read(scratch, visit); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Durable is where the log ends, as all of it is durable.
func (e *Events) Durable() []uint64 { return e.Next() }

// Places visits batches as the real store's index does.
func (e *Events) Places(ctx context.Context, q store.Query, below []uint64, visit func(store.Place)) error {
	for i, b := range e.Batches() {
		least, greatest := b.Span()
		if uint64(i)+1 < below[0] && b.GroupUID() == q.Group && (q.Stream == 0 || b.StreamUID() == q.Stream) && least < q.To && greatest >= q.From {
			visit(store.Place{Position: event.Position{Number: uint64(i) + 1}, Stream: b.StreamUID(), Least: least, Greatest: greatest})
		}
	}
	return ctx.Err()
}

// Batch visits one batch in memory that is gone afterwards.
func (e *Events) Batch(p event.Position, visit func(event.Batch) error) error {
	scratch := bytes.Clone(e.Batches()[p.Number-1].Record())
	defer clear(scratch)
	return e.read(scratch, visit)
}

// Reader visits batches as Batch does, with and without needles.
func (e *Events) Reader([][]byte) func(p event.Position, visit func(event.Batch) error) error {
	return e.Batch
}

// read lets a visitor see a record, unless the store was told to fail.
func (e *Events) read(record []byte, visit func(event.Batch) error) error {
	e.mu.Lock()
	e.visited++
	failure := e.err
	e.mu.Unlock()
	if failure != nil {
		return failure
	}
	view, err := event.View(record)
	if err != nil {
		return err
	}
	return visit(view)
}

// Follow visits what is appended later.
func (e *Events) Follow(groups []uint64) (run func(ctx context.Context, visit func(event.Batch) error) error) {
	from := len(e.Batches())
	return func(ctx context.Context, visit func(event.Batch) error) error {
		for {
			for _, b := range e.Batches()[from:] {
				from++
				if slices.Contains(groups, b.GroupUID()) {
					if err := visit(b); err != nil {
						return err
					}
				}
			}
			select {
			case <-e.after(from):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// after is closed when there are more than n batches.
func (e *Events) after(n int) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.more == nil {
		e.more = make(chan struct{})
	}
	if len(e.batches) > n {
		close(e.more)
		defer func() { e.more = nil }()
	}
	return e.more
}

// StreamStats sums a stream up.
func (e *Events) StreamStats(uid uint64) (store.StreamStats, bool) {
	st := store.StreamStats{First: math.MaxInt64}
	for _, b := range e.Batches() {
		if b.StreamUID() == uid {
			least, greatest := b.Span()
			st.First, st.Last = min(st.First, least), max(st.Last, greatest)
			st.LastIngested = max(st.LastIngested, b.Ingested())
			st.Events += int64(b.Len())
			st.Bytes += int64(b.MessageBytes())
		}
	}
	return st, st.Events > 0
}

// GroupBytes is the size of a group's messages.
func (e *Events) GroupBytes(uid uint64) (n int64) {
	for _, b := range e.Batches() {
		if b.GroupUID() == uid {
			n += int64(b.MessageBytes())
		}
	}
	return n
}

// Next is where the log of one shard ends.
func (e *Events) Next() []uint64 { return []uint64{uint64(len(e.Batches())) + 1} }

// Add stores one batch of events.
func (e *Events) Add(t testing.TB, h event.Header, events ...Event) {
	t.Helper()
	Add(t, e, h, events...)
}

// Appender takes batches: Events, and the real store.
type Appender interface {
	Append(ctx context.Context, b event.Batch) (event.Position, error)
}

// Add appends one batch of events to any store.
func Add(t testing.TB, to Appender, h event.Header, events ...Event) {
	t.Helper()
	size := 0
	for _, ev := range events {
		size += len(ev.Message) + 1
	}
	b := event.GetBuilder(size + 64)
	defer b.Release()
	for _, ev := range events {
		if err := b.Append(ev.Timestamp, []byte(ev.Message)); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := b.Seal(h, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// Event is one log event.
type Event struct {
	Timestamp int64
	Message   string
}
