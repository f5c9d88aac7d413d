package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

var le = binary.LittleEndian

// indexID names the batch index among the indexers of a log.
const indexID = 1

// entry is one batch in a segment's index.
type entry struct {
	number        uint64
	group, stream uint64
	least         int64
	span, count   uint32
}

const entrySize = 4*8 + 2*4

func (e entry) greatest() int64 { return e.least + int64(e.span) }

// index is the wal.Indexer of one shard: the batches of the active segment, and
// of those that ended a short while ago and whose footer may not be written yet.
type index struct {
	ended func() // called when a segment ends, under the log's lock

	mu     sync.Mutex // guards active and sealed
	active []entry
	sealed [][]entry // newest last, at most keptSealed
}

// keptSealed segments' entries stay in memory, so that a scan never wants a
// footer that is still being written.
const keptSealed = 2

func (x *index) ID() uint8 { return indexID }

// Index implements wal.Indexer.
func (x *index) Index(f wal.Frame, _ int64) {
	if f.Type != wal.TypeBatch {
		return
	}
	b, err := event.View(f.Payload)
	if err != nil {
		return // Append took it, so it is of another version: no reader knows it
	}
	least, greatest := b.Span()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.active = append(x.active, entry{
		number: f.Seq, group: b.GroupUID(), stream: b.StreamUID(),
		least: least, span: uint32(min(greatest-least, math.MaxUint32)), count: uint32(b.Len()),
	})
}

// AppendSegmentIndex implements wal.Indexer.
func (x *index) AppendSegmentIndex(dst []byte) []byte {
	x.ended()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.active {
		for _, v := range [...]uint64{e.number, e.group, e.stream, uint64(e.least)} {
			dst = le.AppendUint64(dst, v)
		}
		dst = le.AppendUint32(dst, e.span)
		dst = le.AppendUint32(dst, e.count)
	}
	x.sealed = append(x.sealed, x.active)
	if len(x.sealed) > keptSealed {
		x.sealed = slices.Delete(x.sealed, 0, 1)
	}
	x.active = nil
	return dst
}

func decodeSection(section []byte) ([]entry, error) {
	if len(section)%entrySize != 0 {
		return nil, fmt.Errorf("%w: segment index of %d bytes", event.ErrCorrupt, len(section))
	}
	entries := make([]entry, 0, len(section)/entrySize)
	for ; len(section) > 0; section = section[entrySize:] {
		entries = append(entries, entry{
			number: le.Uint64(section), group: le.Uint64(section[8:]), stream: le.Uint64(section[16:]),
			least: int64(le.Uint64(section[24:])), span: le.Uint32(section[32:]), count: le.Uint32(section[36:]),
		})
	}
	return entries, nil
}

// recent returns the wanted entries in [first, last] of the segment that begins
// with base if they are in memory.
func (x *index) recent(q Query, base, first, last uint64) (found []entry, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, part := range append(slices.Clone(x.sealed), x.active) {
		if len(part) > 0 && part[0].number >= base && part[0].number <= last {
			return q.appendWanted(nil, part, first, last), true
		}
	}
	return nil, false
}

func (q Query) appendWanted(dst, entries []entry, first, last uint64) []entry {
	at, _ := slices.BinarySearchFunc(entries, first, func(e entry, n uint64) int { return cmp.Compare(e.number, n) })
	for _, e := range entries[at:] {
		if e.number > last {
			break
		}
		if e.group == q.Group && (q.Stream == 0 || e.stream == q.Stream) && e.least < q.To && e.greatest() >= q.From {
			dst = append(dst, e)
		}
	}
	return dst
}
