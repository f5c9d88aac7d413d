package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"sluice/internal/compact"
	"sluice/internal/cores"
	"sluice/internal/wal"
)

// mergeNext makes one file of several neighbours, or rewrites one of which a
// good part is dead. It reports false when nothing is worth it.
func (sh *Shard) mergeNext(ctx context.Context) (bool, error) {
	files, _ := sh.files.acquire()
	defer sh.files.release(files...)
	run := sh.neighbours(files)
	if run == nil {
		var err error
		if run, err = sh.hollow(files); err != nil {
			return false, err
		}
	}
	if run == nil || !sh.room.spare(bytesOf(run)) {
		return false, nil
	}
	if err := sh.merge(ctx, run); err != nil {
		return false, fmt.Errorf("merge %d to %d: %w", run[0].first, run[len(run)-1].last, err)
	}
	return true, nil
}

func bytesOf(run []*kept) (n int64) {
	for _, k := range run {
		n += k.size
	}
	return n
}

// neighbours finds files that are worth one: enough of them, not too large
// together, and none much larger than the others, so that a byte is written once
// for each time that files grow by Config.MergeFiles.
func (sh *Shard) neighbours(files []*kept) []*kept {
	for most := sh.cfg.CompactBytes; ; most *= int64(sh.cfg.MergeFiles) {
		if most > sh.cfg.MergeBytes/2 {
			return nil
		}
		var run []*kept
		var text int64
		for _, k := range files {
			// A piece of the log may be a little larger than CompactBytes.
			small := k.stats.TextBytes <= most+most/2
			if !small || text+k.stats.TextBytes > sh.cfg.MergeBytes || sh.files.brokenBetween(run, k) {
				run, text = nil, 0
				if !small {
					continue
				}
			}
			run, text = append(run, k), text+k.stats.TextBytes
			grown := text >= most*int64(sh.cfg.MergeFiles)/2 || len(run) >= sh.cfg.MergeFiles*sh.cfg.MergeFiles
			if len(run) >= sh.cfg.MergeFiles && grown {
				return run
			}
		}
	}
}

// source is a batch in one of the files that are merged.
type source struct {
	least  int64
	number uint64
	block
}

// block is one of a file of those that are merged.
type block struct{ file, number int }

// inBlock counts the batches of a block, those that are alive, and their text.
type inBlock struct {
	all, alive int
	text       int64
}

func (sh *Shard) merge(ctx context.Context, run []*kept) error {
	first, last := run[0].first, run[len(run)-1].last
	m := &merging{sh: sh, run: run, cursor: compact.NewCursor(), gone: removal{first: first, last: last}}
	var err error
	if m.writing, err = sh.create(first, last); err != nil {
		return err
	}
	defer m.discard()
	cores.Background(func() { err = m.all(ctx) })
	if err != nil {
		return err
	}
	if err := sh.settle(ctx); err != nil {
		return err
	}
	if err := m.end(); err != nil {
		return err
	}
	sh.work.merged(bytesOf(run))
	return nil
}

// all writes what is alive in the others. As writing.piece, it computes.
func (m *merging) all(ctx context.Context) error {
	for _, group := range groupsOf(m.run) {
		if err := m.group(ctx, group); err != nil {
			return err
		}
	}
	return m.frames()
}

// end puts the new file in the place of the others, if anything of them is alive.
func (m *merging) end() error {
	if m.kept > 0 {
		return m.publish(&m.gone, m.run...)
	}
	if err := m.sh.countWhole(&m.gone); err != nil {
		return err
	}
	m.sh.files.remove(m.run...)
	return nil
}

// merging is a file in the making of several others.
type merging struct {
	*writing
	sh     *Shard
	run    []*kept
	cursor *compact.Cursor // reads what is rewritten
	refs   map[uint64]bool // nil: not looked up yet
	gone   removal
	kept   int // batches and frames written
}

func groupsOf(run []*kept) []uint64 {
	var uids []uint64
	for _, k := range run {
		k.file.Groups(func(g compact.Group) { uids = append(uids, g.UID) })
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// group writes what is alive of a log group, in order.
func (m *merging) group(ctx context.Context, uid uint64) error {
	var sources []source
	blocks := map[block]*inBlock{}
	for i, k := range m.run {
		var failure error
		err := k.file.Places(uid, 0, math.MinInt64, math.MaxInt64, nil, func(p compact.Place) {
			at := block{i, p.Block}
			if blocks[at] == nil {
				blocks[at] = &inBlock{}
			}
			blocks[at].all++
			blocks[at].text += int64(p.Bytes)
			var dead bool
			if dead, failure = m.dead(uid, p, failure); !dead {
				blocks[at].alive++
				sources = append(sources, source{p.Least, p.Number, at})
			}
		})
		if err = errors.Join(m.tolerate(k, err), failure); err != nil {
			return err
		}
	}
	slices.SortFunc(sources, func(a, b source) int {
		return cmp.Or(cmp.Compare(a.least, b.least), cmp.Compare(a.number, b.number))
	})
	for len(sources) > 0 {
		n := m.whole(sources, blocks)
		copied, err := n > 0, error(nil)
		if copied {
			copied, err = m.copy(ctx, sources[0].block, blocks)
		}
		if n = max(n, 1); !copied && err == nil {
			err = m.rewrite(ctx, sources[:n])
		}
		if err != nil {
			return err
		}
		sources = sources[n:]
	}
	return nil
}

// whole tells how many batches come next that are all of a block, and may be
// copied with it; 0 if the next one must be put into a new block. Files follow
// one another in time, mostly, and then their blocks do.
func (m *merging) whole(sources []source, blocks map[block]*inBlock) int {
	at := sources[0].block
	b := blocks[at]
	if b.alive < b.all || len(sources) < b.all || !m.Copies(m.run[at.file].file, at.number) {
		return 0
	}
	for _, s := range sources[:b.all] {
		if s.block != at {
			return 0
		}
	}
	return b.all
}

// copy writes a block as it is; false where it is damaged, which may be its
// filter alone.
func (m *merging) copy(ctx context.Context, at block, blocks map[block]*inBlock) (bool, error) {
	k, b := m.run[at.file], blocks[at]
	err := m.Copy(k.file, at.number)
	var damage *compact.CorruptError
	switch {
	case errors.As(err, &damage):
		return false, nil
	case err != nil:
		return false, err
	}
	m.kept += b.all
	return true, m.spend(ctx, b.text)
}

// rewrite writes batches into new blocks.
func (m *merging) rewrite(ctx context.Context, sources []source) error {
	for _, s := range sources {
		k := m.run[s.file]
		b, _, err := m.cursor.Batch(k.file, s.number)
		if err != nil {
			if err = m.tolerate(k, err); err != nil {
				return err
			}
			continue
		}
		if err := m.batch(ctx, s.number, b); err != nil {
			return err
		}
		m.kept++
	}
	return nil
}

// dead tells whether a batch is left out, and counts it then.
func (m *merging) dead(group uint64, p compact.Place, failure error) (bool, error) {
	why, dead := m.sh.dead(group, p.Stream, p.Greatest)
	if !dead || failure != nil {
		return false, failure
	}
	if m.refs == nil {
		if m.refs, failure = m.sh.referenced(m.first, m.last); failure != nil {
			return false, failure
		}
	}
	if m.refs[p.Number] {
		return false, nil
	}
	m.gone.add(why, group, p.Stream, int64(p.Count), int64(p.Bytes-p.Count))
	return true, nil
}

// tolerate reports damage, which the new file is made without, and returns other
// errors.
func (m *merging) tolerate(k *kept, err error) error {
	if err == nil {
		return nil
	}
	if err = m.sh.damaged(k, err); errors.Is(err, wal.ErrTrimmed) {
		return nil
	}
	return err
}

// frames writes those that somebody still needs.
func (m *merging) frames() error {
	for _, k := range m.run {
		var failure error
		err := k.file.Frames(k.first, k.last+1, func(f wal.Frame) error {
			if !m.sh.keeps(f) {
				return nil
			}
			m.kept++
			failure = m.Frame(f)
			return failure
		})
		if failure != nil {
			return failure
		}
		if err := m.tolerate(k, err); err != nil {
			return err
		}
	}
	return nil
}
