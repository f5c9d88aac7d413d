package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// Config sizes a store. The zero value of a size is its default.
type Config struct {
	// Dir holds one folder per shard.
	Dir string
	// Shards is the number of logs side by side, 1 to 64. Default 1.
	Shards int
	// SegmentBytes and TailBytes are those of each shard's log.
	SegmentBytes, TailBytes int64
	// IndexBytes bounds the indexes of sealed segments in memory. Default 16 MiB.
	IndexBytes int64
	// Folders returns what else follows a shard's log.
	Folders func(shard uint32) []wal.Folder
	// Quarantine hears of damage that recovery went around.
	Quarantine func(shard uint32, d wal.Damage)
}

// MaxShards bounds the number of shards.
const MaxShards = 64

// Store keeps log events in the shards of the log.
type Store struct {
	shards []*shard
}

type shard struct {
	number uint32
	log    *wal.Log
	index  *index
	stats  *stats

	mu    sync.Mutex // guards pages
	pages pages
}

// Open recovers the shards' logs. It starts nothing.
func Open(fsys vfs.FS, cfg Config) (*Store, error) {
	if cfg.Shards == 0 {
		cfg.Shards = 1
	}
	if cfg.Shards < 0 || cfg.Shards > MaxShards {
		return nil, fmt.Errorf("open store: %d shards, 1 to %d are possible", cfg.Shards, MaxShards)
	}
	if cfg.IndexBytes == 0 {
		cfg.IndexBytes = 16 << 20
	}
	if err := checkShards(fsys, cfg); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{}
	for n := range uint32(cfg.Shards) {
		sh, err := openShard(fsys, cfg, n)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open log shard %d: %w", n, err), s.Close())
		}
		s.shards = append(s.shards, sh)
	}
	return s, nil
}

// checkShards refuses to leave a shard aside: what is in it was acknowledged.
func checkShards(fsys vfs.FS, cfg Config) error {
	entries, err := fsys.ReadDir(cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	there := 0
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && e.IsDir() {
			there = max(there, n+1)
		}
	}
	if there > cfg.Shards {
		return fmt.Errorf("the log in %s has %d shards, not %d: their number can grow and not shrink", cfg.Dir, there, cfg.Shards)
	}
	return nil
}

func openShard(fsys vfs.FS, cfg Config, n uint32) (*shard, error) {
	sh := &shard{number: n, index: &index{}, stats: newStats()}
	sh.pages.budget = cfg.IndexBytes / int64(cfg.Shards)
	folders := []wal.Folder{sh.stats}
	if cfg.Folders != nil {
		folders = append(folders, cfg.Folders(n)...)
	}
	dir := filepath.Join(cfg.Dir, strconv.Itoa(int(n)))
	err := vfs.MkdirAllSync(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("make log folder: %w", err)
	}
	sh.log, err = wal.Open(fsys, wal.Config{
		Dir: dir, Shard: n,
		SegmentBytes: cfg.SegmentBytes, TailBytes: cfg.TailBytes,
		Folders: folders, Indexers: []wal.Indexer{sh.index},
		Quarantine: func(d wal.Damage) {
			if cfg.Quarantine != nil {
				cfg.Quarantine(n, d)
			}
		},
	})
	return sh, err
}

// Append stores a batch: it is durable when Append returns. The batch is copied.
func (s *Store) Append(ctx context.Context, b event.Batch) (event.Position, error) {
	sh := s.shards[b.StreamUID()%uint64(len(s.shards))]
	seq, err := sh.log.Append(ctx, wal.TypeBatch, b.GroupUID(), b.Record())
	if err != nil {
		return event.Position{}, fmt.Errorf("store batch: %w", err)
	}
	return event.Position{Shard: sh.number, Number: seq}, nil
}

// Reject counts events of a log group that were refused, durably.
func (s *Store) Reject(ctx context.Context, group uint64, r Rejected) error {
	log := s.shards[group%uint64(len(s.shards))].log
	if _, err := log.Append(ctx, wal.TypeCount, group, appendRejected(nil, r)); err != nil {
		return fmt.Errorf("count rejected events: %w", err)
	}
	return nil
}

// Shards is the number of shards.
func (s *Store) Shards() int { return len(s.shards) }

// Log is a shard's log, for whoever keeps frames of other types in it.
func (s *Store) Log(shard uint32) *wal.Log { return s.shards[shard].log }

// Next lists, by shard, the position that the next frame will get, whatever
// happens: all before it is durable, so that no crash can take the log back.
// Where a log has failed it is the position that the next start goes on at, or
// one before.
func (s *Store) Next() []uint64 {
	next := make([]uint64, len(s.shards))
	for i, sh := range s.shards {
		next[i] = sh.log.Next()
		if err := sh.log.WaitDurable(context.Background(), next[i]-1); err != nil {
			next[i] = sh.log.Durable() + 1
		}
	}
	return next
}

// Err says why a shard takes no more writes; nil while all of them do.
func (s *Store) Err() error {
	for _, sh := range s.shards {
		if err := sh.log.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the logs.
func (s *Store) Close() error {
	var errs []error
	for _, sh := range s.shards {
		errs = append(errs, sh.log.Close())
	}
	return errors.Join(errs...)
}

// StreamStats tells what is known of a log stream's events; false if it has
// none. A stream may have events of a time when there were fewer shards.
func (s *Store) StreamStats(uid uint64) (all StreamStats, ok bool) {
	for _, sh := range s.shards {
		sh.stats.mu.RLock()
		if found := sh.stats.streams[uid]; found != nil {
			all, ok = all.plus(*found), true
		}
		sh.stats.mu.RUnlock()
	}
	return all, ok
}

// GroupBytes is the size of a log group's messages.
func (s *Store) GroupBytes(uid uint64) int64 {
	var sum int64
	for _, sh := range s.shards {
		sh.stats.mu.RLock()
		sum += sh.stats.groups[uid]
		sh.stats.mu.RUnlock()
	}
	return sum
}

// Totals counts what reached the store.
func (s *Store) Totals() Totals {
	var t Totals
	for _, sh := range s.shards {
		sh.stats.mu.RLock()
		u := sh.stats.totals
		sh.stats.mu.RUnlock()
		t.Events += u.Events
		t.Bytes += u.Bytes
		t.Batches += u.Batches
		t.Rejected.add(u.Rejected)
	}
	return t
}
