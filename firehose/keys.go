package firehose

import (
	"cmp"
	"maps"
	"slices"
)

// keyMarks are the greatest keys of each sender among the records of a part up to
// some position: what does not exceed them was there before.
type keyMarks map[sender]keyMark

type sender struct {
	stream uint64
	shard  uint32
}

type keyMark struct {
	first  uint64
	part   uint32
	number uint64 // of the record
}

func (m keyMarks) has(k Key) bool {
	last, ok := m[sender{k.Stream, k.Shard}]
	return ok && cmp.Or(cmp.Compare(k.First, last.first), cmp.Compare(k.Part, last.part)) <= 0
}

// put marks a key that the marks do not have.
func (m keyMarks) put(k Key, number uint64) {
	m[sender{k.Stream, k.Shard}] = keyMark{k.First, k.Part, number}
}

// merge marks what later records marked.
func (m keyMarks) merge(later keyMarks) { maps.Copy(m, later) }

func (m keyMarks) clone() keyMarks {
	if m == nil {
		return keyMarks{}
	}
	return maps.Clone(m)
}

// maxSenders is how many senders are remembered with a position; beyond, those
// that were silent for longest are forgotten, and a duplicate of theirs is not
// known for one.
const maxSenders = 4096

// carriedKey is a mark as manifests have it: stream, shard, first, part, number.
type carriedKey [5]uint64

func (m keyMarks) carry() (out []carriedKey) {
	for s, k := range m {
		out = append(out, carriedKey{s.stream, uint64(s.shard), k.first, uint64(k.part), k.number})
	}
	slices.SortFunc(out, func(a, b carriedKey) int {
		return cmp.Or(cmp.Compare(b[4], a[4]), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	return out[:min(len(out), maxSenders)]
}

func openKeys(list []carriedKey) keyMarks {
	m := make(keyMarks, len(list))
	for _, k := range list {
		m[sender{k[0], uint32(k[1])}] = keyMark{k[2], uint32(k[3]), k[4]}
	}
	return m
}
