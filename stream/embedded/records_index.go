package embedded

import (
	"slices"
	"sort"

	"sluice/internal/wal"
)

// foldMark takes over what a Records frame says beyond its records. mu is held.
func (x *Index) foldMark(f wal.Frame) {
	r, err := openRecordsHead(f.Payload)
	if err != nil {
		return
	}
	k := x.key(f.Key)
	k.stream = true
	if r.marked {
		k.mark(r.origin, r.mark)
		k.marked = f.Seq
	}
}

func (k *keyIndex) mark(o Origin, m Mark) {
	if k.marks == nil {
		k.marks = map[Origin]Mark{}
	}
	k.marks[o] = m
}

// Mark is how far records of an origin are in a stream, on this shard of the log,
// once the frame at a position is durable.
func (x *Index) Mark(stream uint64, from Origin) (m Mark, position uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if k := x.keys[stream]; k != nil {
		return k.marks[from], k.marked
	}
	return Mark{}, 0
}

// RecordStreams lists the streams of records that this shard knows of.
func (x *Index) RecordStreams() []uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []uint64
	for key, k := range x.keys {
		if k.stream {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// Expire lets go of the records of a stream that all came before an instant (ms),
// but of nothing at or behind keep: somebody still reads there.
func (x *Index) Expire(stream uint64, before int64, keep uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[stream]
	if k == nil || !k.stream {
		return
	}
	position := k.committed
	for _, e := range k.entries {
		if e.newest >= before || e.end > keep {
			break
		}
		position = e.end
	}
	if position > k.committed {
		k.advance(position)
		k.ahead = amount{}
	}
}

// Drop forgets a stream: nothing of it is wanted any more.
func (x *Index) Drop(stream uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if k := x.keys[stream]; k != nil && k.stream {
		delete(x.keys, stream)
	}
}

// since is the first position from which on records of a stream may have come at
// or after an instant (ms).
func (x *Index) since(stream uint64, at int64) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[stream]
	if k == nil {
		return 0
	}
	// Entries lie nearly in the order of arrival; a search for the first that is
	// late enough would need them to lie in it exactly.
	for _, e := range k.entries {
		if e.newest >= at {
			return e.first
		}
	}
	return k.end()
}

// end is the first position behind everything that the key has. mu is held.
func (k *keyIndex) end() uint64 {
	if n := len(k.entries); n > 0 {
		return k.entries[n-1].end
	}
	return k.committed
}

// recordRuns lists the parts of [from, limit) that may hold records of the shards
// of a mask, at most most of them.
func (x *Index) recordRuns(stream, from, limit, mask uint64, most int) []entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[stream]
	if k == nil {
		return nil
	}
	at := sort.Search(len(k.entries), func(i int) bool { return k.entries[i].end > from })
	var out []entry
	for _, e := range k.entries[at:] {
		if e.first >= limit || len(out) == most {
			break
		}
		if e.shards&mask == 0 {
			continue
		}
		if part, some := e.within(from, limit); some {
			out = append(out, part)
		}
	}
	return out
}

// oldestOf is the arrival of the first records in [from, limit) that may be of the
// shards of a mask; false if there are none.
func (x *Index) oldestOf(stream, from, limit, mask uint64) (arrived int64, ok bool) {
	for _, e := range x.recordRuns(stream, from, limit, mask, 1) {
		return e.oldest, true
	}
	return 0, false
}
