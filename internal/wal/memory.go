package wal

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
