package kinesis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"sluice/internal/event"
)

// source names a sequence of batches that a producer sends in order: those of one
// origin with one partition key.
type source struct {
	stream, key uint64 // key is the hash of the partition key
	shard       uint32
}

// mark is the greatest key of a source that was seen.
type mark struct {
	first uint64
	part  uint32
	age   uint64 // when it was seen, counted in records: the oldest goes first
}

// Marks tell which batches of one shard were seen before. The zero value knows of
// none.
type Marks struct {
	seen  map[source]mark
	count uint64
}

// Fresh tells whether a batch was not seen before, and remembers it.
func (m *Marks) Fresh(o Origin, partitionKey string) bool {
	key := source{o.Stream, xxhash.Sum64String(partitionKey), o.Shard}
	last, ok := m.seen[key]
	if ok && cmp.Or(cmp.Compare(o.First, last.first), cmp.Compare(o.Part, last.part)) <= 0 {
		return false
	}
	if m.seen == nil {
		m.seen = map[source]mark{}
	}
	m.count++
	m.seen[key] = mark{o.First, o.Part, m.count}
	return true
}

// Clone returns marks that change independently.
func (m Marks) Clone() Marks { return Marks{maps.Clone(m.seen), m.count} }

const (
	marksVersion = 1
	markSize     = 8 + 8 + 4 + 8 + 4 + 8
	// maxMarks bounds the marks of a shard: a source that was silent for longest
	// is forgotten beyond.
	maxMarks = 512
)

// AppendTo appends the marks as a row keeps them:
//
//	+-----------+ then for each source, the latest first:
//	| version 1 |
//	+-----------+
//	+------------+---------------+-----------+-----------+----------+---------+
//	| stream u64 | partition key | shard u32 | first u64 | part u32 | age u64 |
//	|            | hash u64      |           |           |          |         |
//	+------------+---------------+-----------+-----------+----------+---------+
func (m Marks) AppendTo(dst []byte) []byte {
	if len(m.seen) == 0 {
		return dst
	}
	keys := slices.SortedFunc(maps.Keys(m.seen), func(a, b source) int {
		return cmp.Or(cmp.Compare(m.seen[b].age, m.seen[a].age), cmp.Compare(a.stream, b.stream), cmp.Compare(a.shard, b.shard), cmp.Compare(a.key, b.key))
	})
	dst = append(dst, marksVersion)
	for _, k := range keys[:min(len(keys), maxMarks)] {
		v := m.seen[k]
		dst = le.AppendUint64(dst, k.stream)
		dst = le.AppendUint64(dst, k.key)
		dst = le.AppendUint32(dst, k.shard)
		dst = le.AppendUint64(dst, v.first)
		dst = le.AppendUint32(dst, v.part)
		dst = le.AppendUint64(dst, v.age)
	}
	return dst
}

// ParseMarks reads what AppendTo made.
func ParseMarks(b []byte) (Marks, error) {
	var m Marks
	if len(b) == 0 {
		return m, nil
	}
	if b[0] != marksVersion || len(b)%markSize != 1 || len(b) > 1+maxMarks*markSize {
		return Marks{}, fmt.Errorf("read marks: %w: %d bytes of version %d", event.ErrCorrupt, len(b), b[0])
	}
	m.seen = map[source]mark{}
	for b = b[1:]; len(b) > 0; b = b[markSize:] {
		v := mark{le.Uint64(b[20:]), le.Uint32(b[28:]), le.Uint64(b[32:])}
		m.seen[source{le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[16:])}] = v
		m.count = max(m.count, v.age)
	}
	return m, nil
}

// mergeMarks joins what two parents leave to a shard. Marks that cannot be read
// leave nothing: their batches may come twice, none is lost for it.
func mergeMarks(a, b []byte) []byte {
	m, errA := ParseMarks(a)
	n, errB := ParseMarks(b)
	if errA != nil || errB != nil {
		return nil
	}
	if m.seen == nil {
		m.seen = map[source]mark{}
	}
	for k, v := range n.seen {
		last, ok := m.seen[k]
		if !ok || cmp.Or(cmp.Compare(v.first, last.first), cmp.Compare(v.part, last.part)) > 0 {
			m.seen[k] = v
		}
	}
	return m.AppendTo(nil)
}
