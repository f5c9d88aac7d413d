package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sluice/internal/clock"
	"sluice/internal/wal"
)

const (
	// lookEvery is how long a sealed segment that somebody still needs, or data
	// that expires, may wait to be looked at again.
	lookEvery = time.Second
	// coolDown is how long compaction rests after an error.
	coolDown = 5 * time.Second
)

// Run compacts the log, merges files, removes what was deleted or has expired,
// keeps the disk budget and has the log's next segments ready, until ctx ends. A
// store without Run works, and its log grows.
func (s *Store) Run(ctx context.Context) error {
	var preparing sync.WaitGroup
	defer preparing.Wait()
	preparing.Go(func() { s.prepare(ctx) })
	timer := clock.Machine{}.NewTimer("store: compaction", 0)
	defer timer.Stop()
	failing := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.sealed:
		case <-timer.C:
		}
		err := s.Compact(ctx)
		wait := lookEvery
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failing = ""
		default:
			wait = coolDown
			if text := err.Error(); text != failing { // told once, not every few seconds
				s.cfg.Logger.Error("compaction waits", "error", err)
				failing = text
			}
		}
		timer.Reset(wait)
	}
}

// prepare changes segments ahead of the batches that would wait for it. Compaction
// may take long for a step, and this may not.
func (s *Store) prepare(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.due:
		}
		for _, sh := range s.shards {
			// That a log cannot be written any more those hear who write.
			if err := sh.log.Prepare(); err != nil && !errors.Is(err, wal.ErrClosed) && !errors.Is(err, wal.ErrReadOnly) {
				s.cfg.Logger.Warn("the next log segment could not be made ahead, and batches will wait for it", "shard", sh.number, "error", err)
			}
		}
	}
}

// Compact does what is due: it is what Run does again and again. Shards take
// turns, one file at a time.
func (s *Store) Compact(ctx context.Context) error {
	if s.cfg.Files == "" {
		return nil
	}
	s.compacting.Lock()
	defer s.compacting.Unlock()
	for more := true; more; {
		more = false
		for _, sh := range s.shards {
			did, err := sh.step(ctx)
			if err != nil {
				return fmt.Errorf("shard %d: %w", sh.number, err)
			}
			more = more || did
		}
		for s.room.crowded() {
			did, err := s.dropOldest()
			if err != nil {
				return err
			}
			if !did {
				break
			}
		}
		s.room.look()
	}
	return nil
}

// step does one thing: what frees the log first, then what frees the disk.
func (sh *Shard) step(ctx context.Context) (did bool, err error) {
	began := clock.Machine{}.Now()
	defer func() {
		if did {
			sh.work.change(func(o *Work) { o.Seconds += clock.Machine{}.Now().Sub(began).Seconds() })
		}
	}()
	for _, duty := range []func() (bool, error){
		func() (bool, error) { return sh.compactNext(ctx) },
		func() (bool, error) { return sh.removeDead(ctx) },
		func() (bool, error) { return sh.mergeNext(ctx) },
	} {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		did, err = duty()
		if errors.Is(err, wal.ErrClosed) {
			return false, nil
		}
		if did || err != nil {
			return did, err
		}
	}
	return false, nil
}
