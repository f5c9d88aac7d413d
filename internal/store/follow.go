package store

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Follow marks where the log ends and returns what reads on from there: run
// visits the batches of the given log groups that become durable after Follow,
// of each shard in the order of its log, until ctx ends, and then returns ctx's
// error. visit is called by one goroutine at a time; a batch lives until it
// returns.
//
// run's goroutines, one a shard, have ended when it returns. Nothing queues up in
// memory for a slow visitor: the log is the queue. What is not in the log's tail
// cache any more is read from disk, from compacted files if need be.
func (s *Store) Follow(groups []uint64) (run func(ctx context.Context, visit func(event.Batch) error) error) {
	from := s.Durable()
	groups = slices.Clone(groups)
	return func(ctx context.Context, visit func(event.Batch) error) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var turn sync.Mutex // held by the shard that visits
		var shards sync.WaitGroup
		for i, sh := range s.shards {
			shards.Go(func() {
				cancel(sh.follow(ctx, from[i], groups, func(b event.Batch) error {
					turn.Lock()
					defer turn.Unlock()
					return visit(b)
				}))
			})
		}
		shards.Wait()
		return context.Cause(ctx)
	}
}

func (sh *Shard) follow(ctx context.Context, from uint64, groups []uint64, visit func(event.Batch) error) error {
	r, err := sh.log.NewReader(from)
	for {
		if errors.Is(err, wal.ErrTrimmed) { // retention was faster
			start := sh.log.First()
			if err = sh.catchUp(ctx, from, start, groups, visit); err != nil {
				return err
			}
			r, err = sh.log.NewReader(start)
			from = start
			continue
		}
		if err != nil {
			return err
		}
		var block wal.Block
		if block, err = r.Next(ctx); err != nil {
			continue
		}
		from = block.Last() + 1
		if err := visitBatches(block, groups, visit); err != nil {
			return err
		}
	}
}

// catchUp visits the batches of the groups in [from, to), which compacted files
// have taken over, in the order of the log.
func (sh *Shard) catchUp(ctx context.Context, from, to uint64, groups []uint64, visit func(event.Batch) error) error {
	var numbers []uint64
	for _, group := range groups {
		q := Query{Group: group, From: math.MinInt64, To: math.MaxInt64}
		_, err := sh.filePlaces(ctx, q, from, to-1, func(p Place) { numbers = append(numbers, p.Position.Number) }, func() error { return nil })
		if err != nil {
			return err
		}
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		if err := sh.visit(number, visit); err != nil {
			return err
		}
	}
	return nil
}

// visitBatches visits the batches of the groups in a block. Frames carry their
// group as key, so that those of other groups cost nothing but a glance.
func visitBatches(block wal.Block, groups []uint64, visit func(event.Batch) error) error {
	for f := range block.All() {
		if f.Type != wal.TypeBatch || !slices.Contains(groups, f.Key) {
			continue
		}
		b, err := event.View(f.Payload)
		if err != nil {
			continue // of another version: no reader knows it
		}
		if err := visit(b); err != nil {
			return err
		}
	}
	return nil
}
