package grep

import (
	"bytes"
	"io"
)

// block is a run of whole lines, each with its line feed; the last line of an
// input gets one if it has none.
type block struct {
	text  []byte
	first int64 // the number of the first line, from 1, if lines are counted

	buf []byte // holds text; the worker's
}

// blocks cuts an input into blocks. It belongs to whoever has the read turn.
type blocks struct {
	r io.Reader
	// size is the usual memory of a block and maxLine the length up to which a
	// longer line gets more.
	size, maxLine int
	// fill waits for a block to be full. Else a block is what one call of Read
	// gave, if that ended a line: on a pipe somebody may wait for it.
	fill bool
	// count counts lines.
	count bool
	// long is told where a line starts that is left out for its length.
	long func(offset int64)

	carry  []byte // the beginning of the next block
	offset int64  // of it
	lines  int64  // before it
	err    error  // what the reader ended with
}

// next reads the next block into b's memory, which may grow. At the end of the
// input it returns io.EOF; another error comes after the last text before it,
// which counts as a line.
//
// hot: BenchmarkFilter
func (s *blocks) next(b *block) error {
	n := s.begin(b)
	whole := false // buf[:n] has a line feed
	for s.err == nil && n < len(b.buf)-1 && (s.fill || !whole) {
		var k int
		k, s.err = s.r.Read(b.buf[n : len(b.buf)-1]) // one byte stays for the last line feed
		whole = whole || bytes.IndexByte(b.buf[n:n+k], '\n') >= 0
		n += k
		if n == len(b.buf)-1 && !whole {
			n = s.grow(b, n)
			whole = bytes.IndexByte(b.buf[:n], '\n') >= 0
		}
	}
	end := bytes.LastIndexByte(b.buf[:n], '\n') + 1
	if s.err != nil && end < n { // the last line
		b.buf[n] = '\n'
		n++
		end = n
	}
	if end == 0 {
		return s.err
	}
	s.carry = append(s.carry[:0], b.buf[end:n]...)
	s.offset += int64(end)
	s.finish(b, end)
	return nil
}

// begin gives b memory and what is carried over from the block before, which
// has no line feed.
func (s *blocks) begin(b *block) int {
	size := min(s.size, s.maxLine+2)
	if size <= len(s.carry)+1 {
		size = min(2*len(s.carry)+2, s.maxLine+2)
	}
	if len(b.buf) < size {
		b.buf = make([]byte, size)
	}
	return copy(b.buf, s.carry)
}

// grow makes room for a line that fills all of b's memory, or leaves that line
// out. It returns how much text there is then.
func (s *blocks) grow(b *block, n int) int {
	if n > s.maxLine {
		return s.skip(b)
	}
	buf := make([]byte, min(2*len(b.buf), s.maxLine+2))
	copy(buf, b.buf[:n])
	b.buf = buf
	return n
}

// skip reads on to the end of a line that is too long. What came with that end
// may hold whole lines; it is the text from then on.
func (s *blocks) skip(b *block) int {
	s.long(s.offset)
	s.lines++
	s.offset += int64(len(b.buf) - 1)
	for s.err == nil {
		var k int
		k, s.err = s.r.Read(b.buf[:len(b.buf)-1])
		if end := bytes.IndexByte(b.buf[:k], '\n'); end >= 0 {
			s.offset += int64(end + 1)
			return copy(b.buf, b.buf[end+1:k])
		}
		s.offset += int64(k)
	}
	return 0
}

// finish makes buf[:end] the block's text.
func (s *blocks) finish(b *block, end int) {
	b.text = b.buf[:end]
	if s.count {
		b.first = s.lines + 1
		s.lines += int64(bytes.Count(b.text, newline))
	}
}

var newline = []byte{'\n'}
