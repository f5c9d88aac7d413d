package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Reason says why events left the disk.
type Reason uint8

// The reasons.
const (
	Deleted Reason = 1 + iota // with their log group or log stream
	Expired                   // all events of their batch were older than the retention
	Dropped                   // by the disk budget

	reasons = int(Dropped)
)

func (r Reason) String() string {
	return [...]string{"", "deleted", "expired", "dropped"}[r]
}

// removal counts what one compaction, merge or drop takes off the disk, by log
// stream. It is a Count frame of key 0, appended once the disk shows it, and
// before where the frame itself is what drops:
//
//	+-------+---------+-------------+------------------------------------------+
//	| first | last    | streams u64 | streams x {group, stream, reason, events,|
//	| covered by it   |             |            bytes}, all u64               |
//	+-------+---------+-------------+------------------------------------------+
type removal struct {
	first, last uint64
	streams     []removed
}

type removed struct {
	group, stream uint64
	reason        Reason
	events, bytes int64
}

// removalKey marks Count frames that hold a removal; no log group has it.
const removalKey = 0

func (g *removal) add(why Reason, group, stream uint64, events, bytes int64) {
	n := len(g.streams)
	if n > 0 && g.streams[n-1].stream == stream && g.streams[n-1].reason == why {
		g.streams[n-1].events += events
		g.streams[n-1].bytes += bytes
		return
	}
	g.streams = append(g.streams, removed{group, stream, why, events, bytes})
}

// fold sums up what is of one stream.
func (g *removal) fold() {
	slices.SortFunc(g.streams, func(a, b removed) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.stream, b.stream), cmp.Compare(a.reason, b.reason))
	})
	all := g.streams
	g.streams = g.streams[:0]
	for _, r := range all {
		g.add(r.reason, r.group, r.stream, r.events, r.bytes)
	}
}

const (
	removalHeader = 3 * 8
	removedSize   = 5 * 8
)

func (g *removal) append(dst []byte) []byte {
	for _, v := range [...]uint64{g.first, g.last, uint64(len(g.streams))} {
		dst = le.AppendUint64(dst, v)
	}
	for _, r := range g.streams {
		for _, v := range [...]uint64{r.group, r.stream, uint64(r.reason), uint64(r.events), uint64(r.bytes)} {
			dst = le.AppendUint64(dst, v)
		}
	}
	return dst
}

func openRemoval(payload []byte) (*removal, error) {
	if len(payload) < removalHeader || uint64(len(payload)-removalHeader) != le.Uint64(payload[16:])*removedSize {
		return nil, fmt.Errorf("%w: removal of %d bytes", event.ErrCorrupt, len(payload))
	}
	g := &removal{first: le.Uint64(payload), last: le.Uint64(payload[8:])}
	for b := payload[removalHeader:]; len(b) > 0; b = b[removedSize:] {
		r := removed{le.Uint64(b), le.Uint64(b[8:]), Reason(b[16]), int64(le.Uint64(b[24:])), int64(le.Uint64(b[32:]))}
		if r.reason == 0 || int(r.reason) > reasons {
			return nil, fmt.Errorf("%w: removal for reason %d", event.ErrCorrupt, r.reason)
		}
		g.streams = append(g.streams, r)
	}
	return g, nil
}

// count makes a removal known, durably. A crash before it leaves the statistics
// of its streams too high by it.
func (sh *Shard) count(g *removal) error {
	if len(g.streams) == 0 {
		return nil
	}
	g.fold()
	return sh.append(g)
}

func (sh *Shard) append(g *removal) error {
	if _, err := sh.log.Append(context.Background(), wal.TypeCount, removalKey, g.append(nil)); err != nil {
		return fmt.Errorf("count what was removed: %w", err)
	}
	return nil
}

// Amount is a number of events and the bytes of their messages.
type Amount struct{ Events, Bytes int64 }

// DroppedRange is a run of positions that the disk budget dropped, and what it
// held.
type DroppedRange struct {
	First, Last uint64
	Amount
}

// dropped follows one shard's log as a wal.Folder: what left the disk and why.
type dropped struct {
	mu     sync.Mutex // guards the fields below
	sums   [reasons]Amount
	below  uint64 // all below it was dropped
	ranges []DroppedRange
}

// maxRanges bounds the dropped ranges that are told one by one; older ones are
// summed up in the first.
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
	of := DroppedRange{First: g.first, Last: g.last}
	budget := len(g.streams) == 0 // an empty file can be dropped, too
	for _, r := range g.streams {
		sum := &d.sums[r.reason-1]
		sum.Events += r.events
		sum.Bytes += r.bytes
		if r.reason == Dropped {
			budget = true
			of.Events += r.events
			of.Bytes += r.bytes
		}
	}
	if budget {
		d.below = max(d.below, g.last+1)
		d.ranges = append(d.ranges, of)
		if len(d.ranges) > maxRanges {
			d.ranges[1].First = d.ranges[0].First
			d.ranges[1].Events += d.ranges[0].Events
			d.ranges[1].Bytes += d.ranges[0].Bytes
			d.ranges = slices.Delete(d.ranges, 0, 1)
		}
	}
}

const rangeSnapshot = 4 * 8

// AppendSnapshot implements wal.Folder.
func (d *dropped) AppendSnapshot(dst []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	dst = le.AppendUint64(dst, d.below)
	for _, s := range d.sums {
		dst = le.AppendUint64(dst, uint64(s.Events))
		dst = le.AppendUint64(dst, uint64(s.Bytes))
	}
	for _, r := range d.ranges {
		for _, v := range [...]uint64{r.First, r.Last, uint64(r.Events), uint64(r.Bytes)} {
			dst = le.AppendUint64(dst, v)
		}
	}
	return dst
}

// Restore implements wal.Folder.
func (d *dropped) Restore(src []byte) error {
	const header = 8 + reasons*16
	if len(src) < header || (len(src)-header)%rangeSnapshot != 0 {
		return fmt.Errorf("restore what was dropped: %w: %d bytes", event.ErrCorrupt, len(src))
	}
	word := func(i int) uint64 { return le.Uint64(src[8*i:]) }
	d.mu.Lock()
	defer d.mu.Unlock()
	d.below, d.ranges = word(0), nil
	for i := range d.sums {
		d.sums[i] = Amount{int64(word(1 + 2*i)), int64(word(2 + 2*i))}
	}
	for src = src[header:]; len(src) > 0; src = src[rangeSnapshot:] {
		d.ranges = append(d.ranges, DroppedRange{word(0), word(1), Amount{int64(word(2)), int64(word(3))}})
	}
	return nil
}

func (d *dropped) droppedBelow() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.below
}
