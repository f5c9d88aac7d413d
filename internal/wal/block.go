package wal

import (
	"iter"
	"slices"

	"sluice/internal/vfs"
)

// Block is a run of verified, durable frames in one piece of memory: a part of
// the tail cache or a piece of a segment. It is immutable; the GC frees it when
// the last Block and the last Payload into it are gone. Only the blocks of a
// Reader that borrows them (Reader.Borrow) are used again for other frames.
type Block struct {
	buf         []byte // whole frames
	first, last uint64
}

// First returns the sequence of the first frame.
func (b Block) First() uint64 { return b.first }

// Last returns the sequence of the last frame.
func (b Block) Last() uint64 { return b.last }

// Bytes returns the size of the frames, headers included.
func (b Block) Bytes() int { return len(b.buf) }

// All yields the frames in order of sequence.
func (b Block) All() iter.Seq[Frame] {
	return func(yield func(Frame) bool) {
		for buf := b.buf; len(buf) > 0; {
			f, n := trustedFrame(buf)
			if !yield(f) {
				return
			}
			buf = buf[n:]
		}
	}
}

// chunk is the memory that frames are collected in, and then, as it is, the
// tail cache's entry: bytes before durable never change again, later ones are
// appended. The log's lock guards the fields, not the bytes before durable.
type chunk struct {
	seg     *segment
	off     int64  // where buf[0] stands in the segment
	begin   int    // of the first frame in buf; what stands before it is of the chunk before
	first   uint64 // sequence of the first frame
	last    uint64 // of the last durable one
	buf     []byte // grows within its capacity, never beyond
	durable int    // bytes of buf that are durable

	active  bool // the one that frames are collected in
	holders int  // who borrowed it, and will give it back
	shared  bool // somebody has views of it for as long as they like
	dropped bool // from the tail cache
}

// view returns the durable frames from the one at off on.
func (c *chunk) view(off int, seq uint64) Block {
	return Block{buf: c.buf[off:c.durable:c.durable], first: seq, last: c.last}
}

// find returns the offset of a durable frame, starting from a known frame's.
func (c *chunk) find(seq uint64, from int) int {
	for trustedSeq(c.buf[from:]) < seq {
		_, n := trustedFrame(c.buf[from:])
		from += n
	}
	return from
}

// tailCache holds the latest chunks, oldest first, up to a budget.
type tailCache struct {
	chunks []*chunk
	bytes  int64
	spare  [][]byte // memory of chunks that are gone, and nobody looks at
}

const (
	// chunkStep is what the memory of large chunks is a multiple of, so that it fits
	// again.
	chunkStep = 256 << 10
	// mostSpare bounds the spare memory, in chunks.
	mostSpare = 4
)

// memory returns n bytes that direct reads and writes may begin in. What they hold
// is whatever the last chunk held.
func (t *tailCache) memory(n int64) []byte {
	for i, b := range t.spare {
		if int64(cap(b)) >= n && int64(cap(b)) <= 2*n+chunkStep {
			t.spare = slices.Delete(t.spare, i, i+1)
			return b
		}
	}
	if n > chunkStep {
		n = (n + chunkStep - 1) / chunkStep * chunkStep
	}
	return vfs.DirectMemory(int(n))[:0]
}

// borrow and giveBack bracket the use of a chunk's frames. nil is nothing borrowed.
func (t *tailCache) borrow(c *chunk) { c.holders++ }

func (t *tailCache) giveBack(c *chunk) {
	if c != nil {
		c.holders--
		t.reuse(c)
	}
}

// reuse keeps the memory of a chunk that nobody can look at any more.
func (t *tailCache) reuse(c *chunk) {
	if !c.dropped || c.active || c.shared || c.holders > 0 || c.buf == nil {
		return
	}
	if len(t.spare) < mostSpare {
		poison(c.buf[:cap(c.buf)])
		t.spare = append(t.spare, c.buf[:0])
	}
	c.buf = nil
}

func (t *tailCache) add(c *chunk, budget int64) {
	t.chunks = append(t.chunks, c)
	t.bytes += int64(cap(c.buf))
	for t.bytes > budget && len(t.chunks) > 1 && t.chunks[0].durable == len(t.chunks[0].buf) {
		t.dropFirst()
	}
}

func (t *tailCache) dropFirst() {
	c := t.chunks[0]
	t.bytes -= int64(cap(c.buf))
	t.chunks[0] = nil
	t.chunks = t.chunks[1:]
	c.dropped = true
	t.reuse(c)
}

// dropBefore forgets the chunks of trimmed segments.
func (t *tailCache) dropBefore(seq uint64) {
	for len(t.chunks) > 0 && t.chunks[0].durable == len(t.chunks[0].buf) && t.chunks[0].last < seq {
		t.dropFirst()
	}
}

// holding returns the chunk with a frame that is durable, nil if it is not in memory.
func (t *tailCache) holding(seq uint64) *chunk {
	lo, hi := 0, len(t.chunks)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if t.chunks[mid].first <= seq {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return nil
	}
	return t.chunks[lo-1]
}
