package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"sluice/internal/compact"
	"sluice/internal/cores"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// piece is a run of the log that becomes one compacted file. Its batches and
// frames are views into blocks of the log: it holds all of them in memory, which
// is why Config.CompactBytes bounds it.
type piece struct {
	first, last uint64
	bytes       int64 // of the log that was read
	kept        int64 // of the batches that will be written, as far as is known
	batches     []sortable
	frames      []wal.Frame // that somebody still needs
}

// sortable is a batch with what it is sorted by.
type sortable struct {
	key   compact.Key
	batch event.Batch
}

// compactNext takes the oldest part of the log that nobody needs raw any more
// and makes a compacted file of it, or nothing where nothing is worth keeping,
// and then frees the log's segments. It reports false when there is no such
// part.
//
// A crash before the file has its name leaves the log as it was; after it, the
// next start finds the file and frees the log.
func (sh *Shard) compactNext(ctx context.Context) (bool, error) {
	if err := sh.recount(); err != nil {
		return false, err
	}
	covered := sh.files.coveredTo()
	if err := sh.log.Trim(covered + 1); err != nil {
		return false, fmt.Errorf("free the log: %w", err)
	}
	first, limit := max(covered+1, sh.log.First()), sh.compactable()
	if first > limit {
		return false, nil
	}
	p, err := sh.gather(ctx, first, limit)
	if err != nil {
		return false, fmt.Errorf("read the log from %d: %w", first, err)
	}
	gone, err := sh.leaveOut(p)
	if err != nil {
		return false, err
	}
	if err := sh.settle(ctx); err != nil {
		return false, err
	}
	if err := sh.writePiece(ctx, p, gone); err != nil {
		return false, fmt.Errorf("compact %d to %d: %w", p.first, p.last, err)
	}
	sh.work.compacted(p.bytes)
	if err := sh.log.Trim(p.last + 1); err != nil {
		return false, fmt.Errorf("free the log: %w", err)
	}
	return true, nil
}

// compactable is the last position that may leave the log: of a segment that is
// sealed and not the log's last, durable, and passed by whoever follows the log.
func (sh *Shard) compactable() uint64 {
	var limit uint64
	segments := sh.log.Segments()
	for i, s := range segments {
		if !s.Sealed || i == len(segments)-1 {
			break
		}
		limit = segments[i+1].First - 1
	}
	limit = min(limit, sh.log.Durable())
	if sh.cfg.Needed != nil {
		limit = min(limit, max(sh.cfg.Needed(sh.number), 1)-1)
	}
	return limit
}

// settle returns when all is durable that was seen when it was decided what may
// leave the log or a file. Positions and commits count as they are sequenced: a crash
// takes back those that are not durable, and whoever goes on before them needs what
// they had let go. Where the log has failed nothing leaves any more.
func (sh *Shard) settle(ctx context.Context) error {
	if err := sh.log.WaitDurable(ctx, sh.log.Next()-1); err != nil {
		return fmt.Errorf("settle the log: %w", err)
	}
	return nil
}

// gather reads the log from first up to limit, or up to the budget for one
// piece. Damaged frames are passed over; the log reports them. Half of the time that
// the rate of compaction gives to what is written goes by meanwhile: a piece that
// waits is memory, and reading it takes the disk from those who deliver.
func (sh *Shard) gather(ctx context.Context, first, limit uint64) (*piece, error) {
	p := &piece{first: first, last: first - 1}
	r, err := sh.log.NewReader(first)
	if err != nil {
		return nil, err
	}
	r.Around()
	for p.last < limit {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		block, more, err := r.TryNext()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		kept := p.kept
		for f := range block.All() {
			size := int64(len(f.Payload))
			if f.Seq > limit || p.bytes > 0 && p.bytes+size > sh.cfg.CompactBytes {
				return p, nil
			}
			sh.add(p, f)
			p.bytes, p.last = p.bytes+size, f.Seq
		}
		if err := sh.pace.spend(ctx, (p.kept-kept)/2); err != nil {
			return nil, err
		}
	}
	p.last = limit // what follows the last frame was lost to damage
	return p, nil
}

func (sh *Shard) add(p *piece, f wal.Frame) {
	if f.Type != wal.TypeBatch {
		if sh.keeps(f) {
			p.frames = append(p.frames, f)
		}
		return
	}
	// One that does not open is of another version: no reader knows it.
	b, err := event.View(f.Payload)
	if err != nil {
		return
	}
	s := sortable{compact.KeyOf(f.Seq, b), b}
	p.batches = append(p.batches, s)
	if _, dead := sh.deadBatch(s); !dead {
		p.kept += int64(len(f.Payload))
	}
}

// keeps tells whether a frame that is no batch is still needed.
func (sh *Shard) keeps(f wal.Frame) bool { return sh.cfg.Keep != nil && sh.cfg.Keep(sh.number, f) }

// live tells from which instant on a log stream's events are to be kept; false
// if none are, as it was deleted.
func (sh *Shard) live(group, stream uint64) (from int64, ok bool) {
	if sh.cfg.Live == nil {
		return 0, true
	}
	return sh.cfg.Live(group, stream)
}

// dead tells why all of a batch may go.
func (sh *Shard) dead(group, stream uint64, greatest int64) (why Reason, dead bool) {
	from, ok := sh.live(group, stream)
	switch {
	case !ok:
		return Deleted, true
	case greatest < from:
		return Expired, true
	case sh.class(group) != Compact:
		return OptedOut, true
	}
	return 0, false
}

func (sh *Shard) deadBatch(s sortable) (why Reason, dead bool) {
	_, greatest := s.batch.Span()
	return sh.dead(s.key.Group, s.batch.StreamUID(), greatest)
}

// leaveOut removes from a piece what was deleted, has expired or is not kept,
// unless matches that wait for their delivery refer to it.
func (sh *Shard) leaveOut(p *piece) (*removal, error) {
	gone := &removal{first: p.first, last: p.last}
	var refs map[uint64]bool
	var failure error
	p.batches = slices.DeleteFunc(p.batches, func(s sortable) bool {
		why, dead := sh.deadBatch(s)
		if !dead || failure != nil {
			return false
		}
		if refs == nil {
			if refs, failure = sh.referenced(p.first, p.last); failure != nil {
				return false
			}
		}
		if refs[s.key.Number] {
			return false
		}
		gone.add(why, s.key.Group, s.batch.StreamUID(), int64(s.batch.Len()), int64(s.batch.MessageBytes()))
		return true
	})
	return gone, failure
}

var errEnough = errors.New("enough")

// referenced lists the batches in [first, last] that matches refer to which wait
// for their delivery. They lie behind their batches, before the end of the first
// frame that covers more of the input than up to last.
func (sh *Shard) referenced(first, last uint64) (map[uint64]bool, error) {
	refs := map[uint64]bool{}
	err := sh.Frames(first, sh.log.Durable()+1, func(f wal.Frame) error {
		if f.Type != wal.TypeMatches {
			return nil
		}
		m, err := event.OpenMatches(f.Payload)
		if err != nil {
			return nil // of another version
		}
		if sh.keeps(f) {
			for e := range m.Entries() {
				if e.Kind != event.MatchCopy {
					refs[e.Source] = true
				}
			}
		}
		if m.InputEnd > last {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return nil, fmt.Errorf("find what is not delivered: %w", err)
	}
	return refs, nil
}

// writePiece makes the file and shows it to readers, and counts what is not in it.
func (sh *Shard) writePiece(ctx context.Context, p *piece, gone *removal) error {
	if len(p.batches)+len(p.frames) == 0 {
		if err := sh.countWhole(gone); err != nil {
			return err
		}
		sh.files.cover(p.last)
		return nil
	}
	slices.SortFunc(p.batches, func(a, b sortable) int { return a.key.Compare(b.key) })
	w, err := sh.create(p.first, p.last)
	if err != nil {
		return err
	}
	defer w.discard()
	cores.Background(func() { err = w.piece(ctx, p) })
	if err != nil {
		return err
	}
	return w.publish(gone)
}

// piece writes what a piece of the log holds. It computes, and holds no lock that
// requests wait for.
func (w *writing) piece(ctx context.Context, p *piece) error {
	for _, s := range p.batches {
		if err := w.spend(ctx, int64(len(s.batch.Record()))/2); err != nil { // and half when it was read
			return err
		}
		if err := w.Batch(s.key.Number, s.batch); err != nil {
			return err
		}
	}
	for _, f := range p.frames {
		if err := w.Frame(f); err != nil {
			return err
		}
	}
	return nil
}

// writing is a compacted file in the making.
type writing struct {
	*compact.Writer
	sh          *Shard
	path        string
	first, last uint64
	done        bool
	due         int64 // bytes written since the last look at the rate
}

func (sh *Shard) create(first, last uint64) (*writing, error) {
	w := &writing{sh: sh, path: filepath.Join(sh.files.dir, fileName(first, last)), first: first, last: last}
	var err error
	if w.Writer, err = compact.Create(sh.files.fs, w.path, sh.number, sh.cfg.Compact); err != nil {
		return nil, fmt.Errorf("create %s: %w", w.path, err)
	}
	return w, nil
}

// rateStep is how much is written between two looks at the rate and at ctx.
const rateStep = 1 << 20

// batch writes one that is read meanwhile.
func (w *writing) batch(ctx context.Context, number uint64, b event.Batch) error {
	if err := w.spend(ctx, int64(len(b.Record()))); err != nil {
		return err
	}
	return w.Batch(number, b)
}

// spend keeps to the rate of compaction.
func (w *writing) spend(ctx context.Context, n int64) error {
	if w.due += n; w.due < rateStep {
		return nil
	}
	due := w.due
	w.due = 0
	return w.sh.pace.spend(ctx, due)
}

// publish makes the file durable, with what it counts as removed, and shows it to
// readers in the place of others.
func (w *writing) publish(gone *removal, instead ...*kept) error {
	sealed := w.sh.seal(gone)
	w.Note(sealed)
	k, err := w.finish()
	if err != nil {
		return err
	}
	w.sh.files.publish(k, instead...)
	w.sh.recounted = false // until it is counted
	if err := w.sh.count(sealed); err != nil {
		return err
	}
	w.sh.recounted = true
	return nil
}

// finish makes the file durable and opens it.
func (w *writing) finish() (*kept, error) {
	w.done = true
	if _, err := w.Finish(w.first, w.last); err != nil {
		return nil, fmt.Errorf("finish %s: %w", w.path, err)
	}
	k := &kept{path: w.path, first: w.first, last: w.last}
	var err error
	if k.file, err = compact.Open(w.sh.files.fs, w.path, w.sh.files.cache); err != nil {
		return nil, fmt.Errorf("open %s: %w", w.path, err)
	}
	w.sh.files.measure(k)
	w.sh.work.wrote(k.size)
	return k, nil
}

func (w *writing) discard() {
	if !w.done {
		w.Discard()
	}
}
