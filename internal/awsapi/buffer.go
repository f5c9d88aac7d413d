package awsapi

import (
	"math/bits"
	"sync"
)

// buffer is a pooled body. Its classes are powers of two, so that a body of
// 1 MiB never pins one of 16, and some room around it, see Request.Arena.
type buffer struct {
	b      []byte // in memory, from Headroom on
	memory []byte
	class  int // index into bodyPools, -1 for a size beyond them
}

// Headroom is what Request.Arena has in front of the body.
const Headroom = 128

// tailroom is what Request.Arena has behind a body of n bytes, at least.
func tailroom(n int) int { return n/32 + 8<<10 }

const (
	smallestBody = 16 // log2 of the first class: 64 KiB
	bodyClasses  = 9  // up to 16 MiB
)

var bodyPools [bodyClasses]sync.Pool

func bodyClass(n int) int { return max(bits.Len(uint(max(n, 1)-1))-smallestBody, 0) }

// pooledSize is the room for a body in the buffer that takeBuffer(n) returns.
func pooledSize(n int) int {
	if class := bodyClass(n); class < bodyClasses {
		return 1 << (smallestBody + class)
	}
	return n
}

// takeBuffer returns an empty buffer with room for n bytes.
func takeBuffer(n int) *buffer {
	class := bodyClass(n)
	if class >= bodyClasses {
		return newBuffer(n, -1)
	}
	if p, ok := bodyPools[class].Get().(*buffer); ok {
		return p
	}
	return newBuffer(pooledSize(n), class)
}

func newBuffer(n, class int) *buffer {
	memory := make([]byte, Headroom+n+tailroom(n))
	return &buffer{b: memory[Headroom : Headroom : Headroom+n], memory: memory, class: class}
}

// around is the body with the room before and behind it.
func (p *buffer) around() []byte { return p.memory[:Headroom+len(p.b)] }

// free gives the buffer back to its pool. A nil buffer is fine.
func (p *buffer) free() {
	if p == nil || p.class < 0 {
		return
	}
	p.b = p.b[:0]
	bodyPools[p.class].Put(p)
}

// replyPool holds the buffers that answers are built in. Those that grew over
// maxPooledReply are left to the garbage collector.
var replyPool = sync.Pool{New: func() any { return new([]byte) }}

const maxPooledReply = 1 << 20

func takeReplyBuffer() []byte { return (*replyPool.Get().(*[]byte))[:0] }

func freeReplyBuffer(b []byte) {
	if cap(b) == 0 || cap(b) > maxPooledReply {
		return
	}
	replyPool.Put(&b)
}
