package wal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"sluice/internal/vfs"
)

// Config of a log. The zero value of every field but Dir is good.
type Config struct {
	Dir           string       // folder of the segment files; made if missing, in a parent that the caller made durable
	Shard         uint32       // number of this log among its siblings; checked at Open
	SegmentBytes  int64        // size of a segment file; default 64 MiB, at least 4 KiB
	BlockBytes    int          // most that is collected for one commit; default 1 MiB, at least 4 KiB
	TailBytes     int64        // memory for the latest frames; default 32 MiB
	MaxFrameBytes int          // longest payload; default 40 MiB, at most 1 GiB; one that no segment holds gets a larger one
	Spares        int          // trimmed segments kept for reuse; default 2, negative: none
	Folders       []Folder     // states that follow the log
	Indexers      []Indexer    // makers of per-segment indexes
	Quarantine    func(Damage) // told of every damaged range once, without the log's lock; may be nil
	Due           func()       // told, with the log's lock held, when Prepare has something to do: must not call the log; may be nil
}

// Folder is a state that is a function of the log: recovery restores its newest
// snapshot and folds what follows. Its methods are called with the log's lock
// held, one at a time: they must not call the log, and what others read of the
// state needs a lock of its own.
type Folder interface {
	// ID names the folder's snapshots; unique within a log, for ever.
	ID() uint8
	// Fold takes in a frame as it is sequenced, before it is durable. It must
	// not keep or change the payload.
	Fold(f Frame)
	// AppendSnapshot appends the state after every frame folded so far.
	AppendSnapshot(dst []byte) []byte
	// Restore replaces the state by a snapshot's, which it must not keep.
	Restore(snapshot []byte) error
}

// Indexer makes an index of each segment, under the same rules as a Folder.
type Indexer interface {
	ID() uint8
	// Index takes in a frame and its offset in the segment file.
	Index(f Frame, offset int64)
	// AppendSegmentIndex appends the index of the segment that ends and starts anew.
	AppendSegmentIndex(dst []byte) []byte
}

func (c *Config) validate() error {
	c.SegmentBytes = orDefault(c.SegmentBytes, 64<<20)
	c.BlockBytes = orDefault(c.BlockBytes, 1<<20)
	c.TailBytes = orDefault(c.TailBytes, 32<<20)
	c.MaxFrameBytes = orDefault(c.MaxFrameBytes, 40<<20)
	c.Spares = max(0, orDefault(c.Spares, 2))
	switch {
	case c.Dir == "":
		return errors.New("wal: Config.Dir is empty")
	case c.SegmentBytes < 4<<10 || c.SegmentBytes > 1<<31:
		return fmt.Errorf("wal: Config.SegmentBytes is %d, not 4 KiB to 2 GiB", c.SegmentBytes)
	case c.BlockBytes < 4<<10 || int64(c.BlockBytes) > 1<<30:
		return fmt.Errorf("wal: Config.BlockBytes is %d, not 4 KiB to 1 GiB", c.BlockBytes)
	case c.MaxFrameBytes < 0 || int64(c.MaxFrameBytes) > 1<<30:
		return fmt.Errorf("wal: Config.MaxFrameBytes is %d, more than 1 GiB", c.MaxFrameBytes)
	case c.TailBytes < 0:
		return fmt.Errorf("wal: Config.TailBytes is %d", c.TailBytes)
	}
	return errors.Join(
		unique("folder", c.Folders, Folder.ID),
		unique("indexer", c.Indexers, Indexer.ID))
}

func orDefault[T int | int64](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

func unique[T any](what string, list []T, id func(T) uint8) error {
	seen := map[uint8]bool{}
	for _, v := range list {
		if seen[id(v)] {
			return fmt.Errorf("wal: two %ss have ID %d", what, id(v))
		}
		seen[id(v)] = true
	}
	return nil
}

// Log is one shard. Its methods may be called concurrently.
type Log struct {
	fs  vfs.FS
	cfg Config

	trimming  sync.Mutex     // held by the one Trim that runs, across its I/O
	preparing sync.Mutex     // held by the one Prepare that runs, across its I/O; taken before mu
	reading   sync.WaitGroup // reads ahead; one begins under mu, while the log is open
	cached    atomic.Bool    // the file system cannot be read around the page cache

	mu         sync.Mutex // guards all below; held across I/O by nobody
	segments   []*segment // oldest first
	active     *segment   // the one that takes frames, nil until the first after Open
	ended      []*segment // full ones whose footers Prepare writes, oldest first
	ahead      *ahead     // the next one's file, nil while there is none
	asked      bool       // for a Prepare that was not called yet
	chunk      *chunk     // where frames of the active segment are collected
	tail       tailCache
	next       uint64 // sequence of the next frame
	durable    uint64 // of the last durable frame
	trimmed    uint64 // First as Trim left it
	blockFirst uint64 // first frame of the commit block being collected
	pending    []region
	taken      []region // being written by the leader
	collected  int      // bytes of frames in pending
	committing bool     // a leader writes
	rolling    bool     // the next segment is being made; no frame is sequenced meanwhile
	closed     bool
	err        error // why writing ended
	changed    signal
	spares     []string   // file names
	indexed    []*segment // sealed segments with marks in memory, oldest use first
	stats      Stats
	reported   map[damageKey]bool
}

// Stats counts since Open.
type Stats struct {
	Frames, Bytes uint64 // sequenced, headers included
	Commits       uint64 // syncs of frames
	Damages       uint64 // damaged ranges found
	Missing       uint64 // frames they cost
}

// Stats returns the counters.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// First returns the sequence of the oldest frame that the log still has; Next
// if it has none.
func (l *Log) First() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.firstLocked()
}

func (l *Log) firstLocked() uint64 {
	if len(l.segments) == 0 {
		return l.next
	}
	return max(l.trimmed, l.segments[0].base)
}

// Next returns the sequence that the next frame will get.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Bytes is about how many bytes the frames in [first, end) take: within a segment
// they are taken for equally large. It is 0 where some of them were trimmed.
func (l *Log) Bytes(first, end uint64) (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first < l.firstLocked() {
		return 0
	}
	for i := len(l.segments) - 1; i >= 0 && l.segments[i].last >= first; i-- {
		s := l.segments[i]
		if from, to := max(first, s.base), min(end, s.last+1); from < to {
			n += int64(float64(s.end-s.start) * float64(to-from) / float64(s.last+1-s.base))
		}
	}
	return n
}

// Durable returns the last durable sequence, First()-1 or less if there is none.
func (l *Log) Durable() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Err returns why writing ended: nil while it goes on, ErrClosed, or an error
// that wraps ErrReadOnly and the cause.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writable()
}

func (l *Log) writable() error {
	if l.closed {
		return ErrClosed
	}
	return l.err
}

// Close makes everything enqueued durable, seals the last segment, and ends
// waiting calls with ErrClosed. It reports a failure to make frames durable; a
// footer that could not be written costs the next Open a scan and nothing else.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.closed = true
	l.changed.broadcast()
	for l.rolling || l.committing || len(l.pending) > 0 && l.err == nil {
		if l.rolling || l.committing {
			l.await(context.Background()) // cannot fail
		} else {
			l.commit()
		}
	}
	l.mu.Unlock()
	l.reading.Wait()   // none begins any more,
	l.preparing.Lock() // nor does one of these
	l.dropAhead()
	l.preparing.Unlock()
	l.mu.Lock()
	if a := l.active; a != nil && !a.full && a.last >= a.base {
		a.buildFooter(l.cfg.Indexers)
		l.ended = append(l.ended, a)
	}
	err := l.err
	for _, s := range l.ended {
		if l.err != nil || s.writeFooter() != nil {
			break
		}
		s.footerWritten()
	}
	for _, s := range l.segments {
		err = errors.Join(err, s.closeFiles())
	}
	l.tail, l.chunk = tailCache{}, nil
	l.changed.broadcast()
	return err
}

// aside runs a read that nobody waits for yet, unless the log is closed. Close waits
// for it.
func (l *Log) aside(read func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.reading.Go(read)
	return true
}

// signal wakes all who wait for a change; it allocates only when somebody does.
type signal struct{ ch chan struct{} }

func (s *signal) broadcast() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// await gives up the lock until something changed or ctx ended.
func (l *Log) await(ctx context.Context) error {
	if l.changed.ch == nil {
		l.changed.ch = make(chan struct{})
	}
	ch := l.changed.ch
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type damageKey struct {
	segment string
	first   uint64
	reason  string
}

// maxReported bounds the memory for telling new damage from known damage.
const maxReported = 1 << 16

// report counts damage and tells Quarantine, once. mu is not held.
func (l *Log) report(d Damage) {
	l.mu.Lock()
	key := damageKey{d.Segment, d.FirstSeq, d.Reason}
	known := l.reported[key] || len(l.reported) >= maxReported
	if !known {
		l.reported[key] = true
		l.stats.Damages++
		l.stats.Missing += d.Missing()
	}
	l.mu.Unlock()
	if !known && l.cfg.Quarantine != nil {
		l.cfg.Quarantine(d)
	}
}

// Trim frees the whole segments that lie below before, and never the last one
// with a durable frame: sequences and folder states hang on it, while a later
// segment may turn out void after a crash. Removal is made durable one by one,
// so that a crash leaves no gap.
func (l *Log) Trim(before uint64) error {
	l.trimming.Lock()
	defer l.trimming.Unlock()
	for {
		victim, spare, err := l.nextVictim(before)
		if err != nil || victim == nil {
			return err
		}
		if err := l.free(victim, spare); err != nil {
			return fmt.Errorf("trim log segment %s: %w", victim.name, err)
		}
	}
}

// nextVictim hides the oldest segment from readers if it may go.
func (l *Log) nextVictim(before uint64) (victim *segment, asSpare bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, false, ErrClosed
	case len(l.segments) < 2 || !l.segments[0].sealed || l.segments[1].base > min(before, l.durable):
		return nil, false, nil
	}
	victim = l.segments[0]
	l.trimmed = l.segments[1].base
	l.tail.dropBefore(l.trimmed)
	return victim, len(l.spares) < l.cfg.Spares && victim.worthKeeping(l.cfg.SegmentBytes), nil
}

func (l *Log) free(s *segment, asSpare bool) error {
	var err error
	spare := spareName(s.name)
	if asSpare {
		err = l.fs.Rename(l.path(s.name), l.path(spare))
	} else {
		err = l.fs.Remove(l.path(s.name))
	}
	if isNotExist(err) {
		err, asSpare = nil, false // an earlier Trim failed after this step
	}
	if err == nil {
		err = l.fs.SyncDir(l.cfg.Dir)
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = slices.Delete(l.segments, 0, 1)
	if i := slices.Index(l.indexed, s); i >= 0 {
		l.indexed = slices.Delete(l.indexed, i, i+1)
	}
	if asSpare {
		l.spares = append(l.spares, spare)
	}
	return nil
}

// makeDir makes the log's folder and its name durable.
func (l *Log) makeDir() error {
	if err := l.fs.MkdirAll(l.cfg.Dir); err != nil {
		return err
	}
	return l.fs.SyncDir(filepath.Dir(l.cfg.Dir))
}
