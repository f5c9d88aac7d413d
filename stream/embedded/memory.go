package embedded

import (
	"sync"

	"sluice/internal/wal"
)

// memory is what a reader of a stream reads into: the frame that it is at, and
// the batches that this one refers to.
type memory struct {
	frame   wal.Memory
	batches []*wal.Memory
	used    int    // of batches
	key     uint64 // whose they are
}

var memories = sync.Pool{New: func() any { return new(memory) }}

// next is memory for one more batch of the same frame.
func (m *memory) next() *wal.Memory {
	if m.used == len(m.batches) {
		m.batches = append(m.batches, new(wal.Memory))
		m.batches[m.used].Beside(m.batches[0])
	}
	m.used++
	b := m.batches[m.used-1]
	b.For(m.key)
	return b
}

// mostKept bounds the batches whose memory is kept for the next reader.
const mostKept = 4

func (m *memory) release() {
	m.frame.Release()
	for _, b := range m.batches {
		b.Release()
	}
	m.used, m.batches = 0, m.batches[:min(mostKept, len(m.batches))]
	clear(m.batches[len(m.batches):cap(m.batches)])
	memories.Put(m)
}
