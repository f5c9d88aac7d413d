package wal

// Memory is what frames are read into, one after the other: see Log.ReadInto. The
// zero value is ready. It belongs to one goroutine and keeps the size of the
// largest frame.
type Memory struct {
	b []byte

	again bool // it is used again and again: see ReadInto

	segment uint64 // of the frame that was read from disk last
	end     int64  // of that frame

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
	if m.held == nil {
		return
	}
	l := m.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail.giveBack(m.held)
	m.log, m.held = nil, nil
}

// near is how far behind a frame the next one may begin, so that whoever wants it
// reads one after the other: matches lie between batches.
const near = 64 << 10

// endedAt tells whether a frame that begins at off follows what was read last.
func (m *Memory) endedAt(segment uint64, off int64) bool {
	return m != nil && m.again && m.segment == segment && m.end <= off && off <= m.end+near
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
