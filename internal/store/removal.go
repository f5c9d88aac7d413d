package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Reason says why events left the disk.
type Reason uint8

// The reasons.
const (
	Deleted  Reason = 1 + iota // with their log group or log stream
	Expired                    // all events of their batch were older than the retention
	Dropped                    // by the disk budget
	OptedOut                   // their log group is not kept: Class

	reasons  = int(OptedOut)
	reasons0 = int(Dropped) // of snapshots of version 0
)

func (r Reason) String() string {
	return [...]string{"", "deleted", "expired", "dropped", "opted_out"}[r]
}

// removal counts what one compaction, merge or drop takes off the disk, by log
// stream. It is a Count frame of key 0:
//
//	+-------+---------+---------------+------+------------------------------------------+
//	| first | last    | flags u8,     | id   | streams x {group, stream, reason, events,|
//	| covered by it   | streams 56 bit| u64  |            bytes}, all u64               |
//	+-------+---------+---------------+------+------------------------------------------+
//
// Flags: 0x80 where there is an id, which frames of version 0 have not; 0x40 where
// nothing is left of the positions: no file stands for them.
//
// It is counted once, whenever a crash comes. Where nothing is left the frame is
// durable first, and the next start ends what it says. Where a file is left, it
// carries the same bytes as its note: a start that finds an id in a note which no
// frame had yet appends the frame. Ids grow, as each is the position that the
// log's next frame would get.
type removal struct {
	first, last uint64
	id          uint64
	whole       bool // nothing is left
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
	removalHeader0 = 3 * 8
	removalHeader  = 4 * 8
	removedSize    = 5 * 8

	removalHasID = 1 << 63
	removalWhole = 1 << 62
	removalCount = 1<<56 - 1
)

func (g *removal) append(dst []byte) []byte {
	streams := uint64(len(g.streams)) | removalHasID
	if g.whole {
		streams |= removalWhole
	}
	for _, v := range [...]uint64{g.first, g.last, streams, g.id} {
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
	bad := fmt.Errorf("%w: removal of %d bytes", event.ErrCorrupt, len(payload))
	if len(payload) < removalHeader0 {
		return nil, bad
	}
	word := le.Uint64(payload[16:])
	g := &removal{first: le.Uint64(payload), last: le.Uint64(payload[8:]), whole: word&removalWhole != 0}
	b := payload[removalHeader0:]
	if word&removalHasID != 0 {
		if len(b) < 8 {
			return nil, bad
		}
		g.id, b = le.Uint64(b), b[8:]
	}
	if len(b)%removedSize != 0 || uint64(len(b)/removedSize) != word&removalCount {
		return nil, bad
	}
	for ; len(b) > 0; b = b[removedSize:] {
		r := removed{le.Uint64(b), le.Uint64(b[8:]), Reason(b[16]), int64(le.Uint64(b[24:])), int64(le.Uint64(b[32:]))}
		if r.reason == 0 || int(r.reason) > reasons {
			return nil, fmt.Errorf("%w: removal for reason %d", event.ErrCorrupt, r.reason)
		}
		g.streams = append(g.streams, r)
	}
	return g, nil
}

// seal gives a removal its id and returns its bytes; none where nothing is removed.
func (sh *Shard) seal(g *removal) []byte {
	if len(g.streams) == 0 {
		return nil
	}
	g.fold()
	g.id = sh.nextID()
	return g.append(nil)
}

// nextID is greater than those before it, also where a crash took back positions
// that were not durable.
func (sh *Shard) nextID() uint64 { return max(sh.log.Next(), sh.dropped.countedTo()+1) }

// count makes a sealed removal known, durably.
func (sh *Shard) count(sealed []byte) error {
	if len(sealed) == 0 {
		return nil
	}
	if _, err := sh.log.Append(context.Background(), wal.TypeCount, removalKey, sealed); err != nil {
		return fmt.Errorf("count what was removed: %w", err)
	}
	return nil
}

// countWhole makes known that nothing is left of a removal's positions. They may
// leave the disk then, and no start brings them back.
func (sh *Shard) countWhole(g *removal) error {
	g.whole = true
	return sh.count(sh.seal(g))
}

// countDropped is countWhole for the disk budget, also where nothing was in a file.
func (sh *Shard) countDropped(g *removal) error {
	g.fold()
	g.whole, g.id = true, sh.nextID()
	return sh.count(g.append(nil))
}

// recount counts what a crash, or an error of the log, kept from being counted
// when its file was durable already.
func (sh *Shard) recount() error {
	if sh.recounted {
		return nil
	}
	files, _ := sh.files.acquire()
	defer sh.files.release(files...)
	for _, k := range files {
		note, err := k.file.Note()
		if err != nil {
			sh.files.report(k, err)
			continue
		}
		if g, err := openRemoval(note); err != nil || g.id <= sh.dropped.countedTo() {
			continue // there is none, or it is known
		}
		if err := sh.count(note); err != nil {
			return err
		}
	}
	sh.recounted = true
	return nil
}
