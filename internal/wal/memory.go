package wal

import (
	"bytes"
	"errors"
	"sync"
)

// Memory is what frames are read into, one after the other: see Log.ReadInto. The
// zero value is ready. It belongs to one goroutine and keeps the size of the
// largest frame.
type Memory struct {
	b      []byte
	reader Reader // of the one frame

	again  bool    // it is used again and again: see ReadInto
	own    course  // of what was read into it
	shared *course // in place of its own: see Beside
	who    uint64  // see For
	window *window // held, where the frame is in one

	log  *Log
	held *chunk // borrowed, where the frame is still in memory
}

// hold keeps a chunk from being used again. The log's lock is held.
func (m *Memory) hold(l *Log, c *chunk) {
	l.tail.borrow(c)
	m.log, m.held = l, c
}

// Release gives up the frame in the memory.
func (m *Memory) Release() {
	m.letGo()
	if m.held == nil {
		return
	}
	l := m.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail.giveBack(m.held)
	m.log, m.held = nil, nil
}

// Beside has m be read into in turns with first: what they are asked for, one after
// the other, follows in the log.
func (m *Memory) Beside(first *Memory) { m.shared = first.course() }

// For tells who reads frame after frame with m. 0 is nobody: they share what the
// machine's page cache has, as do those who are not alone in their part of the log.
func (m *Memory) For(who uint64) {
	if m.who != who {
		m.who = who
		m.course().taken() // somebody else
	}
}

func (m *Memory) letGo() {
	if m.window != nil {
		m.course().letGo(m.window)
		m.window = nil
	}
}

func (m *Memory) course() *course {
	if m.shared != nil {
		return m.shared
	}
	return &m.own
}

// take returns n bytes.
func (m *Memory) take(n int64) []byte {
	if int64(cap(m.b)) < n {
		size := n
		if m.again { // it does not grow by a little each time
			const step = 64 << 10
			size += -n & (step - 1)
		}
		m.b = make([]byte, size)
	}
	return m.b[:n]
}

// Read returns the frame at a position, from memory or through the sparse index
// from disk: ErrTrimmed, ErrBeyond if it is not durable, *CorruptError if it
// was lost to damage.
func (l *Log) Read(seq uint64) (Frame, error) {
	m := scratches.Get().(*Memory)
	if m.b == nil {
		m.b = make([]byte, seekPiece)
	}
	scratch := m.b
	f, read, err := l.readInto(m, seq)
	switch {
	case !read:
	case cap(m.b) > cap(scratch):
		m.b = scratch // what it grew to is the frame's
	default:
		f.Payload = bytes.Clone(f.Payload)
	}
	scratches.Put(m)
	return f, err
}

// scratches are for Read, which would leave 128 KiB of garbage for each frame.
var scratches = sync.Pool{New: func() any { return new(Memory) }}

// ReadInto is Read for those who are done with a frame before they want another
// one: the frame may stand in m, and lives until m is used again or released.
func (l *Log) ReadInto(m *Memory, seq uint64) (Frame, error) {
	m.Release()
	m.again = true
	f, _, err := l.readInto(m, seq)
	return f, err
}

// readInto also tells whether the frame was read from disk, into m.
func (l *Log) readInto(m *Memory, seq uint64) (f Frame, read bool, err error) {
	r := &m.reader
	*r = Reader{log: l, pos: seq, piece: seekPiece, once: m}
	defer func() { *r = Reader{} }() // let the GC have what it refers to
	if d := l.Durable(); seq > d {
		if err := l.Err(); errors.Is(err, ErrClosed) {
			return Frame{}, false, err
		}
		return Frame{}, false, ErrBeyond
	}
	b, ok, err := r.TryNext()
	if err != nil {
		return Frame{}, false, err
	}
	if !ok || b.first != seq {
		return Frame{}, false, &CorruptError{Damage{Segment: l.segmentName(seq), FirstSeq: seq, LastSeq: seq, Reason: "frames"}}
	}
	f, _ = trustedFrame(b.buf)
	return f, r.chunk == nil, nil
}

func (l *Log) segmentName(seq uint64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.segmentOf(seq); s != nil {
		return s.name
	}
	return ""
}
