package wal

import (
	"context"
	"io"
	"slices"
)

const (
	readPiece = 1 << 20   // of a segment at once, for readers
	seekPiece = 128 << 10 // for one frame, where nothing is known of its place
	mostPiece = 4 << 20   // for one frame with what stands between the marks around it

	exactPiece = 32 << 10 // for a frame whose place is marked; if that is not enough, its size follows
)

// Reader follows the log from a position. It holds no file and needs no
// closing. A Reader belongs to one goroutine.
type Reader struct {
	log   *Log
	pos   uint64 // the next sequence wanted
	piece int64
	once  *Memory // for one frame, of which nothing is left in the reader

	borrows bool
	around  bool
	last    *window // that the last block stands in, if it was read around the cache
	held    *chunk  // borrowed for the last block

	chunk   *chunk // the chunk that pos lies in or follows, if it was read from memory
	at      int    // offset in the chunk of pos
	segment uint64 // base of the segment that was read from disk last, 0 after memory
	from    place  // where to go on in it, and the sequence expected there
	own     course // for frames read piece by piece
	file    segmentFile
}

// NewReader returns a Reader whose first frame is the one at from, or the next
// one where that one was lost to damage.
func (l *Log) NewReader(from uint64) (*Reader, error) {
	r := &Reader{log: l, piece: readPiece}
	return r, r.Seek(from)
}

// Seek moves to a position: ErrTrimmed before First, ErrBeyond after Next.
func (r *Reader) Seek(to uint64) error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case to < l.firstLocked():
		return ErrTrimmed
	case to > l.next:
		return ErrBeyond
	}
	l.tail.giveBack(r.held)
	*r = Reader{log: l, pos: to, piece: r.piece, borrows: r.borrows, around: r.around}
	return nil
}

// Borrow has the reader's blocks be valid only until it is asked for the next one,
// so that the log can use their memory again. It is for those who follow the log's
// end and keep nothing of what they read.
func (r *Reader) Borrow() { r.borrows = true }

// Around has the reader's blocks be read around the machine's page cache, for who
// keeps them and knows of nobody else who will want them soon.
func (r *Reader) Around() { r.around = true }

// Position returns the sequence that the next block begins with or after.
func (r *Reader) Position() uint64 { return r.pos }

// Next returns the next block of durable frames at or after the position, and
// waits for one at the end of the log. ErrTrimmed: the position was trimmed;
// Seek to go on. Where frames were lost to damage the block begins later than
// the position. At the end of a log that is closed for writing it returns why.
func (r *Reader) Next(ctx context.Context) (Block, error) {
	for {
		b, ok, err := r.TryNext()
		if ok || err != nil {
			return b, err
		}
		if err := r.wait(ctx); err != nil {
			return Block{}, err
		}
	}
}

// wait returns when there may be something to read.
func (r *Reader) wait(ctx context.Context) error {
	return r.log.AwaitMore(ctx, r.pos-1)
}

// TryNext is Next without waiting: ok = false at the end of the log.
func (r *Reader) TryNext() (b Block, ok bool, err error) {
	for {
		b, ext, err := r.fromMemory()
		switch {
		case err != nil:
			return Block{}, false, err
		case b.buf != nil:
			r.pos = b.last + 1
			return b, true, nil
		case ext == nil:
			return Block{}, false, nil
		}
		if b, err = r.fromDisk(ext); err != nil {
			return Block{}, false, err
		}
		if b.buf != nil {
			r.pos = b.last + 1
			return b, true, nil
		}
	}
}

// extent is what must be known of a segment to read it without the lock.
type extent struct {
	name       string
	uuid       uint64
	last       uint64
	start, end int64
	base       uint64
	marks      []mark // nil: in the footer
	index      section
	next       uint64 // base of the segment after it, 0 if there is none
	around     bool   // it is read around the page cache, as nobody else reads it
}

func (l *Log) extentOf(i int) *extent {
	s := l.segments[i]
	e := &extent{name: s.name, uuid: s.uuid, base: s.base, last: min(s.last, l.durable), start: s.start, end: s.durable}
	e.marks = s.marks
	if d := s.describe(); e.marks == nil {
		e.index, _ = d.section(indexSection)
	}
	if i+1 < len(l.segments) {
		e.next = l.segments[i+1].base
	}
	return e
}

// fromMemory returns a block of the tail cache, or the segment to read it from,
// or neither at the end of the log.
func (r *Reader) fromMemory() (Block, *extent, error) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return Block{}, nil, ErrClosed
	case r.pos < l.firstLocked():
		return Block{}, nil, ErrTrimmed
	case r.pos > l.durable:
		return Block{}, nil, nil
	}
	if r.chunk != nil && r.pos <= r.chunk.last { // more of the chunk became durable
		return r.advance(r.chunk, r.at), nil, nil
	}
	if c := l.tail.holding(r.pos); c != nil {
		begin := mark{c.first, c.off + int64(c.begin)}
		known := search(c.seg.marks, r.pos, begin)
		if known.off < begin.off {
			known = begin
		}
		return r.advance(c, c.find(r.pos, int(known.off-c.off))), nil, nil
	}
	r.chunk = nil
	l.tail.giveBack(r.held)
	r.held = nil
	for i := len(l.segments) - 1; i >= 0; i-- {
		if l.segments[i].base <= r.pos {
			e := l.extentOf(i)
			e.around = r.around && !l.cached.Load()
			if m := r.once; m != nil && m.again {
				e.around = l.alone(i, m.who, m.course().taken())
			}
			return Block{}, e, nil
		}
	}
	return Block{}, nil, ErrTrimmed
}

func (r *Reader) advance(c *chunk, off int) Block {
	switch {
	case r.once != nil && r.once.again:
		r.once.hold(r.log, c)
	case r.borrows && r.held != c:
		r.log.tail.giveBack(r.held)
		r.log.tail.borrow(c)
		r.held = c
	case !r.borrows:
		c.shared = true
	}
	r.chunk, r.at, r.segment = c, c.durable, 0
	return c.view(off, r.pos)
}

// fromDisk returns the next block of the segment. No block and no error: the
// position moved on, or was trimmed meanwhile; ask again.
func (r *Reader) fromDisk(e *extent) (Block, error) {
	pos := r.pos
	b, d, err := r.readPiece(e)
	if err == nil && d == nil {
		return b, nil
	}
	if r.log.First() > pos { // trimmed while it was read: what was found is not damage
		r.pos = pos
		return Block{}, nil
	}
	if err != nil {
		return Block{}, err
	}
	r.log.report(*d)
	return Block{}, nil
}

// readPiece reads up to the reader's piece size of whole frames, more for one
// larger frame. Damage is returned when it stands before any frame of the piece;
// the position is behind it then.
func (r *Reader) readPiece(e *extent) (Block, *Damage, error) {
	if r.pos > e.last { // the frames up to the next segment are missing, and reported
		if e.next == 0 {
			return Block{}, nil, &CorruptError{Damage{Segment: e.name, FirstSeq: r.pos, LastSeq: r.pos, Reason: "frames"}}
		}
		r.pos = e.next
		return Block{}, nil, nil
	}
	f := &r.file
	f.of(r.log, e, r.once == nil || r.once.again)
	defer f.close()
	size, c := r.piece, r.course()
	if r.segment != e.base {
		until, err := r.find(f, e, c)
		if err != nil {
			return Block{}, nil, err
		}
		if between := until - r.from.off; r.once != nil && between <= mostPiece {
			size = between
		}
		if r.once != nil && (r.once.again || r.from.seq == r.pos) {
			size = min(size, c.guess())
		}
	}
	wanted, begin := int64(0), r.from.off
	sequel := c.segment == e.uuid && c.begin == begin && c.now.begins(e.uuid, begin)
	if c.follows(e.uuid, begin) {
		wanted, sequel = e.end, true
	}
	for {
		b, need, err := r.collect(f, e, size, wanted)
		switch {
		case err != nil:
			return b, nil, err
		case b.buf != nil:
			c.seq, c.end, c.span = r.from.seq, r.from.off, r.from.off-begin
			c.untold += int64(len(b.buf))
			if e.around && r.once != nil && sequel {
				c.readAhead(r.log, e, c.end, int64(len(b.buf)))
			}
			return b, nil, nil
		case need < 0 && e.around:
			e.around = false // before it is called damage
		case need < 0:
			d, err := r.skip(f, e)
			return Block{}, d, err
		case need > 0:
			size = need
		}
	}
}

// find has the reader go on at the last frame before the wanted one whose place is
// known, and returns where the next such frame begins, or the segment ends.
func (r *Reader) find(f *segmentFile, e *extent, c *course) (until int64, err error) {
	if r.from, until, err = r.log.locate(f, e, r.pos); err != nil {
		return 0, err
	}
	r.segment = e.base
	if c.span > 0 && c.segment == e.uuid && c.seq <= r.pos && c.end > r.from.off {
		r.from = place{c.seq, c.end}
	}
	return until, nil
}

// collect reads size bytes at r.from and returns the block of the wanted frames
// among them. Without a block, need says what to do: 0 read on, > 0 read as
// much, < 0 the expected frame does not stand at r.from. All up to wanted will be
// asked for, too.
func (r *Reader) collect(f *segmentFile, e *extent, size, wanted int64) (b Block, need int64, err error) {
	left := e.end - r.from.off
	size = max(0, min(size, left))
	buf, err := r.fetch(f, e, size, wanted)
	if err != nil {
		return b, 0, err
	}
	whole := int64(len(buf)) == size // and not the file's end
	begin, at := -1, int64(0)
	for at < int64(len(buf)) {
		p, size, v := parseFrame(buf[at:], e.uuid)
		if v == frameShort && at == 0 && size <= left && whole {
			return b, size, nil
		}
		if v != frameGood || p.Seq != r.from.seq || p.Seq > e.last {
			break
		}
		if p.Seq >= r.pos && begin < 0 {
			begin, b.first = int(at), p.Seq
		}
		b.last = p.Seq
		at += size
		r.from = place{p.Seq + 1, r.from.off + size}
		if r.once != nil && begin >= 0 {
			break // no more is wanted
		}
	}
	switch {
	case begin >= 0:
		b.buf = buf[begin:at:at]
	case at == 0:
		need = -1
	}
	return b, need, nil
}

// fetch reads n bytes at r.from, fewer at the file's end.
func (r *Reader) fetch(f *segmentFile, e *extent, n, wanted int64) ([]byte, error) {
	if e.around {
		if b := r.fetchAround(e, n); b != nil {
			return b, nil
		}
		e.around = false // an error shows when it is read again
	}
	m := r.once
	if m == nil {
		m = new(Memory) // the block's from now on
	}
	buf := m.take(n)
	got, err := r.course().read(f, buf, r.from.off, max(wanted, r.from.off+n))
	return buf[:got], err
}

// course is the reader's own, or that of whoever reads frame after frame into the
// same memory.
func (r *Reader) course() *course {
	if r.once != nil && r.once.again {
		return r.once.course()
	}
	return &r.own
}

// skip finds the next frame behind damage at r.from and moves the position there.
func (r *Reader) skip(f *segmentFile, e *extent) (*Damage, error) {
	s := scanner{file: f, uuid: e.uuid, off: r.from.off, limit: e.end}
	d := &Damage{Segment: e.name, Offset: r.from.off, FirstSeq: r.from.seq, LastSeq: e.last, Reason: "frames"}
	later := func(p parsed) bool {
		if p.Type >= typeReserved || p.Seq < d.FirstSeq || p.Seq > e.last {
			return false
		}
		d.LastSeq = p.Seq - 1
		return true
	}
	if p, _, err := s.frameAt(s.off); err != nil || !later(p) {
		if err := s.resync(later); err != nil {
			return nil, err
		}
	}
	d.Length = s.off - d.Offset
	r.from = place{d.LastSeq + 1, s.off}
	r.pos = max(r.pos, r.from.seq)
	return d, nil
}

// locate returns the last marked frame of a segment at or before seq, and where
// the next marked one begins, or the segment ends.
func (l *Log) locate(f io.ReaderAt, e *extent, seq uint64) (at place, until int64, err error) {
	marks := e.marks
	if marks == nil {
		if marks, err = l.loadMarks(f, e); err != nil {
			return place{}, 0, err
		}
	}
	until = e.end
	if i := following(marks, seq); i < len(marks) {
		until = min(until, marks[i].off)
	}
	return search(marks, seq, mark{e.base, e.start}), until, nil
}

// loadMarks reads a sealed segment's sparse index, or makes it again from the
// frames if it is damaged.
func (l *Log) loadMarks(f io.ReaderAt, e *extent) ([]mark, error) {
	marks, err := readMarks(f, e)
	if err != nil {
		return nil, err
	}
	if marks == nil {
		tmp := segment{marks: []mark{}}
		s := &scanner{file: f, uuid: e.uuid, off: e.start, limit: e.end}
		if _, err := surveySegment(s, e.base, e.last, func(p parsed, off int64) { tmp.note(p.Seq, off) }); err != nil {
			return nil, err
		}
		marks = tmp.marks
		l.report(Damage{Segment: e.name, Offset: e.index.off, Length: e.index.length, FirstSeq: 1, Reason: "footer"})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.segmentOf(e.base); s != nil && s.uuid == e.uuid && s.marks == nil {
		s.marks = marks
		l.keepMarks(s)
	}
	return marks, nil
}

// readMarks returns nil marks when the index section is not as it was written.
func readMarks(f io.ReaderAt, e *extent) ([]mark, error) {
	b := make([]byte, e.index.length)
	n, err := readFull(f, b, e.index.off)
	if err != nil {
		return nil, err
	}
	if n < len(b) || checksumOf(b) != e.index.crc {
		return nil, nil
	}
	marks, ok := parseIndex(b, &footer{base: e.base, last: e.last, start: e.start, end: e.end})
	if !ok {
		return nil, nil
	}
	return marks, nil
}

// maxIndexed bounds the sealed segments whose sparse index stays in memory
// (at most 16 KiB each with 64 MiB segments).
const maxIndexed = 256

// keepMarks remembers that a sealed segment's index is in memory and drops the
// one that was loaded longest ago. mu is held.
func (l *Log) keepMarks(s *segment) {
	l.indexed = append(l.indexed, s)
	if len(l.indexed) > maxIndexed {
		if old := l.indexed[0]; len(old.sections) > 0 {
			old.marks = nil
		}
		l.indexed = slices.Delete(l.indexed, 0, 1)
	}
}
