package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Log is what streams need of a log shard; *store.Shard is one, and so is a
// *wal.Log alone.
type Log interface {
	Append(ctx context.Context, t wal.Type, key uint64, payload ...[]byte) (uint64, error)
	// ReadInto returns the frame at a position, wherever it is kept by now. It may
	// stand in m and lives until m is used again.
	ReadInto(m *wal.Memory, seq uint64) (wal.Frame, error)
	// Frames visits the frames in [first, end) that a stream may want, in order.
	// What is gone is passed over.
	Frames(first, end uint64, visit func(wal.Frame) error) error
	// Bytes is about how much of the log the frames in [first, end) take, 0 where some
	// are not in it any more.
	Bytes(first, end uint64) int64
	Durable() uint64
}

// Shard is one log with the index that follows it.
type Shard struct {
	Log   Log
	Index *Index
}

// Streams are all embedded streams of a process, by key.
type Streams struct {
	shards []Shard

	mu      sync.Mutex // guards waiting
	waiting map[uint64]map[chan struct{}]struct{}
}

// New returns the streams over the shards of a log.
func New(shards ...Shard) *Streams {
	return &Streams{shards: shards, waiting: map[uint64]map[chan struct{}]struct{}{}}
}

// MaxPutBytes bounds the records of one Put, lengths included.
const MaxPutBytes = 8 << 20

// Put appends records that reach a stream directly. They are durable when it
// returns, all or none.
func (s *Streams) Put(ctx context.Context, key uint64, arrived int64, records [][]byte) (event.Position, error) {
	parts := make([][]byte, 1, 1+len(records))
	parts[0] = appendPut(nil, arrived, records)
	size := len(parts[0])
	for _, r := range records {
		size += len(r)
		parts = append(parts, r)
	}
	if size > MaxPutBytes {
		return event.Position{}, fmt.Errorf("put %d records: %d bytes, at most %d fit", len(records), size, MaxPutBytes)
	}
	shard := uint32(key % uint64(len(s.shards)))
	seq, err := s.shards[shard].Log.Append(ctx, wal.TypePut, key, parts...)
	if err != nil {
		return event.Position{}, fmt.Errorf("put records: %w", err)
	}
	s.Published(key)
	return event.Position{Shard: shard, Number: seq}, nil
}

// Span says what a shard holds for a key at or after a position: the smallest
// durable run that reaches maxBytes, or all. It reads the log only where the
// index is too coarse for maxBytes, after a long backlog.
func (s *Streams) Span(key uint64, shard uint32, from uint64, maxBytes int64) event.Span {
	sh := s.shards[shard]
	for {
		span := sh.Index.span(key, from, sh.Log.Durable()+1, maxBytes)
		span.Range.Shard = shard
		coarse, ok := sh.Index.heavy(key, span, maxBytes)
		if !ok || sh.refine(key, coarse, maxBytes) != nil {
			return span // what cannot be read now is the reader's to report
		}
	}
}

var errEnough = errors.New("enough")

// refine reads the first frames of a merged entry, until they reach maxBytes, and
// splits the entry behind them.
func (sh Shard) refine(key uint64, e entry, maxBytes int64) error {
	head, rest := e, e.oldest
	head.count, head.bytes = 0, 0
	in := memories.Get().(*memory)
	in.key = key
	defer in.release()
	err := sh.frames(in, e, func(f wal.Frame) error {
		sum := entry{}
		held(f, func(k uint64, part entry) {
			if k == key {
				sum.count, sum.bytes, sum.oldest = sum.count+part.count, sum.bytes+part.bytes, part.oldest
			}
		})
		switch {
		case sum.count == 0:
		case head.count > 0 && head.bytes >= maxBytes:
			head.end, rest = f.Seq, sum.oldest
			return errEnough
		default:
			head.count, head.bytes = head.count+sum.count, head.bytes+sum.bytes
		}
		return nil
	})
	if err != nil && err != errEnough {
		return err
	}
	if head.bytes > maxBytes && head.end == e.end && head == e {
		return errEnough // nothing to split off: the last frame is the large one
	}
	sh.Index.split(key, e, head, rest)
	return nil
}

// Parcels visits what a key has in a range, in order. A parcel is a view into
// the log and lives until visit returns. Frames that were lost to damage are
// passed over: the log has reported them, and Totals counts what they held.
func (s *Streams) Parcels(ctx context.Context, key uint64, r event.Range, visit func(event.Parcel) error) error {
	if int(r.Shard) >= len(s.shards) {
		return fmt.Errorf("read stream: no shard %d", r.Shard)
	}
	sh := s.shards[r.Shard]
	r.End = min(r.End, sh.Log.Durable()+1)
	in := memories.Get().(*memory)
	in.key = key
	defer in.release()
	for _, run := range sh.Index.runs(key, r) {
		err := sh.frames(in, run, func(f wal.Frame) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			at := event.Position{Shard: r.Shard, Number: f.Seq}
			parcel, err := sh.parcel(in, key, at, f)
			if gone(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read stream at %v: %w", at, err)
			}
			if len(parcel.Records)+len(parcel.Deliveries) == 0 {
				return nil
			}
			return visit(parcel)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// frames visits the frames of a run that the log still has.
func (sh Shard) frames(in *memory, run entry, visit func(wal.Frame) error) error {
	if !run.exact() || run.frames != "" && sh.Log.Bytes(run.first, run.end)/run.frameCount() < sparse {
		return sh.Log.Frames(run.first, run.end, visit)
	}
	for at := range run.places() {
		f, err := sh.Log.ReadInto(&in.frame, at)
		if gone(err) {
			continue
		}
		if err == nil {
			err = visit(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gone tells of what can never be read again: damaged, trimmed, or of a version
// that nobody here knows. A consumer goes around it; trying again would only hold
// up what follows.
func gone(err error) bool {
	var damage *wal.CorruptError
	return errors.As(err, &damage) || errors.Is(err, wal.ErrTrimmed) || errors.Is(err, event.ErrCorrupt)
}

// parcel takes out of a frame what it holds for a key.
func (sh Shard) parcel(in *memory, key uint64, at event.Position, f wal.Frame) (event.Parcel, error) {
	p := event.Parcel{Position: at}
	switch {
	case f.Type == wal.TypePut && f.Key == key:
		put, err := openPut(f.Payload)
		if err != nil {
			return p, err
		}
		p.Arrived, p.Records = put.arrived, put.records()
	case f.Type == wal.TypeRecords && f.Key == key:
		return recordsParcel(p, f.Payload)
	case f.Type == wal.TypeMatches:
		if err := sh.matches(in, &p, key, f.Payload); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (sh Shard) matches(in *memory, p *event.Parcel, key uint64, payload []byte) error {
	m, err := event.OpenMatches(payload)
	if err != nil {
		return err
	}
	p.Arrived = m.Arrived
	in.used = 0
	batch := func(number uint64) (event.Batch, error) { return sh.batch(in.next(), number) }
	for e := range m.Entries() {
		if e.Key != key {
			continue
		}
		d, err := e.Delivery(batch)
		if gone(err) {
			continue // with the batch it refers to, perhaps
		}
		if err != nil {
			return err
		}
		d.Position.Shard = p.Position.Shard
		p.Deliveries = append(p.Deliveries, d)
	}
	return nil
}

// batch reads the batch that a match refers to.
func (sh Shard) batch(m *wal.Memory, number uint64) (event.Batch, error) {
	f, err := sh.Log.ReadInto(m, number)
	if err != nil {
		return event.Batch{}, err
	}
	if f.Type != wal.TypeBatch {
		return event.Batch{}, fmt.Errorf("%w: frame %d is no batch", event.ErrCorrupt, number)
	}
	return event.View(f.Payload)
}

// Notify returns a channel that gets a signal after more became durable for the
// key. stop ends it.
func (s *Streams) Notify(key uint64) (more <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[key] == nil {
		s.waiting[key] = map[chan struct{}]struct{}{}
	}
	s.waiting[key][c] = struct{}{}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting[key], c)
		if len(s.waiting[key]) == 0 {
			delete(s.waiting, key)
		}
	}
}

// Published wakes the consumers of keys for which frames became durable. The
// dispatcher calls it for the frames that it appends itself.
func (s *Streams) Published(keys ...uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		for c := range s.waiting[key] {
			select {
			case c <- struct{}{}:
			default: // a signal is waiting already
			}
		}
	}
}

// Totals counts what a key took and gave over all shards.
func (s *Streams) Totals(key uint64) Totals {
	var t Totals
	for _, sh := range s.shards {
		u := sh.Index.Totals(key)
		t.Accepted += u.Accepted
		t.AcceptedBytes += u.AcceptedBytes
		t.Delivered += u.Delivered
		t.Discarded += u.Discarded
		t.DeliveredBytes += u.DeliveredBytes
		t.InFlight += u.InFlight
	}
	return t
}

// Pending is everything durable that a shard holds for a key from its committed
// position on.
func (s *Streams) Pending(key uint64, shard uint32) event.Span {
	return s.Span(key, shard, s.shards[shard].Index.Committed(key), math.MaxInt64)
}

// Shards is the number of shards.
func (s *Streams) Shards() int { return len(s.shards) }
