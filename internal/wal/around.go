package wal

import (
	"errors"

	"sluice/internal/vfs"
)

// Who follows a log behind the tail cache, frame after frame, reads around the page
// cache: to make room in it and to copy from it costs several times what the disk's
// own transfer does. What a page cache does besides is done here: the next piece is
// read while the last one is used.
//
// That is for who reads a part of the log alone, and once. Several readers share the
// page cache, and the disk is read once for all of them.

// window is a piece of a segment that was read around the page cache. Frames are used
// where they stand in it.
type window struct {
	segment uint64 // uuid
	at      int64  // in the segment, on a block
	n       int64  // bytes that are there
	mem     []byte
	held    int // by memories

	read chan struct{} // closed once it was read; nil if nobody is at it
	err  error
}

// windowStep is what the memory of windows is a multiple of, so that it fits again.
const windowStep = 64 << 10

// begins tells whether what stands at off begins in the window, covers whether all
// of its n bytes are there.
func (w *window) begins(segment uint64, off int64) bool {
	return w != nil && w.segment == segment && w.at <= off && off < w.at+w.n
}

func (w *window) covers(segment uint64, off, n int64) bool {
	return w.begins(segment, off) && off+n <= w.at+w.n
}

// begin takes over what another window has of the same place.
func (w *window) begin(other *window) {
	if other.begins(w.segment, w.at) {
		w.n = int64(copy(w.mem, other.mem[w.at-other.at:other.n]))
	}
}

// fill reads on until everything before to is in the window, as far as it is durable.
func (w *window) fill(l *Log, e *extent, to int64) error {
	f, err := vfs.OpenDirect(l.fs, l.path(e.name))
	if err != nil {
		return err
	}
	defer f.Close() // only read
	to = alignUp(min(to, e.end))
	for from := alignDown(w.at + w.n); from < to; {
		step := w.mem[from-w.at : min(from+readStep, to)-w.at]
		got, err := readFull(f, step, from)
		if err != nil {
			return err
		}
		from += int64(got)
		w.n = max(w.n, min(from, e.end)-w.at)
		if got < len(step) {
			break
		}
	}
	return nil
}

// windows are those of a course.
type windows struct {
	now, next *window // in use, and on its way; may be nil
	free      []*window
}

// mostFree bounds the windows that a course keeps for later.
const mostFree = 2

// look returns a window, which it holds, with n bytes at off, fewer at the file's end.
func (c *windows) look(l *Log, e *extent, off, n int64) (*window, error) {
	if !c.now.covers(e.uuid, off, n) {
		if err := c.arrive(e.uuid, off); err != nil {
			return nil, err
		}
	}
	if !c.now.covers(e.uuid, off, n) {
		c.use(c.room(e, off, n))
		if err := c.now.fill(l, e, off+n); err != nil {
			return nil, err
		}
	}
	c.now.held++
	return c.now, nil
}

// arrive waits for the window that is on its way, unless off lies before it in the
// current one.
func (c *windows) arrive(segment uint64, off int64) error {
	w := c.next
	if w == nil || off < w.at && c.now.begins(segment, off) {
		return nil
	}
	<-w.read
	c.next, w.read = nil, nil
	switch {
	case w.segment != segment: // whatever became of it
		c.put(w)
		return nil
	case w.err != nil || !w.begins(segment, off):
		c.put(w)
		return w.err
	}
	c.use(w)
	return nil
}

// room is the current window if n bytes at off fit behind what is there, or another
// one, with what is there of them. A block that ends with the durable frames of its
// time will be read again, and not where somebody looks at those.
func (c *windows) room(e *extent, off, n int64) *window {
	w := c.now
	if w.begins(e.uuid, off) && off+n <= w.at+int64(len(w.mem)) && (w.held == 0 || w.n%directBlock == 0) {
		return w
	}
	other := c.take(e.uuid, off, off+n)
	other.begin(w)
	return other
}

// use has a window be the current one.
func (c *windows) use(w *window) {
	old := c.now
	c.now = w
	if old != nil && old != w && old.held == 0 {
		c.put(old)
	}
}

// readAhead has what stands behind end be read meanwhile, if there is little left of
// the current window. frame is the size of the last frame: of the next one, too, most
// likely.
func (c *windows) readAhead(l *Log, e *extent, end, frame int64) {
	if c.next != nil || c.now.begins(e.uuid, end+readStep/4) {
		return
	}
	to := min(e.end, end+max(readStep, frame+near))
	if to-end < readStep/4 {
		return // more of it is durable by then, or in memory
	}
	w := c.take(e.uuid, end, to)
	w.begin(c.now)
	w.read = make(chan struct{})
	if l.aside(func() {
		defer close(w.read)
		w.err = w.fill(l, e, to)
	}) {
		c.next = w
	}
}

// take returns an empty window with room for a part of a segment.
func (c *windows) take(segment uint64, from, to int64) *window {
	w := new(window)
	if i := len(c.free) - 1; i >= 0 {
		w, c.free = c.free[i], c.free[:i]
	}
	*w = window{segment: segment, at: alignDown(from), mem: w.mem}
	if n := alignUp(to) - w.at; int64(len(w.mem)) < n {
		w.mem = vfs.DirectMemory(int((n + windowStep - 1) / windowStep * windowStep))
	}
	return w
}

// put takes a window that nobody looks at.
func (c *windows) put(w *window) {
	if len(c.free) < mostFree {
		poison(w.mem)
		c.free = append(c.free, w)
	}
}

// letGo ends what look began.
func (c *windows) letGo(w *window) {
	if w.held--; w.held == 0 && w != c.now {
		c.put(w)
	}
}

// fetchAround is fetch around the page cache; nil if that cannot be.
func (r *Reader) fetchAround(e *extent, n int64) []byte {
	off, m := r.from.off, r.once
	var w *window
	var err error
	if m == nil { // the block's from now on
		w = &window{segment: e.uuid, at: alignDown(off), mem: vfs.DirectMemory(int(alignUp(off+n) - alignDown(off)))}
		w.begin(r.last)
		r.last = w
		err = w.fill(r.log, e, off+n)
	} else {
		m.letGo()
		w, err = m.course().look(r.log, e, off, n)
	}
	if err != nil {
		if refused(err) || errors.Is(err, errors.ErrUnsupported) {
			r.log.cached.Store(true)
		}
		return nil
	}
	if m != nil {
		m.window = w
	}
	at := min(off-w.at, w.n)
	return w.mem[at:min(at+n, w.n)]
}

// followed is who reads a segment frame after frame.
type followed struct {
	by     uint64 // the first one: see Memory.For
	bytes  int64  // of frames
	shared bool   // by several, or read more than once
}

// alone tells whether who reads a segment alone, and so far once, as well as the one
// before it. more is what who has read since it was asked last. mu is held.
func (l *Log) alone(i int, who uint64, more int64) bool {
	if who == 0 || l.cached.Load() {
		return false
	}
	s := l.segments[i]
	f := &s.followed
	if f.by == 0 {
		f.by = who
	}
	f.bytes += more
	f.shared = f.shared || f.by != who || f.bytes > s.end+s.end/8
	if i == 0 {
		return !f.shared
	}
	before := &l.segments[i-1].followed
	return !f.shared && !before.shared && (before.by == 0 || before.by == who)
}
