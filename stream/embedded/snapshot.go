package embedded

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"sluice/internal/event"
)

// A snapshot is its version and a run of keys:
//
//	+----------+---------+   +-----------------------------------------------+
//	| 2^64 - 1 | version |   | key, committed, accepted, its bytes,          |
//	|          | 3       |   | delivered, discarded, delivered bytes, ahead, |
//	+----------+---------+   | its bytes, 1 for records: u64 each            |
//	                         | entries u32, marks u32                        |
//	                         +-----------------------------------------------+
//	+------------------------------------------------------------+
//	| first, end, count, bytes, oldest, newest, shards: u64 each |  for each entry
//	+------------------------------------------------------------+
//	+---------------------------------------------+
//	| route, shard, number, part: u64 each        |  for each mark
//	+---------------------------------------------+
//
// Version 2 knows no records: nine words a key, no number of marks, five words an
// entry. Version 1 has no head either (its first word is a key, which is never
// 2^64 - 1), and nothing ahead: seven words a key.
const (
	snapshotHead    = math.MaxUint64
	snapshotVersion = 3
	markSnapshot    = 4 * 8
)

// layout is what versions of a snapshot differ in.
type layout struct {
	keyWords, entryWords int
	marks                bool
}

var layouts = map[uint64]layout{1: {7, 5, false}, 2: {9, 5, false}, snapshotVersion: {10, 7, true}}

// AppendSnapshot implements wal.Folder.
func (x *Index) AppendSnapshot(dst []byte) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	dst = le.AppendUint64(le.AppendUint64(dst, snapshotHead), snapshotVersion)
	for _, key := range slices.Sorted(maps.Keys(x.keys)) {
		dst = x.keys[key].append(dst, key)
	}
	return dst
}

func (k *keyIndex) append(dst []byte, key uint64) []byte {
	t := k.totals
	stream := uint64(0)
	if k.stream {
		stream = 1
	}
	for _, v := range [...]uint64{
		key, k.committed, uint64(t.Accepted), uint64(t.AcceptedBytes), uint64(t.Delivered), uint64(t.Discarded),
		uint64(t.DeliveredBytes), uint64(k.ahead.count), uint64(k.ahead.bytes), stream,
	} {
		dst = le.AppendUint64(dst, v)
	}
	dst = le.AppendUint32(dst, uint32(len(k.entries)))
	dst = le.AppendUint32(dst, uint32(len(k.marks)))
	for _, e := range k.entries {
		for _, v := range [...]uint64{e.first, e.end, uint64(e.count), uint64(e.bytes), uint64(e.oldest), uint64(e.newest), e.shards} {
			dst = le.AppendUint64(dst, v)
		}
	}
	origins := slices.SortedFunc(maps.Keys(k.marks), func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Shard, b.Shard))
	})
	for _, o := range origins {
		m := k.marks[o]
		for _, v := range [...]uint64{o.Route, uint64(o.Shard), m.Number, uint64(m.Part)} {
			dst = le.AppendUint64(dst, v)
		}
	}
	return dst
}

// Restore implements wal.Folder.
func (x *Index) Restore(src []byte) error {
	version := uint64(1)
	if len(src) >= 16 && le.Uint64(src) == snapshotHead {
		version, src = le.Uint64(src[8:]), src[16:]
	}
	l, known := layouts[version]
	if !known {
		return fmt.Errorf("restore stream index: version %d: %w", version, event.ErrCorrupt)
	}
	keys := map[uint64]*keyIndex{}
	for len(src) > 0 {
		key, k, rest, err := l.restore(src)
		if err != nil {
			return fmt.Errorf("restore stream index: %w", err)
		}
		keys[key], src = k, rest
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.keys = keys
	return nil
}

// restore reads one key and returns what follows it.
func (l layout) restore(src []byte) (key uint64, k *keyIndex, rest []byte, err error) {
	head := 8*l.keyWords + 4
	if l.marks {
		head += 4
	}
	if len(src) < head {
		return 0, nil, nil, event.ErrCorrupt
	}
	word := func(i int) int64 { return int64(le.Uint64(src[8*i:])) }
	k = &keyIndex{committed: uint64(word(1)), totals: Totals{
		Accepted: word(2), AcceptedBytes: word(3), Delivered: word(4), Discarded: word(5), DeliveredBytes: word(6),
	}}
	key = uint64(word(0))
	if l.keyWords > 7 {
		k.ahead = amount{word(7), word(8)}
	}
	entries, marks := int(le.Uint32(src[8*l.keyWords:])), 0
	if l.marks {
		k.stream, marks = word(9) == 1, int(le.Uint32(src[8*l.keyWords+4:]))
	}
	src = src[head:]
	if entries > maxEntries || len(src) < entries*8*l.entryWords || (len(src)-entries*8*l.entryWords)/markSnapshot < marks {
		return 0, nil, nil, fmt.Errorf("key of %d entries and %d marks: %w", entries, marks, event.ErrCorrupt)
	}
	for range entries {
		e := entry{first: uint64(word(0)), end: uint64(word(1)), count: word(2), bytes: word(3), oldest: word(4)}
		if l.entryWords > 5 {
			e.newest, e.shards = word(5), uint64(word(6))
		}
		k.entries, src = append(k.entries, e), src[8*l.entryWords:]
	}
	for range marks {
		k.mark(Origin{uint64(word(0)), uint32(word(1))}, Mark{uint64(word(2)), uint32(word(3))})
		src = src[markSnapshot:]
	}
	return key, k, src, nil
}
