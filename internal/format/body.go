package format

import (
	"io"
	"sync"
)

// chunkSize is the unit in which bodies collect: large enough that a 128 MiB
// body has few, small enough that an idle tail wastes little.
const chunkSize = 256 << 10

type chunk [chunkSize]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// Body is bytes in pooled chunks. Write appends; ReadAt and WriteTo may be
// called from several goroutines once writing ended. The zero Body is empty.
type Body struct {
	chunks []*chunk
	size   int64
}

// Size is the number of bytes written.
func (b *Body) Size() int64 { return b.size }

// Write appends p. It never fails.
func (b *Body) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		at := int(b.size % chunkSize)
		if at == 0 {
			b.chunks = append(b.chunks, chunks.Get().(*chunk))
		}
		wrote := copy(b.chunks[len(b.chunks)-1][at:], p)
		b.size += int64(wrote)
		p = p[wrote:]
	}
	return n, nil
}

// WriteAt overwrites bytes that were written before: a header that could only be
// filled in at the end.
func (b *Body) WriteAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off >= 0 && off < b.size {
		wrote := copy(b.from(off), p[n:])
		n += wrote
		off += int64(wrote)
	}
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// ReadAt implements io.ReaderAt.
func (b *Body) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off >= 0 && off < b.size {
		read := copy(p[n:], b.from(off))
		n += read
		off += int64(read)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteTo implements io.WriterTo: one Write a chunk, from the start.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	var off int64
	for off < b.size {
		n, err := w.Write(b.from(off))
		off += int64(n)
		if err != nil {
			return off, err
		}
	}
	return off, nil
}

// from is the rest of the chunk that off lies in.
func (b *Body) from(off int64) []byte {
	i := off / chunkSize
	return b.chunks[i][off-i*chunkSize : min(chunkSize, b.size-i*chunkSize)]
}

// truncate cuts the body to its first n bytes.
func (b *Body) truncate(n int64) {
	keep := int((n + chunkSize - 1) / chunkSize)
	for _, c := range b.chunks[keep:] {
		chunks.Put(c)
	}
	clear(b.chunks[keep:])
	b.chunks, b.size = b.chunks[:keep], n
}

// Release gives the chunks back and empties the body.
func (b *Body) Release() {
	for _, c := range b.chunks {
		chunks.Put(c)
	}
	*b = Body{}
}
