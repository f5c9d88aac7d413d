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
	lane   uint64
}

func (k Key) sender() sender { return sender{k.Stream, k.Shard, k.Lane} }

type keyMark struct {
	first  uint64
	part   uint32
	number uint64 // of the record
}

func (m keyMarks) has(k Key) bool {
	last, ok := m[k.sender()]
	return ok && cmp.Or(cmp.Compare(k.First, last.first), cmp.Compare(k.Part, last.part)) <= 0
}

// put marks a key that the marks do not have.
func (m keyMarks) put(k Key, number uint64) {
	m[k.sender()] = keyMark{k.First, k.Part, number}
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

// carriedKey is a mark as manifests have it: stream, shard, lane, first, part,
// number.
type carriedKey [6]uint64

func (m keyMarks) carry() (out []carriedKey) {
	for s, k := range m {
		out = append(out, carriedKey{s.stream, uint64(s.shard), s.lane, k.first, uint64(k.part), k.number})
	}
	slices.SortFunc(out, func(a, b carriedKey) int {
		return cmp.Or(cmp.Compare(b[5], a[5]), slices.Compare(a[:3], b[:3]))
	})
	return out[:min(len(out), maxSenders)]
}

func openKeys(list []carriedKey) keyMarks {
	m := make(keyMarks, len(list))
	for _, k := range list {
		m[sender{k[0], uint32(k[1]), k[2]}] = keyMark{k[3], uint32(k[4]), k[5]}
	}
	return m
}
