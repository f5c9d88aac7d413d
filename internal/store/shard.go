package store

import (
	"context"
	"errors"
	"fmt"

	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// Append appends a frame of any type: it is durable when Append returns. Frames
// of records that somebody sends are refused with ErrFull while the disk budget
// is used up; those by which work ends or is counted always pass.
func (sh *Shard) Append(ctx context.Context, t wal.Type, key uint64, payload ...[]byte) (uint64, error) {
	if t == wal.TypePut || t == wal.TypeRecords || t == wal.TypeBatch {
		if err := sh.room.admit(); err != nil {
			return 0, err
		}
	}
	return sh.log.Append(ctx, t, key, payload...)
}

// Durable is the last position whose frame is durable.
func (sh *Shard) Durable() uint64 { return sh.log.Durable() }

// Read returns the frame at a position, from the log or from the compacted file
// that took it over: wal.ErrTrimmed where it is gone, wal.ErrBeyond where it is
// not durable yet, *wal.CorruptError where it was lost to damage. The payload is
// immutable.
func (sh *Shard) Read(seq uint64) (wal.Frame, error) {
	f, err := sh.log.Read(seq)
	if errors.Is(err, wal.ErrTrimmed) {
		return sh.readCompacted(seq)
	}
	return f, err
}

// ReadInto is Read whose frame may stand in m, and lives until m is used again.
func (sh *Shard) ReadInto(m *wal.Memory, seq uint64) (wal.Frame, error) {
	f, err := sh.log.ReadInto(m, seq)
	if errors.Is(err, wal.ErrTrimmed) {
		return sh.readCompacted(seq)
	}
	return f, err
}

func (sh *Shard) readCompacted(seq uint64) (wal.Frame, error) {
	k := sh.files.holding(seq)
	if k == nil {
		return wal.Frame{}, wal.ErrTrimmed
	}
	defer sh.files.release(k)
	b, err := k.file.Batch(seq)
	if err == nil {
		return wal.Frame{Type: wal.TypeBatch, Key: b.GroupUID(), Seq: seq, Payload: b.Record()}, nil
	}
	var f wal.Frame
	if errors.Is(err, compact.ErrNotHere) {
		f, err = k.file.Frame(seq)
	}
	switch {
	case errors.Is(err, compact.ErrNotHere):
		return wal.Frame{}, wal.ErrTrimmed // left out when the file was made
	case err != nil:
		return wal.Frame{}, sh.damaged(k, err)
	}
	return f, nil
}

// damaged reports damage to a compacted file. What stood there is gone, like
// what was trimmed: its readers go around it. Other errors may pass.
func (sh *Shard) damaged(k *kept, err error) error {
	var damage *compact.CorruptError
	if !errors.As(err, &damage) {
		return fmt.Errorf("read %s: %w", k.path, err)
	}
	sh.files.report(k, err)
	return fmt.Errorf("%w: %w", wal.ErrTrimmed, err)
}

// Bytes is about how much of the log the frames in [first, end) take, 0 where some
// were taken over by compacted files.
func (sh *Shard) Bytes(first, end uint64) int64 { return sh.log.Bytes(first, end) }

// Frames visits, in order, the frames in [first, end) that streams may want:
// those of matches and of records that are not done yet, whether they are still
// in the log or in compacted files, and of the log all others too. What is gone
// is passed over. A payload is immutable. An error of visit ends the visit and
// is returned.
func (sh *Shard) Frames(first, end uint64, visit func(wal.Frame) error) error {
	for first < end {
		if start := sh.log.First(); first < start {
			if err := sh.compactedFrames(first, min(start, end), visit); err != nil {
				return err
			}
			first = start
			continue
		}
		var err error
		if first, err = sh.logFrames(first, end, visit); !errors.Is(err, wal.ErrTrimmed) {
			return err
		}
	}
	return nil
}

// logFrames returns where to go on in compacted files when the error is
// wal.ErrTrimmed.
func (sh *Shard) logFrames(first, end uint64, visit func(wal.Frame) error) (next uint64, err error) {
	r, err := sh.log.NewReader(first)
	if err != nil {
		return first, err
	}
	for {
		block, more, err := r.TryNext()
		if err != nil || !more {
			return r.Position(), err
		}
		for f := range block.All() {
			if f.Seq >= end {
				return end, nil
			}
			if err := visit(f); err != nil {
				return end, err
			}
		}
	}
}

func (sh *Shard) compactedFrames(first, end uint64, visit func(wal.Frame) error) error {
	files, _ := sh.files.acquire()
	defer sh.files.release(files...)
	for _, k := range files {
		if k.last < first || k.first >= end {
			continue
		}
		var stopped error
		err := k.file.Frames(first, end, func(f wal.Frame) error {
			stopped = visit(f)
			return stopped
		})
		switch {
		case stopped != nil:
			return stopped
		case err != nil:
			if err = sh.damaged(k, err); !errors.Is(err, wal.ErrTrimmed) {
				return err
			}
		}
	}
	return nil
}

// batch returns the batch at a position.
func (sh *Shard) batch(number uint64) (event.Batch, error) {
	f, err := sh.Read(number)
	if err != nil {
		return event.Batch{}, err
	}
	return event.View(f.Payload)
}
