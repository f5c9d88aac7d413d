package firehose_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"sluice/firehose"
	"sluice/internal/event"
	"sluice/internal/wal"
)

var errCrashed = errors.New("the machine is off")

// fakeLog is Source, Sink and Journal in memory. Frames are numbered from 1 in
// each shard, durable at once, and folded into the shard's State.
type fakeLog struct {
	// step is called before and after a frame becomes durable; an error ends the
	// call there.
	step func(point string) error

	mu      sync.Mutex
	shards  [][]fakeFrame
	ahead   []map[uint64]*fakeAhead // by shard and key
	states  []*firehose.State
	waiting map[uint64]map[chan struct{}]bool
	changed *sync.Cond // every appended frame
}

// fakeAhead is what commits say of a key: all below a position is done, and so
// much is done beyond.
type fakeAhead struct {
	position     uint64
	count, bytes int64
}

// commit follows a Commit frame as the stream's index does.
func (l *fakeLog) commit(shard uint32, f wal.Frame) {
	a := l.ahead[shard][f.Key]
	if a == nil {
		a = &fakeAhead{}
		l.ahead[shard][f.Key] = a
	}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(f.Payload[8*i:])) }
	a.count, a.bytes = a.count+word(1)+word(2), a.bytes+word(3)
	for _, g := range l.shards[shard] {
		if g.Key == f.Key && g.Seq >= a.position && g.Seq < uint64(word(0)) {
			a.count, a.bytes = a.count-int64(g.parcel.Count()), a.bytes-int64(g.parcel.Bytes())
		}
	}
	a.position, a.count, a.bytes = max(a.position, uint64(word(0))), max(0, a.count), max(0, a.bytes)
}

type fakeFrame struct {
	wal.Frame
	parcel event.Parcel // for puts and matches
	lost   bool         // counted, and not to be read any more
}

func newFakeLog(shards int) *fakeLog {
	l := &fakeLog{step: func(string) error { return nil }, waiting: map[uint64]map[chan struct{}]bool{}}
	l.changed = sync.NewCond(&l.mu)
	for range shards {
		l.shards = append(l.shards, nil)
		l.ahead = append(l.ahead, map[uint64]*fakeAhead{})
		l.states = append(l.states, firehose.NewState())
	}
	return l
}

// restarted is the log as the next process finds it: state from a snapshot
// taken at some frame, and the frames after it.
func (l *fakeLog) restarted(t testing.TB, snapshotAt int) *fakeLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := newFakeLog(len(l.shards))
	for i, frames := range l.shards {
		for n, f := range frames {
			next.shards[i] = frames[: n+1 : n+1]
			if f.Type == wal.TypeCommit {
				next.commit(uint32(i), f.Frame)
			}
		}
		next.shards[i] = append([]fakeFrame(nil), frames...)
		at := min(snapshotAt, len(frames))
		before := firehose.NewState()
		for _, f := range frames[:at] {
			before.Fold(f.Frame)
		}
		snapshot := before.AppendSnapshot([]byte("x"))[1:]
		if err := next.states[i].Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(next.states[i].AppendSnapshot(nil), snapshot) {
			t.Fatal("a restored state has another snapshot")
		}
		for _, f := range frames[at:] {
			next.states[i].Fold(f.Frame)
		}
	}
	return next
}

func (l *fakeLog) append(shard uint32, f fakeFrame) (uint64, error) {
	if err := l.step("before " + fmt.Sprint(f.Type)); err != nil {
		return 0, err
	}
	l.mu.Lock()
	f.Seq = uint64(len(l.shards[shard]) + 1)
	f.parcel.Position = event.Position{Shard: shard, Number: f.Seq}
	l.shards[shard] = append(l.shards[shard], f)
	l.states[shard].Fold(f.Frame)
	if f.Type == wal.TypeCommit {
		l.commit(shard, f.Frame)
	}
	l.changed.Broadcast()
	for c := range l.waiting[f.Key] {
		if f.Type == wal.TypePut || f.Type == wal.TypeMatches {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
	l.mu.Unlock()
	return f.Seq, l.step("after " + fmt.Sprint(f.Type))
}

func (l *fakeLog) Append(_ context.Context, shard uint32, t wal.Type, key uint64, payload []byte) error {
	_, err := l.append(shard, fakeFrame{Frame: wal.Frame{Type: t, Key: key, Payload: bytes.Clone(payload)}})
	return err
}

func (l *fakeLog) Put(_ context.Context, key uint64, arrived int64, records [][]byte) (event.Position, error) {
	p := event.Parcel{Arrived: arrived}
	for _, r := range records {
		p.Records = append(p.Records, bytes.Clone(r))
	}
	shard := uint32(key % uint64(len(l.shards)))
	n, err := l.append(shard, fakeFrame{Frame: wal.Frame{Type: wal.TypePut, Key: key}, parcel: p})
	return event.Position{Shard: shard, Number: n}, err
}

// match appends what a subscription filter selected.
func (l *fakeLog) match(key uint64, shard uint32, arrived int64, deliveries ...event.Delivery) error {
	_, err := l.append(shard, fakeFrame{
		Frame: wal.Frame{Type: wal.TypeMatches, Key: key}, parcel: event.Parcel{Arrived: arrived, Deliveries: deliveries},
	})
	return err
}

func (l *fakeLog) Span(key uint64, shard uint32, from uint64, maxBytes int64) event.Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := event.Span{Range: event.Range{Shard: shard, Start: from, End: from}}
	for _, f := range l.shards[shard] {
		if f.Seq < from || f.Key != key || f.parcel.Count() == 0 {
			continue
		}
		if s.Count > 0 && s.Bytes >= maxBytes {
			break
		}
		s.Range.End = f.Seq + 1
		s.Count += int64(f.parcel.Count())
		s.Bytes += int64(f.parcel.Bytes())
		if s.Oldest == 0 || f.parcel.Arrived < s.Oldest {
			s.Oldest = f.parcel.Arrived
		}
	}
	if a := l.ahead[shard][key]; a != nil && from <= a.position {
		s.Count, s.Bytes = s.Count-min(a.count, s.Count), s.Bytes-min(a.bytes, s.Bytes)
	}
	return s
}

func (l *fakeLog) Parcels(ctx context.Context, key uint64, r event.Range, visit func(event.Parcel) error) error {
	l.mu.Lock()
	frames := slices.Clone(l.shards[r.Shard])
	l.mu.Unlock()
	for _, f := range frames {
		if f.Key != key || f.Seq < r.Start || f.Seq >= r.End || f.parcel.Count() == 0 || f.lost {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(f.parcel); err != nil {
			return err
		}
	}
	return nil
}

func (l *fakeLog) Notify(key uint64) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[key] == nil {
		l.waiting[key] = map[chan struct{}]bool{}
	}
	l.waiting[key][c] = true
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiting[key], c)
	}
}

// await returns when there are n frames of a type for a key, over all shards.
func (l *fakeLog) await(t wal.Type, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		seen := 0
		for _, frames := range l.shards {
			for _, f := range frames {
				if f.Type == t {
					seen++
				}
			}
		}
		if seen >= n {
			return
		}
		l.changed.Wait()
	}
}

// forget drops the bodies of what is done, as a log does in its own time.
func (l *fakeLog) forget(key uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for shard, frames := range l.shards {
		position := l.states[shard].Position(key)
		for i := range frames {
			if frames[i].Key == key && frames[i].Seq < position {
				frames[i].parcel = event.Parcel{}
			}
		}
	}
}

// lose damages all frames of a shard.
func (l *fakeLog) lose(shard int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.shards[shard] {
		l.shards[shard][i].lost = true
	}
}
