package agent

import (
	"bytes"
	"io"

	"github.com/cespare/xxhash/v2"
)

// printBytes is how much text at a file's beginning, and before a place in it, is
// remembered to know both again.
const printBytes = 1024

// Print is the hash of a piece of text.
type Print struct {
	Bytes int    `json:"bytes"`
	Sum   uint64 `json:"xxh64"`
}

func printOf(text []byte) Print { return Print{len(text), xxhash.Sum64(text)} }

// Mark is a place in a file as the state keeps it: how far the file was taken
// over, and prints of the text around it. An inode number alone does not name a
// file: it is given out again, and copytruncate keeps it for other text.
type Mark struct {
	Offset int64 `json:"offset"`
	Head   Print `json:"head"` // of the file's first bytes
	Tail   Print `json:"tail"` // of the bytes before Offset
	// Last is the timestamp, in ms, of the event before Offset; 0 without one.
	Last int64 `json:"last,omitempty"`
	// Skip says that Offset lies within a line whose rest is cut off.
	Skip bool `json:"skip,omitempty"`
}

// cursor is a Mark at work: it holds the text itself.
type cursor struct {
	offset int64
	head   []byte // the file's first bytes as far as they were seen, maybe beyond offset
	tail   []byte // the bytes before offset
	last   int64
	skip   bool
}

func (c *cursor) mark() Mark {
	return Mark{c.offset, printOf(c.head), printOf(c.tail), c.last, c.skip}
}

// clone does not share memory.
func (c *cursor) clone() cursor {
	d := *c
	d.head, d.tail = bytes.Clone(c.head), bytes.Clone(c.tail)
	return d
}

// advance moves over text, which stands at offset.
func (c *cursor) advance(text []byte) {
	c.offset += int64(len(text))
	if len(text) >= printBytes {
		c.tail = append(c.tail[:0], text[len(text)-printBytes:]...)
		return
	}
	if over := len(c.tail) + len(text) - printBytes; over > 0 {
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
	c.tail = append(c.tail, text...)
}

// look reads more of the head, while the file has more than is known of it.
func (c *cursor) look(r io.ReaderAt, size int64) error {
	want := int(min(printBytes, size))
	if len(c.head) >= want {
		return nil
	}
	head := make([]byte, want)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if head = head[:n]; bytes.HasPrefix(head, c.head) {
		c.head = head
	}
	return nil
}

// inPlace reports whether the text around the cursor is what it was. It is asked
// after a read: a file that was truncated before or during the read fails then.
func (c *cursor) inPlace(r io.ReaderAt) bool {
	var buffer [printBytes]byte
	same := func(want []byte, at int64) bool {
		have := buffer[:len(want)]
		n, _ := r.ReadAt(have, at)
		return n == len(want) && bytes.Equal(have, want)
	}
	return same(c.head, 0) && same(c.tail, c.offset-int64(len(c.tail)))
}

// locate finds a mark in a file that may be another one by now.
func locate(r io.ReaderAt, m Mark) (cursor, bool) {
	c := cursor{offset: m.Offset, last: m.Last, skip: m.Skip}
	read := func(want Print, at int64) ([]byte, bool) {
		if want.Bytes < 0 || want.Bytes > printBytes || at < 0 {
			return nil, false
		}
		text := make([]byte, want.Bytes)
		n, _ := r.ReadAt(text, at)
		return text, n == want.Bytes && printOf(text) == want
	}
	var head, tail bool
	c.head, head = read(m.Head, 0)
	c.tail, tail = read(m.Tail, m.Offset-int64(m.Tail.Bytes))
	return c, head && tail
}

// cursorAt is a cursor at an offset of a file that nobody has read yet.
func cursorAt(r io.ReaderAt, offset int64) (cursor, error) {
	c := cursor{offset: offset}
	if err := c.look(r, offset); err != nil {
		return cursor{}, err
	}
	tail := make([]byte, min(printBytes, offset))
	if _, err := r.ReadAt(tail, offset-int64(len(tail))); err != nil && err != io.EOF {
		return cursor{}, err
	}
	c.tail = tail
	return c, nil
}
