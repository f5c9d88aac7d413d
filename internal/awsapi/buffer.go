package awsapi

import (
	"math/bits"
	"sync"
)

// buffer is a pooled body. Its classes are powers of two, so that a body of
// 1 MiB never pins one of 16.
type buffer struct {
	b     []byte
	class int // index into bodyPools, -1 for a size beyond them
}

const (
	smallestBody = 16 // log2 of the first class: 64 KiB
	bodyClasses  = 9  // up to 16 MiB
)

var bodyPools [bodyClasses]sync.Pool

func bodyClass(n int) int { return max(bits.Len(uint(max(n, 1)-1))-smallestBody, 0) }

// pooledSize is the capacity of the buffer that takeBuffer(n) returns.
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
		return &buffer{b: make([]byte, 0, n), class: -1}
	}
	if p, ok := bodyPools[class].Get().(*buffer); ok {
		return p
	}
	return &buffer{b: make([]byte, 0, pooledSize(n)), class: class}
}

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
