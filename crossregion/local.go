package crossregion

import (
	"context"

	"sluice/internal/event"
	"sluice/internal/origins"
	"sluice/internal/store"
	"sluice/internal/wal"
)

// Local is the log here, with the marks of the lanes in it: an Appender and Marks.
type Local struct {
	Store   *store.Store
	Origins origins.Shards // one for each shard of the store
}

// Shards is the number of shards.
func (l Local) Shards() int { return l.Store.Shards() }

// Mark is how far a lane is in a shard, durably.
func (l Local) Mark(ctx context.Context, shard, lane uint32) (uint64, error) {
	return l.Origins[shard].Mark(ctx, 0, lane)
}

// Append makes batches durable with one commit. The disk budget is asked with the
// last of them, so it is exceeded by a chunk a lane at most.
func (l Local) Append(ctx context.Context, shard uint32, batches []event.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	last := len(batches) - 1
	log := l.Store.Log(shard)
	for _, b := range batches[:last] {
		if _, err := log.Enqueue(ctx, wal.TypeBatch, b.GroupUID(), b.Record()); err != nil {
			return err
		}
	}
	_, err := l.Store.Shard(shard).Append(ctx, wal.TypeBatch, batches[last].GroupUID(), batches[last].Record())
	return err
}
