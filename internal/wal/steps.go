package wal

import "sluice/internal/vfs"

const (
	// readStep is how much of a segment is asked of the disk at once. Whoever
	// follows the log reads what was written long ago, and a commit that comes
	// meanwhile waits for it: for a step or two, less than it takes itself.
	readStep = 512 << 10
	// readAhead is how far behind what is read the disk is asked to go on, so that
	// nobody waits for it who takes longer to use a step than it takes to read one.
	// Twice as much is a fortieth less work, and most of a ms more for commits.
	readAhead = readStep + near
	// near is how far behind a read the next one may begin and be its sequel: matches
	// lie between batches.
	near = 64 << 10
)

// course is how far somebody came who reads a segment piece by piece, or frame by
// frame.
type course struct {
	segment uint64 // its uuid
	begin   int64  // of the last read
	end     int64  // of the frames that were read last
	seq     uint64 // of the frame there
	span    int64  // how far it was to end from where it was known how to go on; 0: seq and end are not of a frame
	asked   int64  // up to here the disk was asked to read
	untold  int64  // bytes of frames since taken was asked
	windows        // of what is read around the page cache
}

// guess is how much to read for a frame whose size is not known: some more than what
// it took to get to the last one.
func (c *course) guess() int64 {
	if c.span == 0 {
		return exactPiece
	}
	return min(alignUp(c.span+c.span/4), exactPiece)
}

// taken is how many bytes of frames were read since it was asked last.
func (c *course) taken() int64 {
	n := c.untold
	c.untold = 0
	return n
}

// follows tells whether what begins at off is the sequel of what was read last. If
// it is not, a course begins there, but for another frame behind the same mark.
func (c *course) follows(segment uint64, off int64) bool {
	switch {
	case c.segment == segment && off == c.begin:
		return false
	case c.segment == segment && c.end <= off && off <= c.end+near:
		c.begin = off
		return true
	}
	c.segment, c.begin, c.end, c.asked, c.span = segment, off, off, off, 0
	return false
}

// read is readFull, step by step, with what comes next on its way up to limit.
func (c *course) read(f *segmentFile, b []byte, off, limit int64) (int, error) {
	n := 0
	for n < len(b) {
		step := b[n:min(n+readStep, len(b))]
		at := off + int64(n)
		c.ask(f, at+int64(len(step)), limit)
		got, err := readFull(f, step, at)
		if n += got; err != nil || got < len(step) {
			return n, err
		}
	}
	return n, nil
}

// ask has the disk go on reading at from and behind it. Less than half a step more
// is not worth a request.
func (c *course) ask(f *segmentFile, from, limit int64) {
	to := min(limit, from+readAhead)
	from = max(from, c.asked)
	if more := to - from; more >= readStep/2 || more > 0 && to == limit {
		f.prefetch(from, more)
		c.asked = to
	}
}

// segmentFile is a segment's file for a reader, opened once it is needed: what stands
// in a window needs none.
type segmentFile struct {
	log     *Log
	name    string
	exactly bool
	file    vfs.File // nil until then
}

func (s *segmentFile) of(l *Log, e *extent, exactly bool) {
	*s = segmentFile{log: l, name: e.name, exactly: exactly}
}

func (s *segmentFile) open() error {
	if s.file != nil {
		return nil
	}
	f, err := vfs.Open(s.log.fs, s.log.path(s.name))
	if err != nil {
		return err
	}
	if s.file = f; s.exactly {
		vfs.ReadExactly(f) // or, where that cannot be, more than is needed
	}
	return nil
}

func (s *segmentFile) ReadAt(p []byte, off int64) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	return s.file.ReadAt(p, off)
}

func (s *segmentFile) prefetch(off, n int64) {
	if s.open() == nil {
		vfs.Prefetch(s.file, off, n) // or it is read when it is wanted
	}
}

func (s *segmentFile) close() {
	if s.file != nil {
		s.file.Close() // only read
		s.file = nil
	}
}
