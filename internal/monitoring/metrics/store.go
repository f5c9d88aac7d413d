package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// Config is what a store needs to know.
type Config struct {
	// FS and Dir are where what left memory is kept. Required.
	FS  vfs.FS
	Dir string
	// Clock says how old samples are. Required.
	Clock clock.Clock
	// Logs are the shards of the log that samples come in by. Required.
	Logs []*wal.Log
	// MemoryBytes of samples are gathered in memory at most, about, before they
	// are written to a file. Default 48 MiB.
	MemoryBytes int
	// LogBytes of the log are read again at the next start at most, about.
	// Default 256 MiB.
	LogBytes int
	// MergeFiles is how many checkpoints become part of the files of their days
	// at once. Default 8.
	MergeFiles int
	// Logger takes what goes wrong in the background; nil is silent.
	Logger *slog.Logger
}

func (c *Config) setDefaults() error {
	if c.FS == nil || c.Dir == "" || c.Clock == nil || len(c.Logs) == 0 {
		return errors.New("open metric store: FS, Dir, Clock and Logs are needed")
	}
	if c.MemoryBytes == 0 {
		c.MemoryBytes = 48 << 20
	}
	if c.LogBytes == 0 {
		c.LogBytes = 256 << 20
	}
	if c.MergeFiles == 0 {
		c.MergeFiles = 8
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Store keeps the samples of all metrics.
type Store struct {
	cfg Config

	following sync.Mutex // held by who reads the logs
	readers   []*wal.Reader

	saving sync.Mutex // held by who writes files, across its I/O

	mu        sync.RWMutex // guards the fields below; never held across I/O
	series    map[string]*series
	applied   []uint64 // by shard, the first position that is not in memory
	saved     []uint64 // by shard, the first position that is not in files
	unsaved   []bool   // by shard: samples came since
	weight    int      // of the samples in memory, in bytes
	passed    int      // bytes of the log since the last checkpoint
	files     []file   // what the manifest lists
	sequence  uint64   // of the next file
	published published

	damages atomic.Uint64 // pages and frames that could not be read
}

// series is what is in memory of one.
type series struct {
	key     string
	seen    int64    // start of the newest sample, seconds
	buckets []bucket // since the last checkpoint
	frozen  []bucket // being written by a checkpoint
}

const (
	// bucketBytes and pairBytes are what they take in memory.
	bucketBytes, pairBytes = 88, 16
	// listedFor is how long ListMetrics shows a metric without new samples.
	listedFor = 14 * 24 * time.Hour
)

// Open finds the files. What the logs hold beyond them is read by Run, or before
// the first answer.
func Open(cfg Config) (*Store, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, series: map[string]*series{}, readers: make([]*wal.Reader, len(cfg.Logs)),
		applied: make([]uint64, len(cfg.Logs)), saved: make([]uint64, len(cfg.Logs)), unsaved: make([]bool, len(cfg.Logs)),
	}
	if err := s.openFiles(); err != nil {
		return nil, fmt.Errorf("open metric store: %w", err)
	}
	copy(s.applied, s.saved)
	return s, nil
}

// Needed is the first position of a shard that the store may still read: what
// came before it is in files.
func (s *Store) Needed(shard uint32) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.unsaved[shard] {
		return s.saved[shard]
	}
	return s.applied[shard]
}

// checkpointEvery is how often what is in memory becomes files at least.
const checkpointEvery = 5 * time.Minute

// Run follows the logs until ctx ends, writes checkpoints and lets old samples
// become coarser. A store without Run works: whoever asks it reads the logs.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for shard := range s.cfg.Logs {
		wg.Go(func() { s.follow(ctx, shard) })
	}
	timer := s.cfg.Clock.NewTimer("metric store: checkpoint", checkpointEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		s.saveOrSay()
		timer.Reset(checkpointEvery)
	}
}

func (s *Store) saveOrSay() {
	if err := s.Checkpoint(); err != nil {
		s.cfg.Logger.Error("metrics stay in memory", "error", err)
	}
}

// holdsUp tells whether a segment of the log that takes no more frames waits for
// the next checkpoint to be freed.
func (s *Store) holdsUp(shard int) bool {
	segments := s.cfg.Logs[shard].Segments()
	if len(segments) < 2 {
		return false
	}
	return s.Needed(uint32(shard)) < segments[len(segments)-1].First
}

// follow reads a log as it grows.
func (s *Store) follow(ctx context.Context, shard int) {
	log := s.cfg.Logs[shard]
	for ctx.Err() == nil {
		// Told before catching up: what becomes durable meanwhile must wake too.
		seen := log.Durable()
		err := s.CatchUp()
		if err == nil && s.holdsUp(shard) {
			s.saveOrSay()
		}
		if err == nil {
			err = log.AwaitMore(ctx, seen)
		}
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, wal.ErrClosed), errors.Is(err, wal.ErrReadOnly):
			return // what there is was read, and there is no more
		case errors.Is(err, wal.ErrTrimmed): // while it caught up
		default:
			s.cfg.Logger.Warn("metrics wait", "error", err)
			if (clock.Machine{}).Sleep(ctx, time.Second) != nil {
				return
			}
		}
	}
}

// CatchUp takes in what is durable now.
func (s *Store) CatchUp() error {
	s.following.Lock()
	defer s.following.Unlock()
	for shard := range s.cfg.Logs {
		if err := s.catchUp(shard); err != nil {
			return fmt.Errorf("read metrics of log shard %d: %w", shard, err)
		}
	}
	return nil
}

func (s *Store) catchUp(shard int) error {
	log := s.cfg.Logs[shard]
	if s.readers[shard] == nil {
		r, err := log.NewReader(min(max(s.applied[shard], log.First()), log.Next()))
		if err != nil {
			return err
		}
		r.Borrow()
		s.readers[shard] = r
	}
	for {
		block, more, err := s.readers[shard].TryNext()
		if errors.Is(err, wal.ErrTrimmed) { // only of what holds no samples: see Needed
			err = s.readers[shard].Seek(log.First())
			if err == nil {
				continue
			}
		}
		if err != nil || !more {
			return err
		}
		if s.apply(shard, block) {
			if err := s.checkpoint(); err != nil {
				s.cfg.Logger.Error("metrics stay in memory", "error", err)
			}
		}
	}
}

// apply takes in a block's samples. full says that a checkpoint is due.
func (s *Store) apply(shard int, block wal.Block) (full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range block.All() {
		switch f.Type {
		case wal.TypeMetrics:
			s.take(shard, f.Payload)
		case wal.TypeMatches:
			if m, err := event.OpenMatches(f.Payload); err == nil {
				for deltas := range m.Deltas() {
					s.take(shard, deltas)
				}
			}
		}
		s.applied[shard] = f.Seq + 1
	}
	s.passed += block.Bytes()
	if s.passed > s.cfg.LogBytes {
		return true
	}
	return s.weight > s.cfg.MemoryBytes
}

// take adds deltas. mu is held.
func (s *Store) take(shard int, deltas []byte) {
	s.unsaved[shard] = true
	err := readDeltas(deltas, func(key []byte, b *bucket) {
		if sr := s.of(key); sr != nil {
			s.weight += sr.merge(b)
			s.published.add(sr.key, b)
		}
	})
	if err != nil { // the log vouches for the bytes: another version wrote them
		s.damages.Add(1)
		s.cfg.Logger.Error("metrics pass over a frame", "error", err)
	}
}

// of finds a series, or makes it known. mu is held.
func (s *Store) of(key []byte) *series {
	if sr := s.series[string(key)]; sr != nil {
		return sr
	}
	sr := &series{key: string(key)}
	if _, _, err := parseKey(sr.key); err != nil {
		s.damages.Add(1)
		return nil
	}
	s.series[sr.key] = sr
	return sr
}

// merge adds a bucket and returns how much memory that took.
func (sr *series) merge(b *bucket) int {
	sr.seen = max(sr.seen, b.start)
	for i := len(sr.buckets) - 1; i >= 0; i-- {
		if have := &sr.buckets[i]; have.start == b.start && have.res == b.res {
			before := cap(have.pairs)
			have.digest.merge(&b.digest)
			return pairBytes * (cap(have.pairs) - before)
		}
	}
	sr.buckets = append(sr.buckets, bucket{start: b.start, res: b.res})
	last := &sr.buckets[len(sr.buckets)-1]
	last.digest.merge(&b.digest)
	return bucketBytes + pairBytes*cap(last.pairs)
}

// Damages counts what could not be read since the start.
func (s *Store) Damages() uint64 { return s.damages.Load() }

// Sizes tells what the store holds.
type Sizes struct {
	Series      int // with samples in the last two weeks
	MemoryBytes int // of samples, about
	Files       int
	FileBytes   int64
}

// Sizes returns them as of now.
func (s *Store) Sizes() Sizes {
	s.mu.RLock()
	defer s.mu.RUnlock()
	z := Sizes{Series: len(s.series), MemoryBytes: s.weight, Files: len(s.files)}
	for _, f := range s.files {
		z.FileBytes += f.Bytes
	}
	return z
}

func (s *Store) path(name string) string { return filepath.Join(s.cfg.Dir, name) }
