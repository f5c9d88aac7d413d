package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sluice/internal/compact"
	"sluice/internal/vfs"
)

const (
	fileSuffix = ".slc"
	tempSuffix = ".tmp" // of a file in the making
)

// files are the compacted files of one shard, oldest first. Together they cover
// all positions up to covered that were not dropped.
//
// Who reads holds a reference: a file that was merged into another or dropped
// goes from the list at once and from the disk with its last reader.
type files struct {
	fs    vfs.FS
	dir   string
	shard uint32
	cache *compact.Cache
	log   *slog.Logger

	mu      sync.Mutex // guards the fields below
	list    []*kept
	broken  []*kept // that could not be opened for damage
	covered uint64  // last position that was taken out of the log
	damages uint64
	known   map[string]bool // damage that was reported
}

// kept is one compacted file.
type kept struct {
	file        *compact.File
	path        string
	first, last uint64
	stats       compact.Stats
	size        int64 // on disk
	least       int64 // of its timestamps

	// When to look again at what is dead but needed: all of it, or a part. Of the
	// compactor alone.
	wanted, partly time.Time

	refs int  // readers, and the list; files.mu guards it
	drop bool // remove the file with the last reference
}

func fileName(first, last uint64) string {
	return fmt.Sprintf("%020d-%020d%s", first, last, fileSuffix)
}

func parseFileName(name string) (first, last uint64, ok bool) {
	stem, isFile := strings.CutSuffix(name, fileSuffix)
	left, right, dash := strings.Cut(stem, "-")
	if !isFile || !dash {
		return 0, 0, false
	}
	first, err1 := strconv.ParseUint(left, 10, 64)
	last, err2 := strconv.ParseUint(right, 10, 64)
	return first, last, err1 == nil && err2 == nil && first <= last && name == fileName(first, last)
}

// open finds the files of a shard, and removes what an interrupted compaction,
// merge or drop left: files in the making, those that lie inside another one,
// and those of which the log says that nothing is left. Only footers are read.
func (x *files) open(d *dropped) error {
	if err := vfs.MkdirAllSync(x.fs, x.dir); err != nil {
		return fmt.Errorf("make folder of compacted files: %w", err)
	}
	entries, err := x.fs.ReadDir(x.dir)
	if err != nil {
		return err
	}
	removed := false
	remove := func(name string) error {
		removed = true
		return x.fs.Remove(filepath.Join(x.dir, name))
	}
	var found []*kept
	for _, e := range entries {
		first, last, ok := parseFileName(e.Name())
		switch {
		case ok && !d.gone(first, last):
			found = append(found, &kept{path: filepath.Join(x.dir, e.Name()), first: first, last: last, refs: 1})
		case ok, strings.HasSuffix(e.Name(), tempSuffix):
			if err := remove(e.Name()); err != nil {
				return err
			}
		}
	}
	// Of files that begin alike the longest comes first, and covers the others.
	slices.SortFunc(found, func(a, b *kept) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last))
	})
	for _, k := range found {
		if k.last <= x.covered {
			if err := remove(filepath.Base(k.path)); err != nil {
				return err
			}
			continue
		}
		x.covered = k.last
		if err := x.openFile(k); err != nil {
			return err
		}
	}
	x.covered = max(x.covered, d.covers())
	if removed {
		return x.fs.SyncDir(x.dir)
	}
	return nil
}

// openFile adds a file to the list; one that is damaged beyond use is left where
// it is, for people to look at.
func (x *files) openFile(k *kept) error {
	var err error
	if k.file, err = compact.Open(x.fs, k.path, x.cache); err != nil {
		var damage *compact.CorruptError
		if !errors.As(err, &damage) {
			return fmt.Errorf("open %s: %w", k.path, err)
		}
		x.report(k, err)
		x.broken = append(x.broken, k)
		return nil
	}
	x.measure(k)
	x.list = append(x.list, k)
	return nil
}

func (x *files) measure(k *kept) {
	k.stats = k.file.Stats()
	k.size, k.least = k.stats.FileBytes, math.MaxInt64
	k.file.Groups(func(g compact.Group) { k.least = min(k.least, g.Least) })
}

// acquire returns all files, oldest first, and the last position that they cover.
// They must be released.
func (x *files) acquire() (list []*kept, covered uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, k := range x.list {
		k.refs++
	}
	return slices.Clone(x.list), x.covered
}

// holding returns the file that took over a position; nil if none did. It must
// be released.
func (x *files) holding(number uint64) *kept {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, _ := slices.BinarySearchFunc(x.list, number, func(k *kept, n uint64) int { return cmp.Compare(k.last, n) })
	if i == len(x.list) || x.list[i].first > number {
		return nil
	}
	x.list[i].refs++
	return x.list[i]
}

// release gives references back. The last one closes a file that left the list.
func (x *files) release(list ...*kept) {
	for _, k := range list {
		x.mu.Lock()
		k.refs--
		last, drop := k.refs == 0, k.drop
		x.mu.Unlock()
		if !last {
			continue
		}
		err := k.file.Close()
		if drop {
			// Should it stay, the next Open removes it.
			err = errors.Join(err, x.fs.Remove(k.path))
		}
		if err != nil {
			x.log.Warn("compacted file stays", "file", k.path, "error", err)
		}
	}
}

// publish puts a new file in the place of those that it was made from, if any.
func (x *files) publish(k *kept, instead ...*kept) {
	x.mu.Lock()
	k.refs = 1
	x.list = slices.DeleteFunc(x.list, func(o *kept) bool { return slices.Contains(instead, o) })
	at, _ := slices.BinarySearchFunc(x.list, k.first, func(o *kept, first uint64) int { return cmp.Compare(o.first, first) })
	x.list = slices.Insert(x.list, at, k)
	x.covered = max(x.covered, k.last)
	for _, o := range instead {
		o.drop = o.path != k.path // a rewritten file has replaced itself
	}
	x.mu.Unlock()
	x.release(instead...)
}

// remove takes files off the list, and off the disk with their last reader.
func (x *files) remove(gone ...*kept) {
	x.mu.Lock()
	x.list = slices.DeleteFunc(x.list, func(o *kept) bool { return slices.Contains(gone, o) })
	for _, o := range gone {
		o.drop = true
	}
	x.mu.Unlock()
	x.release(gone...)
}

// cover notes that nothing of the log up to a position was worth a file.
func (x *files) cover(last uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.covered = max(x.covered, last)
}

func (x *files) coveredTo() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.covered
}

// brokenBetween tells whether a damaged file lies between a run of files and
// another one: what it holds may be mended by hand, so nothing may cover it.
func (x *files) brokenBetween(run []*kept, k *kept) bool {
	if len(run) == 0 {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.ContainsFunc(x.broken, func(b *kept) bool { return b.first > run[0].last && b.last < k.first })
}

// bytes is what the files take on disk.
func (x *files) bytes() (n int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, k := range x.list {
		n += k.size
	}
	return n
}

// report logs damage and counts it, once for each place.
func (x *files) report(k *kept, err error) {
	text := err.Error()
	x.mu.Lock()
	known := x.known[text] || len(x.known) >= maxReported
	if !known {
		if x.known == nil {
			x.known = map[string]bool{}
		}
		x.known[text] = true
		x.damages++
	}
	x.mu.Unlock()
	if !known {
		x.log.Error("damage to a compacted file gone around", "shard", x.shard, "file", k.path, "error", err)
	}
}

// maxReported bounds the memory for telling new damage from known damage.
const maxReported = 1 << 12

func (x *files) close() error {
	x.mu.Lock()
	list := x.list
	x.list = nil
	x.mu.Unlock()
	x.release(list...)
	return nil
}
