package store

import (
	"fmt"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Amount is a number of events and the bytes of their messages.
type Amount struct{ Events, Bytes int64 }

// DroppedRange is a run of positions of which something left the disk, and what
// that was.
type DroppedRange struct {
	First, Last uint64
	Amount
}

// dropped follows one shard's log as a wal.Folder: what left the disk and why.
type dropped struct {
	mu       sync.Mutex // guards the fields below
	sums     [reasons]Amount
	below    uint64         // the disk budget dropped all below it
	counted  uint64         // the greatest id
	ranges   []DroppedRange // by the disk budget
	optedOut []DroppedRange
	wholes   []DroppedRange // of which nothing was left, the last ones
}

// maxRanges bounds the ranges that are told one by one; older ones are summed up
// in the first.
const maxRanges = 64

// ID implements wal.Folder.
func (d *dropped) ID() uint8 { return wal.FolderDropped }

// Fold implements wal.Folder.
func (d *dropped) Fold(f wal.Frame) {
	if f.Type != wal.TypeCount || f.Key != removalKey {
		return
	}
	g, err := openRemoval(f.Payload)
	if err != nil {
		return // of another version; the log vouches for the bytes
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	of := [1 + reasons]DroppedRange{}
	for _, r := range g.streams {
		for _, sum := range []*Amount{&d.sums[r.reason-1], &of[r.reason].Amount} {
			sum.Events += r.events
			sum.Bytes += r.bytes
		}
	}
	for i := range of {
		of[i].First, of[i].Last = g.first, g.last
	}
	if of[Dropped].Events > 0 || len(g.streams) == 0 { // an empty file can be dropped, too
		d.below = max(d.below, g.last+1)
		d.ranges = withRange(d.ranges, of[Dropped])
	}
	if of[OptedOut].Events > 0 {
		d.optedOut = withRange(d.optedOut, of[OptedOut])
	}
	if g.whole {
		d.wholes = append(d.wholes, DroppedRange{First: g.first, Last: g.last})
		d.wholes = slices.Delete(d.wholes, 0, max(0, len(d.wholes)-maxRanges))
	}
	d.counted = max(d.counted, g.id)
}

// withRange adds a range, and keeps to maxRanges.
func withRange(ranges []DroppedRange, r DroppedRange) []DroppedRange {
	ranges = append(ranges, r)
	if len(ranges) <= maxRanges {
		return ranges
	}
	ranges[1].First = min(ranges[0].First, ranges[1].First)
	ranges[1].Last = max(ranges[0].Last, ranges[1].Last)
	ranges[1].Events += ranges[0].Events
	ranges[1].Bytes += ranges[0].Bytes
	return slices.Delete(ranges, 0, 1)
}

// The snapshot, all u64:
//
//	+-----------+-------+---------+---------+------------------------+
//	| 1<<63 | 1 | below | counted | reasons | reasons x {events,     |
//	|           |       |         |         |            bytes}      |
//	+-----------+-------+---------+---------+------------------------+
//	3 x | ranges | ranges x {first, last, events, bytes} |
//
// Version 0 is below, three reasons and the ranges that the budget dropped.
const (
	droppedVersion = 1<<63 | 1
	rangeSnapshot  = 4 * 8
)

// AppendSnapshot implements wal.Folder.
func (d *dropped) AppendSnapshot(dst []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range [...]uint64{droppedVersion, d.below, d.counted, uint64(reasons)} {
		dst = le.AppendUint64(dst, v)
	}
	for _, s := range d.sums {
		dst = le.AppendUint64(dst, uint64(s.Events))
		dst = le.AppendUint64(dst, uint64(s.Bytes))
	}
	for _, ranges := range [...][]DroppedRange{d.ranges, d.optedOut, d.wholes} {
		dst = le.AppendUint64(dst, uint64(len(ranges)))
		for _, r := range ranges {
			for _, v := range [...]uint64{r.First, r.Last, uint64(r.Events), uint64(r.Bytes)} {
				dst = le.AppendUint64(dst, v)
			}
		}
	}
	return dst
}

// Restore implements wal.Folder.
func (d *dropped) Restore(src []byte) error {
	r := words{rest: src}
	var fresh dropped
	if first := r.next(); first == droppedVersion {
		fresh.below, fresh.counted = r.next(), r.next()
		fresh.sums = r.sums(r.next())
		for _, ranges := range []*[]DroppedRange{&fresh.ranges, &fresh.optedOut, &fresh.wholes} {
			*ranges = r.ranges(r.next())
		}
	} else {
		fresh.below, fresh.sums = first, r.sums(uint64(reasons0))
		fresh.ranges = r.ranges(uint64(len(r.rest) / rangeSnapshot))
	}
	if r.bad || len(r.rest) > 0 {
		return fmt.Errorf("restore what was dropped: %w: %d bytes", event.ErrCorrupt, len(src))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sums, d.below, d.counted = fresh.sums, fresh.below, fresh.counted
	d.ranges, d.optedOut, d.wholes = fresh.ranges, fresh.optedOut, fresh.wholes
	return nil
}

// words reads a snapshot.
type words struct {
	rest []byte
	bad  bool // it ended too early
}

func (w *words) next() (v uint64) {
	if len(w.rest) < 8 {
		w.bad = true
		return 0
	}
	v, w.rest = le.Uint64(w.rest), w.rest[8:]
	return v
}

func (w *words) amount() Amount { return Amount{int64(w.next()), int64(w.next())} }

// sums reads those of some reasons, of which this version may know fewer.
func (w *words) sums(n uint64) (sums [reasons]Amount) {
	if w.bad = w.bad || n > uint64(reasons); w.bad {
		return sums
	}
	for i := range n {
		sums[i] = w.amount()
	}
	return sums
}

func (w *words) ranges(n uint64) (ranges []DroppedRange) {
	if w.bad = w.bad || n > uint64(len(w.rest)/rangeSnapshot); w.bad {
		return nil
	}
	for range n {
		ranges = append(ranges, DroppedRange{w.next(), w.next(), w.amount()})
	}
	return ranges
}

func (d *dropped) droppedBelow() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.below
}

func (d *dropped) countedTo() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counted
}

// gone tells whether nothing was left of some positions.
func (d *dropped) gone(first, last uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return last < d.below || slices.ContainsFunc(d.wholes, func(r DroppedRange) bool { return r.First <= first && last <= r.Last })
}

// covers is the last position that was taken out of the log without a file.
func (d *dropped) covers() (last uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.wholes {
		last = max(last, r.Last)
	}
	return last
}
