package wal

import (
	"sluice/internal/vfs"
)

// aroundLeast is how much is worth being read around the page cache: opening the
// file once more costs as much as copying a little.
const aroundLeast = 64 << 10

// Memory is what frames are read into, one after the other: see Log.ReadInto. The
// zero value is ready. It belongs to one goroutine and keeps the size of the
// largest frame.
type Memory struct {
	b []byte

	again bool // it is used again and again: see ReadInto
	log   *Log
	held  *chunk // borrowed, where the frame is still in memory
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

// read reads n bytes at off, fewer at the file's end.
func (m *Memory) read(f *segmentFile, off, n int64) ([]byte, error) {
	if m.again && n >= aroundLeast {
		if b, ok := m.readAround(f, off, n); ok {
			return b, nil
		}
	}
	file, err := f.cached()
	if err != nil {
		return nil, err
	}
	buf := m.take(n)[:n]
	got, err := readFull(file, buf, off)
	return buf[:got], err
}

// readAround reads whole blocks of the disk. Where that fails, for whatever
// reason, reading through the cache tells why, or does not fail.
func (m *Memory) readAround(f *segmentFile, off, n int64) ([]byte, bool) {
	file, ok := f.around()
	if !ok {
		return nil, false
	}
	begin := off / vfs.DirectBlock * vfs.DirectBlock
	end := (off + n + vfs.DirectBlock - 1) / vfs.DirectBlock * vfs.DirectBlock
	buf := m.take(end - begin)[:end-begin]
	got, err := readFull(file, buf, begin)
	if err != nil || int64(got) < off-begin {
		f.log.cachedReads.Store(true)
		return nil, false
	}
	return buf[off-begin : min(int64(got), off-begin+n)], true
}

// take returns n bytes, which direct reads may begin in if they are enough for one.
func (m *Memory) take(n int64) []byte {
	if int64(cap(m.b)) >= n {
		return m.b[:n]
	}
	if m.again { // it does not grow by a little each time
		const step = 64 << 10
		n += -n & (step - 1)
	}
	if n < aroundLeast {
		m.b = make([]byte, n)
	} else {
		m.b = vfs.DirectMemory(int(n))
	}
	return m.b
}

// segmentFile opens a segment for reading when that is first wanted.
type segmentFile struct {
	log            *Log
	name           string
	through, aside vfs.File // the page cache
}

func (f *segmentFile) cached() (vfs.File, error) {
	if f.through == nil {
		file, err := vfs.Open(f.log.fs, f.log.path(f.name))
		if err != nil {
			return nil, err
		}
		f.through = file
	}
	return f.through, nil
}

func (f *segmentFile) around() (vfs.File, bool) {
	if f.aside == nil {
		if f.log.cachedReads.Load() {
			return nil, false
		}
		file, err := vfs.OpenDirect(f.log.fs, f.log.path(f.name))
		if err != nil {
			return nil, false
		}
		f.aside = file
	}
	return f.aside, true
}

// close closes what was only read.
func (f *segmentFile) close() {
	if f.through != nil {
		f.through.Close()
	}
	if f.aside != nil {
		f.aside.Close()
	}
}
