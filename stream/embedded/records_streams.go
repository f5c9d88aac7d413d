package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// MaxRecordsBytes bounds a Records frame.
const MaxRecordsBytes = 32 << 20

// layouts of frames on their way to the log; nothing refers to them afterwards.
type laying struct {
	head  []byte
	parts [][]byte
}

var layings = sync.Pool{New: func() any { return new(laying) }}

// maxPooled bounds what stays allocated for the next Append.
const maxPooled = 1 << 20

// AppendRecords appends records to a stream, on one shard of the log; those of one
// Kinesis shard stand together. They are durable when it returns, all or none, and
// with them the mark of the origin they were made by, if there is one. It returns
// the number of their frame.
//
// hot: BenchmarkRecords
func (s *Streams) AppendRecords(ctx context.Context, stream uint64, shard uint32, arrived int64, from *Origin, mark Mark, records []Record) (uint64, error) {
	l := layings.Get().(*laying)
	defer l.release()
	size := recordsSize(records, from != nil)
	if cap(l.head) < size {
		l.head = make([]byte, 0, max(size, 4<<10))
	}
	l.parts = appendRecords(l.parts[:0], l.head[:0], arrived, from, mark, records)
	for i := range records {
		size += len(records[i].Data)
		if len(records[i].Key) > maxKeyBytes {
			return 0, fmt.Errorf("append records: a key of %d bytes, at most %d fit", len(records[i].Key), maxKeyBytes)
		}
	}
	if size > MaxRecordsBytes {
		return 0, fmt.Errorf("append %d records: %d bytes, at most %d fit", len(records), size, MaxRecordsBytes)
	}
	number, err := s.shards[shard].Log.Append(ctx, wal.TypeRecords, stream, l.parts...)
	if err != nil {
		return 0, fmt.Errorf("append records: %w", err)
	}
	return number, nil
}

func (l *laying) release() {
	clear(l.parts)
	if cap(l.head) > maxPooled || cap(l.parts) > maxPooled/16 {
		*l = laying{}
	}
	layings.Put(l)
}

// ErrPending says that a frame is on its way to the disk still: ask again.
var ErrPending = errors.New("records are not durable yet")

// Marked is how far records of an origin are in a stream, on one shard of the log.
// An AppendRecords that was given up by its context may have left a frame in the log
// that no crash has to spare: until it is durable the answer is ErrPending.
func (s *Streams) Marked(stream uint64, shard uint32, from Origin) (Mark, error) {
	m, position := s.shards[shard].Index.Mark(stream, from)
	if position >= s.End(shard) {
		return Mark{}, ErrPending
	}
	return m, nil
}

// End is the first position of a shard of the log that nothing durable has.
func (s *Streams) End(shard uint32) uint64 { return s.shards[shard].Log.Durable() + 1 }

// Since is a position from which on everything lies that reached a stream at or
// after an instant (ms), and not much else.
func (s *Streams) Since(stream uint64, shard uint32, at int64) uint64 {
	return s.shards[shard].Index.since(stream, at)
}

// OldestOf is when the first records came that a Kinesis shard has at or behind a
// position, to the precision of the index; false if there are none.
func (s *Streams) OldestOf(stream uint64, shard uint32, from uint64, kinesis uint32) (arrived int64, ok bool) {
	return s.shards[shard].Index.oldestOf(stream, from, s.End(shard), ShardBit(kinesis))
}

// Expire lets go of what a stream got before an instant (ms), where nobody needs it.
// keep is, for a shard of the log, the first position that somebody does.
func (s *Streams) Expire(stream uint64, before int64, keep func(shard uint32) uint64) {
	for i, sh := range s.shards {
		sh.Index.Expire(stream, before, keep(uint32(i)))
	}
}

// RecordStreams lists the streams that have records, or had.
func (s *Streams) RecordStreams() map[uint64]bool {
	out := map[uint64]bool{}
	for _, sh := range s.shards {
		for _, stream := range sh.Index.RecordStreams() {
			out[stream] = true
		}
	}
	return out
}

// Drop forgets a stream that is deleted.
func (s *Streams) Drop(stream uint64) {
	for _, sh := range s.shards {
		sh.Index.Drop(stream)
	}
}

const (
	// scanBytes bounds how much of the log one ReadRecords looks at: where the
	// index is coarse, most of it may be somebody else's.
	scanBytes = 64 << 20
	// readRuns is how many entries of the index are taken at once.
	readRuns = 64
)

// ErrStop ends a visit without an error.
var ErrStop = errors.New("stop")

// ReadRecords visits, in order, the frames from a position on that have records of
// a Kinesis shard, and returns the first position it has not looked at. It goes
// around what the log has lost, and ends early where it has looked at much. visit
// returns ErrStop to end it before the next frame; what it is given is valid until
// it returns.
func (s *Streams) ReadRecords(ctx context.Context, stream uint64, shard uint32, from uint64, kinesis uint32, visit func(number uint64, r Records) error) (next uint64, err error) {
	sh := s.shards[shard]
	limit := s.End(shard)
	next, seen := from, 0
	in := memories.Get().(*memory)
	defer in.release()
	for next < limit {
		runs := sh.Index.recordRuns(stream, next, limit, ShardBit(kinesis), readRuns)
		if len(runs) == 0 {
			return limit, nil
		}
		for _, run := range runs {
			next = run.first
			err := sh.frames(in, run, func(f wal.Frame) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				if seen += len(f.Payload); seen > scanBytes && f.Seq > from {
					next = f.Seq
					return errEnough
				}
				if f.Type == wal.TypeRecords && f.Key == stream {
					r, err := OpenRecords(f.Payload)
					if err == nil {
						err = visit(f.Seq, r)
					}
					if err != nil && !gone(err) { // a frame of another version is passed over
						next = f.Seq + 1
						return err
					}
				}
				next = f.Seq + 1
				return nil
			})
			switch {
			case errors.Is(err, ErrStop), errors.Is(err, errEnough):
				return next, nil
			case err != nil:
				return next, fmt.Errorf("read records of shard %d: %w", shard, err)
			}
			next = run.end
		}
	}
	return max(next, from), nil
}

// recordsParcel takes the records of all shards out of a frame.
func recordsParcel(p event.Parcel, payload []byte) (event.Parcel, error) {
	r, err := OpenRecords(payload)
	if err != nil {
		return p, err
	}
	p.Arrived = r.Arrived
	for record := range r.All() {
		p.Records = append(p.Records, record.Data)
	}
	return p, nil
}
