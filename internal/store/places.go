package store

import (
	"context"

	"sluice/internal/event"
)

// Place is a batch as the index knows it: enough to decide whether and when to
// read it.
type Place struct {
	Position        event.Position
	Stream          uint64 // uid
	Least, Greatest int64  // its first and last instant in ms
}

// Durable lists, by shard, the first position whose frame may not be durable
// yet: what was acknowledged before the call lies below.
func (s *Store) Durable() []uint64 {
	ends := make([]uint64, len(s.shards))
	for i, sh := range s.shards {
		ends[i] = sh.log.Durable() + 1
	}
	return ends
}

// Places visits the batches that Scan would read and that lie below the given
// positions, one for each shard (none of a shard that has no position, or 0).
// Nothing but the index is read: 40 bytes a batch, however large that is.
func (s *Store) Places(ctx context.Context, q Query, below []uint64, visit func(Place)) error {
	for _, sh := range s.shards {
		if int(sh.number) >= len(below) || below[sh.number] == 0 {
			continue
		}
		if err := sh.places(ctx, q, min(below[sh.number]-1, sh.log.Durable()), visit); err != nil {
			return err
		}
	}
	return nil
}

// places visits up to and with the position last.
func (sh *Shard) places(ctx context.Context, q Query, last uint64, visit func(Place)) error {
	return sh.parts(ctx, q, last, visit, func() error { return nil })
}

// Batch visits the batch at a position, unless it was lost to damage or trimmed.
// It lives until visit returns.
func (s *Store) Batch(p event.Position, visit func(event.Batch) error) error {
	return s.shards[p.Shard].visit(p.Number, visit)
}
