package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/vfs"
)

// ErrFull says that the disk budget is used up: nothing was stored, and the call
// may be repeated once there is room.
var ErrFull = errors.New("disk budget is used up")

// Policy says what happens when the disk budget is used up.
type Policy string

// The policies.
const (
	// Block refuses what clients send until there is room.
	Block Policy = "block"
	// DropOldest removes the oldest compacted files, and counts what was in them.
	DropOldest Policy = "drop-oldest"
)

// room keeps the disk budget of all shards. What is refused while it is used up
// is what clients send: matches, plans, commits and counters always pass, as by
// them data leaves the disk.
type room struct {
	fs     vfs.FS
	dir    string
	cfg    Config
	shards func() []*Shard

	rolled atomic.Bool // a segment ended since the last look
	full   atomic.Bool

	mu         sync.Mutex // guards the fields below
	used, free int64
}

// admit refuses when there is no room. It looks at the disk whenever a segment
// of a log has ended, so that no more than a segment a shard, and the file of the
// next one, is over the budget.
func (r *room) admit() error {
	if r.rolled.Swap(false) {
		r.look()
	}
	if r.full.Load() {
		return ErrFull
	}
	return nil
}

// look measures the disk.
func (r *room) look() {
	var used int64
	for _, sh := range r.shards() {
		used += sh.log.DiskBytes() + sh.files.bytes()
	}
	free, err := r.fs.Free(r.dir)
	if err != nil {
		free = r.cfg.MinFreeBytes // not known: it is the disk's turn to refuse
	}
	r.mu.Lock()
	r.used, r.free = used, free
	full := r.overLocked(0)
	changed := r.full.Swap(full) != full
	r.mu.Unlock()
	if changed {
		r.tell(full, used, free)
	}
}

// tell says when clients begin and cease to be refused.
func (r *room) tell(full bool, used, free int64) {
	sizes := []any{"used", used, "max_bytes", r.cfg.MaxBytes, "free", free, "min_free_bytes", r.cfg.MinFreeBytes}
	if full {
		r.cfg.Logger.Warn("disk budget is used up: clients are told to come again", sizes...)
		return
	}
	r.cfg.Logger.Info("disk budget has room again", sizes...)
}

func (r *room) overLocked(reserve int64) bool {
	return r.cfg.MaxBytes > 0 && r.used+reserve > r.cfg.MaxBytes || r.free-reserve < r.cfg.MinFreeBytes
}

// crowded tells that files must be dropped for the next segments to have room.
func (r *room) crowded() bool {
	if r.cfg.Policy != DropOldest {
		return false
	}
	r.look()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.overLocked(int64(len(r.shards())) * r.cfg.SegmentBytes)
}

// spare tells whether a file of some size can be written beside what is there.
func (r *room) spare(size int64) bool {
	r.look()
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.overLocked(size)
}

// dropOldest removes the file with the oldest events, of all shards. It reports
// false when there is none: the log itself is never dropped.
//
// The count is durable first. It names the position below which all is gone, so
// that a crash cannot bring the file back.
func (s *Store) dropOldest() (bool, error) {
	var oldest *Shard
	var victim *kept
	for _, sh := range s.shards {
		files, _ := sh.files.acquire()
		if len(files) > 0 && (victim == nil || files[0].least < victim.least) {
			oldest, victim = sh, files[0]
		}
		sh.files.release(files...)
	}
	if victim == nil {
		return false, nil
	}
	if k := oldest.files.holding(victim.last); k != victim {
		if k != nil {
			oldest.files.release(k)
		}
		return false, nil
	}
	defer oldest.files.release(victim)
	gone, err := oldest.contents(victim, Dropped)
	if err != nil {
		return false, err
	}
	if err := oldest.countDropped(gone); err != nil {
		return false, fmt.Errorf("count what the disk budget drops: %w", err)
	}
	oldest.files.remove(victim)
	s.cfg.Logger.Warn("disk budget dropped the oldest events", "shard", oldest.number, "first", victim.first, "last", victim.last,
		"events", victim.stats.Events, "bytes", victim.stats.TextBytes)
	return true, nil
}

// pace holds compaction to a rate.
type pace struct{ bytesPerSecond int64 }

func (p pace) spend(ctx context.Context, n int64) error {
	if p.bytesPerSecond <= 0 {
		return ctx.Err()
	}
	return clock.Machine{}.Sleep(ctx, time.Duration(float64(n)/float64(p.bytesPerSecond)*float64(time.Second)))
}

// work counts what compaction did since the start.
type work struct {
	mu sync.Mutex // guards the field below
	of Work
}

// Work is what compaction did since the start.
type Work struct {
	Compacted int64 // bytes of the log that became files
	Merged    int64 // bytes of files that became others
	Written   int64 // bytes of files written
	Seconds   float64
}

func (w *work) compacted(n int64) { w.change(func(o *Work) { o.Compacted += n }) }
func (w *work) merged(n int64)    { w.change(func(o *Work) { o.Merged += n }) }
func (w *work) wrote(n int64)     { w.change(func(o *Work) { o.Written += n }) }

func (w *work) change(fn func(*Work)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn(&w.of)
}

func (w *work) sum() Work {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of
}
