package vfs

import (
	"io"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

const (
	pageSize   = 4096
	sectorSize = 512 // what a disk writes whole or not at all
)

// page is immutable as soon as two places point to it; nil is a page of zeros.
type page [pageSize]byte

// content is what a file holds now and what it held at its last Sync. Equal
// pointers mean equal pages; a write replaces a shared page by its own copy.
type content struct {
	pages, synced     []*page
	size, syncedSize  int64
	lastOff, lastSize int64          // the last write since Sync, for tearing it
	clean             map[int64]bool // pages that Sync wrongly holds for clean, see FailSync
}

func (c *content) readAt(p []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-off)]
	for done := 0; done < len(p); {
		i, at := (off+int64(done))/pageSize, (off+int64(done))%pageSize
		if pg := pageOf(c.pages, i); pg != nil {
			done += copy(p[done:], pg[at:])
			continue
		}
		n := min(len(p)-done, int(pageSize-at))
		clear(p[done : done+n])
		done += n
	}
	return len(p)
}

func (c *content) writeAt(p []byte, off int64) {
	c.lastOff, c.lastSize = off, int64(len(p))
	c.grow(off + int64(len(p)))
	for len(p) > 0 {
		n := copy(c.own(off / pageSize)[off%pageSize:], p)
		p, off = p[n:], off+int64(n)
	}
}

// own returns page i for writing.
func (c *content) own(i int64) *page {
	delete(c.clean, i)
	for int64(len(c.pages)) <= i {
		c.pages = append(c.pages, nil)
	}
	pg := c.pages[i]
	if pg == nil {
		c.pages[i] = new(page)
	} else if pg == pageOf(c.synced, i) {
		c.pages[i] = new(page)
		*c.pages[i] = *pg
	}
	return c.pages[i]
}

func (c *content) grow(size int64) { c.size = max(c.size, size) }

func (c *content) truncate(size int64) {
	if size < c.size {
		keep := (size + pageSize - 1) / pageSize
		if int64(len(c.pages)) > keep {
			c.pages = slices.Clone(c.pages[:keep])
		}
		if at := size % pageSize; at != 0 && pageOf(c.pages, keep-1) != nil {
			clear(c.own(keep - 1)[at:]) // growing again must read zeros
		}
	}
	c.size = size
}

func (c *content) sync() {
	was := c.synced
	c.synced, c.syncedSize = slices.Clone(c.pages), c.size
	for i := range c.clean {
		if i < int64(len(c.synced)) {
			c.synced[i] = pageOf(was, i)
		}
	}
	c.lastSize = 0
}

func pageOf(pages []*page, i int64) *page {
	if i < int64(len(pages)) {
		return pages[i]
	}
	return nil
}

// memFile is an open file; the lock of its Mem guards everything in it.
type memFile struct {
	mem      *Mem
	node     *node
	name     string
	cursor   int64
	writable bool
	closed   bool
}

// use locks the file system for one operation on the file.
func (f *memFile) use(op string, writes bool) (unlock func(), err error) {
	f.mem.mu.Lock()
	switch {
	case f.closed:
		err = fs.ErrClosed
	case f.node.isDir():
		err = syscall.EISDIR
	case writes && !f.writable:
		err = syscall.EBADF
	}
	if err != nil {
		f.mem.mu.Unlock()
		return nil, pathError(op, f.name, err)
	}
	if writes {
		f.node.modTime = time.Now()
	}
	return f.mem.mu.Unlock, nil
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	unlock, err := f.use("read", false)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if off < 0 {
		return 0, pathError("read", f.name, syscall.EINVAL)
	}
	n := f.node.readAt(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Read(p []byte) (int, error) {
	unlock, err := f.use("read", false)
	if err != nil {
		return 0, err
	}
	defer unlock()
	n := f.node.readAt(p, f.cursor)
	f.cursor += int64(n)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	unlock, err := f.use("write", true)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if off < 0 {
		return 0, pathError("write", f.name, syscall.EINVAL)
	}
	f.node.writeAt(p, off)
	return len(p), nil
}

func (f *memFile) Write(p []byte) (int, error) {
	unlock, err := f.use("write", true)
	if err != nil {
		return 0, err
	}
	defer unlock()
	f.node.writeAt(p, f.cursor)
	f.cursor += int64(len(p))
	return len(p), nil
}

func (f *memFile) Size() (int64, error) {
	unlock, err := f.use("stat", false)
	if err != nil {
		return 0, err
	}
	defer unlock()
	return f.node.size, nil
}

func (f *memFile) Sync() error {
	unlock, err := f.use("sync", false)
	if err != nil {
		return err
	}
	defer unlock()
	f.node.sync()
	return nil
}

func (f *memFile) Preallocate(size int64) error {
	unlock, err := f.use("preallocate", true)
	if err != nil {
		return err
	}
	defer unlock()
	f.node.grow(size)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	unlock, err := f.use("truncate", true)
	if err != nil {
		return err
	}
	defer unlock()
	if size < 0 {
		return pathError("truncate", f.name, syscall.EINVAL)
	}
	f.node.truncate(size)
	return nil
}

func (f *memFile) Close() error {
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	f.mem.open--
	return nil
}
