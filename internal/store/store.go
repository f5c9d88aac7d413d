package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"

	"sluice/internal/compact"
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
	// Files holds one folder of compacted files per shard. Without it nothing is
	// compacted and the log grows.
	Files string
	// CompactBytes bounds what of a log becomes one compacted file at once: as
	// much is held in memory. Default 32 MiB.
	CompactBytes int64
	// MergeFiles neighbours become one, up to MergeBytes of text. Default 8 and
	// 1 GiB.
	MergeFiles int
	MergeBytes int64
	// CacheBytes bounds the decoded blocks of compacted files in memory. Default
	// 32 MiB.
	CacheBytes int64
	// CompactRate bounds compaction, in bytes of batches a second. Default none.
	CompactRate int64
	// Compact says how compacted files are written.
	Compact compact.Options
	// Needed is the first position of a shard that somebody in this process still
	// needs to read from the log itself. nil: nobody does.
	Needed func(shard uint32) uint64
	// Keep tells whether a frame that is no batch must outlive its segment. nil:
	// none does.
	Keep func(shard uint32, f wal.Frame) bool
	// Live tells from which instant (ms) on the events of a log stream are kept;
	// false when it was deleted. Stream 0 stands for all of a group. nil: all live.
	Live func(group, stream uint64) (from int64, ok bool)
	// Class says how long a log group's events can be read back. nil: all of them
	// are Compact.
	Class func(group uint64) Class
	// MaxBytes is the disk budget of all shards, log and files together; 0 is
	// none. Policy says what happens when it is used up; default Block.
	MaxBytes int64
	Policy   Policy
	// MinFreeBytes of the file system are never used. Default 0.
	MinFreeBytes int64
	// Logger takes what goes wrong in the background; nil is silent.
	Logger *slog.Logger
	// Folders returns what else follows a shard's log.
	Folders func(shard uint32) []wal.Folder
	// Quarantine hears of damage that recovery went around.
	Quarantine func(shard uint32, d wal.Damage)
}

// MaxShards bounds the number of shards.
const MaxShards = 64

// Store keeps log events in the shards of the log.
type Store struct {
	cfg    Config
	shards []*Shard
	room   *room
	cache  *compact.Cache
	sealed chan struct{} // a segment ended: capacity 1
	due    chan struct{} // a log has something to prepare: capacity 1

	compacting sync.Mutex // held by the one Compact that runs
}

// Shard is one log with everything that was taken out of it since.
type Shard struct {
	number  uint32
	cfg     *Config
	log     *wal.Log
	index   *index
	stats   *stats
	dropped *dropped
	files   *files
	room    *room
	pace    pace
	work    work

	recounted bool // no file's note waits to be counted; of the compactor alone

	mu    sync.Mutex // guards pages
	pages pages
}

// Open recovers the shards' logs and finds their compacted files. It starts
// nothing.
func Open(fsys vfs.FS, cfg Config) (*Store, error) {
	cfg.setDefaults()
	if cfg.Shards < 0 || cfg.Shards > MaxShards {
		return nil, fmt.Errorf("open store: %d shards, 1 to %d are possible", cfg.Shards, MaxShards)
	}
	if err := checkShards(fsys, cfg); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{cfg: cfg, cache: compact.NewCache(cfg.CacheBytes), sealed: make(chan struct{}, 1), due: make(chan struct{}, 1)}
	s.room = &room{fs: fsys, dir: cfg.Dir, cfg: cfg, shards: func() []*Shard { return s.shards }}
	for n := range uint32(cfg.Shards) {
		sh, err := s.openShard(fsys, n)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open log shard %d: %w", n, err), s.Close())
		}
		s.shards = append(s.shards, sh)
	}
	s.room.look()
	return s, nil
}

func (c *Config) setDefaults() {
	setDefault(&c.Shards, 1)
	setDefault(&c.SegmentBytes, 64<<20)
	setDefault(&c.IndexBytes, 16<<20)
	setDefault(&c.CompactBytes, 32<<20)
	setDefault(&c.MergeFiles, 8)
	setDefault(&c.MergeBytes, 1<<30)
	setDefault(&c.CacheBytes, 32<<20)
	setDefault(&c.Policy, Block)
	setDefault(&c.Logger, slog.New(slog.DiscardHandler))
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// maxFrameBytes is as much as a log takes. Batches have 20 MiB at most, but what the
// filters make of one is one frame with the position behind it, whatever their
// number: samples of a hundred metric filters, each event in a minute of its own, are
// 200 MiB. A frame that was refused would be made again, and refused, at each start.
const maxFrameBytes = 1 << 30

// ErrFewerShards says that Config.Shards is less than it was.
var ErrFewerShards = errors.New("their number can grow and not shrink")

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
		return fmt.Errorf("the log in %s has %d shards, not %d: %w", cfg.Dir, there, cfg.Shards, ErrFewerShards)
	}
	return nil
}

func (s *Store) openShard(fsys vfs.FS, n uint32) (*Shard, error) {
	cfg := &s.cfg
	sh := &Shard{
		number: n, cfg: cfg, index: &index{ended: s.segmentEnded}, stats: newStats(), dropped: &dropped{},
		room: s.room, pace: pace{cfg.CompactRate},
	}
	sh.pages.budget = cfg.IndexBytes / int64(cfg.Shards)
	folders := []wal.Folder{sh.stats, sh.dropped}
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
		SegmentBytes: cfg.SegmentBytes, TailBytes: cfg.TailBytes, MaxFrameBytes: maxFrameBytes,
		Folders: folders, Indexers: []wal.Indexer{sh.index}, Due: func() { wake(s.due) },
		Quarantine: func(d wal.Damage) {
			if cfg.Quarantine != nil {
				cfg.Quarantine(n, d)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	sh.files = &files{fs: fsys, dir: filepath.Join(cfg.Files, strconv.Itoa(int(n))), shard: n, cache: s.cache, log: cfg.Logger}
	if cfg.Files == "" {
		return sh, nil
	}
	if err := sh.files.open(sh.dropped); err != nil {
		return nil, errors.Join(err, sh.files.close(), sh.log.Close())
	}
	return sh, nil
}

// segmentEnded wakes the compaction. A log calls it under its lock.
func (s *Store) segmentEnded() {
	s.room.rolled.Store(true)
	wake(s.sealed)
}

func wake(who chan struct{}) {
	select {
	case who <- struct{}{}:
	default: // it is awake already
	}
}

// Append stores a batch: it is durable when Append returns. The batch is copied.
func (s *Store) Append(ctx context.Context, b event.Batch) (event.Position, error) {
	sh := s.shards[b.StreamUID()%uint64(len(s.shards))]
	seq, err := sh.Append(ctx, wal.TypeBatch, b.GroupUID(), b.Record())
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

// Shard is a shard, for whoever reads frames of other types long after they were
// appended.
func (s *Store) Shard(n uint32) *Shard { return s.shards[n] }

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
		errs = append(errs, sh.log.Close(), sh.files.close())
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
