package store

import (
	"errors"
	"fmt"

	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// Reader returns what visits batches by their positions, for one goroutine that
// goes through many of them more or less in the order of Places: it decodes
// blocks of compacted files into memory of its own, which lives as long as the
// function does. A batch in such a file that lacks one of the needles is passed
// over, as is one that was lost to damage or trimmed. A batch lives until visit
// returns.
func (s *Store) Reader(needles [][]byte) func(p event.Position, visit func(event.Batch) error) error {
	c := compact.NewCursor(needles...)
	return func(p event.Position, visit func(event.Batch) error) error {
		return s.shards[p.Shard].pass(p.Number, c, visit)
	}
}

// pass visits a batch unless a needle of the cursor is not in it.
func (sh *Shard) pass(number uint64, c *compact.Cursor, visit func(event.Batch) error) error {
	b, ok, err := sh.next(number, c)
	var damage *wal.CorruptError
	switch {
	case errors.As(err, &damage), errors.Is(err, wal.ErrTrimmed):
		return nil
	case err != nil:
		return fmt.Errorf("read batch %v: %w", event.Position{Shard: sh.number, Number: number}, err)
	case !ok:
		return nil
	}
	return visit(b)
}

// next finds a batch in the log, or in a compacted file by a cursor.
func (sh *Shard) next(number uint64, c *compact.Cursor) (b event.Batch, ok bool, err error) {
	f, err := sh.log.Read(number)
	if err == nil {
		b, err = event.View(f.Payload)
		return b, err == nil, err
	}
	if !errors.Is(err, wal.ErrTrimmed) {
		return b, false, err
	}
	k := sh.files.holding(number)
	if k == nil {
		return b, false, wal.ErrTrimmed
	}
	defer sh.files.release(k)
	b, ok, err = c.Batch(k.file, number)
	switch {
	case errors.Is(err, compact.ErrNotHere):
		return b, false, wal.ErrTrimmed // left out when the file was made
	case err != nil:
		return b, false, sh.damaged(k, err)
	}
	return b, ok, nil
}
