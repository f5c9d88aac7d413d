package event

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"sluice/internal/crc32c"
)

// ErrFull says that a batch cannot take one more event: seal it and go on with
// another.
var ErrFull = errors.New("append event: batch is full")

// Builder collects the events of one batch in one arena. It belongs to one
// request at a time: Get, append, Seal, Release.
type Builder struct {
	buf    []byte // header, then text
	ends   []uint32
	times  []int64
	lo, hi int // events kept by Keep; hi < 0 means all

	borrowed bool // buf is another's, see BuilderOver
}

// arenas pools builders by the power of two of their arena's size.
var arenas [bits.UintSize]sync.Pool

// minArena keeps small requests from having classes of their own.
const minArena = 4 << 10

// GetBuilder returns an empty builder whose arena holds at least size bytes of
// messages (a line feed each included), index and names. A body's length is
// enough for a decoder that never writes more than it reads, as long as an
// event takes nine bytes of the body besides its message.
func GetBuilder(size int) *Builder {
	class := bits.Len(uint(max(size+headerSize+maxSource+crcSize, minArena) - 1))
	if b, ok := arenas[class].Get().(*Builder); ok {
		b.Reset()
		return b
	}
	b := &Builder{buf: make([]byte, headerSize, 1<<class)}
	b.Reset()
	return b
}

// Release gives the arena back. The batch sealed from it is gone with it.
func (b *Builder) Release() {
	if b.borrowed {
		b.buf = nil
		overs.Put(b)
		return
	}
	arenas[bits.Len(uint(cap(b.buf)))-1].Put(b)
}

// Reset empties the builder and keeps its arena.
func (b *Builder) Reset() {
	b.buf, b.ends, b.times, b.hi = b.buf[:headerSize], b.ends[:0], b.times[:0], -1
	b.lo = 0
}

// Len is the number of events so far.
func (b *Builder) Len() int { return len(b.ends) }

// TextBytes is the size of the messages so far, a line feed each included.
func (b *Builder) TextBytes() int { return len(b.buf) - headerSize }

// Timestamps lists the events' times in ms, in the order of appending. The
// slice is the builder's own.
func (b *Builder) Timestamps() []int64 { return b.times }

// Free is the unused arena: a decoder writes a message to its front and calls
// Commit with its length. One byte must be left for the separator.
func (b *Builder) Free() []byte { return b.buf[len(b.buf):cap(b.buf)] }

// Commit makes the first n bytes of Free the next event.
func (b *Builder) Commit(n int, timestamp int64) error {
	if len(b.ends) == MaxEvents || len(b.buf)+n-headerSize >= MaxText || len(b.buf)+n >= cap(b.buf) {
		return ErrFull
	}
	end := len(b.buf) + n
	b.buf = b.buf[:end+1]
	b.buf[end] = '\n'
	b.ends = append(b.ends, uint32(end-headerSize))
	b.times = append(b.times, timestamp)
	return nil
}

// Append copies one event into the batch.
func (b *Builder) Append(timestamp int64, message []byte) error {
	free := b.Free()
	if len(message) >= len(free) {
		return ErrFull
	}
	if len(message) > 0 && &free[0] != &message[0] {
		copy(free, message)
	}
	return b.Commit(len(message), timestamp)
}

// Keep narrows what Seal takes to events [lo, hi): the others were rejected.
// The kept events keep their index in event ids.
func (b *Builder) Keep(lo, hi int) { b.lo, b.hi = lo, hi }

// Seal closes the record and returns its view, valid until Reset or Release.
func (b *Builder) Seal(h Header, s Source) (Batch, error) {
	lo, hi := b.lo, b.hi
	if hi < 0 {
		hi = len(b.ends)
	}
	times := b.times[lo:hi]
	if len(times) == 0 {
		return Batch{}, errors.New("seal batch: no events")
	}
	base, greatest := slices.Min(times), slices.Max(times)
	if uint64(greatest-base) > MaxSpan {
		return Batch{}, fmt.Errorf("seal batch: timestamps are %d ms apart, at most %d fit", greatest-base, uint64(MaxSpan))
	}
	start := 0
	if lo > 0 {
		start = int(b.ends[lo-1]) + 1
		n := copy(b.buf[headerSize:], b.buf[headerSize+start:])
		b.buf = b.buf[:headerSize+n]
	}
	text := int(b.ends[hi-1]) + 1 - start
	rec := b.buf[:headerSize+text]
	for _, end := range b.ends[lo:hi] {
		rec = le.AppendUint32(rec, end-uint32(start))
	}
	for _, t := range times {
		rec = le.AppendUint32(rec, uint32(t-base))
	}
	b.buf = rec[:0] // the arena may have moved
	rec, err := finish(rec, 0, h, s, tail{text: text, count: len(times), base: base, first: lo})
	if err != nil {
		return Batch{}, err
	}
	b.buf = rec
	return layout(rec)
}

// tail is what finish needs to know of a record's parts.
type tail struct {
	text, count, first int
	base               int64
	flags              byte
}

// finish appends source and checksum to the record that starts at from and
// fills its header in.
func finish(buf []byte, from int, h Header, s Source, t tail) ([]byte, error) {
	sourceAt := len(buf)
	names := [4]string{s.Account, s.Region, s.LogGroup, s.LogStream}
	for _, n := range names {
		if len(n) > maxSource/4-2 {
			return nil, fmt.Errorf("seal batch: a source name of %d bytes", len(n))
		}
		buf = le.AppendUint16(buf, uint16(len(n)))
	}
	for _, n := range names {
		buf = append(buf, n...)
	}
	size := len(buf) - from + crcSize
	head := buf[from : from+headerSize]
	clear(head)
	copy(head, magic)
	head[offVersion], head[offFlags], head[offHops] = version, t.flags, h.Hops
	le.PutUint32(head[offRecord:], uint32(size))
	le.PutUint32(head[offText:], uint32(t.text))
	le.PutUint32(head[offCount:], uint32(t.count))
	le.PutUint32(head[offSource:], uint32(len(buf)-sourceAt))
	le.PutUint64(head[offBase:], uint64(t.base))
	le.PutUint64(head[offIngested:], uint64(h.Ingested))
	le.PutUint64(head[offRequest:], h.Request)
	le.PutUint64(head[offGroup:], h.GroupUID)
	le.PutUint64(head[offStream:], h.StreamUID)
	le.PutUint32(head[offShard:], h.Origin.Shard)
	le.PutUint32(head[offFirst:], uint32(t.first))
	le.PutUint64(head[offNumber:], h.Origin.Number)
	return le.AppendUint32(buf, crc32c.Sum(buf[from:])), nil
}

// AppendSelected appends a sealed record of the selected events of src to dst:
// same header, names and event ids. A nil selection copies the record as it is.
func AppendSelected(dst []byte, src Batch, sel Selection) ([]byte, error) {
	if sel == nil {
		return append(dst, src.rec...), nil
	}
	if len(sel) == 0 {
		return dst, errors.New("copy selected events: none selected")
	}
	from := len(dst)
	dst = append(dst, src.rec[:headerSize]...)
	for lo, hi := range src.Runs(sel) {
		dst = append(dst, src.Lines(lo, hi)...)
	}
	t := tail{text: len(dst) - from - headerSize, count: len(sel), flags: flagIndexes, base: src.Timestamp(int(sel[0]))}
	end := uint32(0)
	for _, i := range sel {
		start, stop := src.span(int(i))
		end += uint32(stop - start)
		dst = le.AppendUint32(dst, end)
		end++
		t.base = min(t.base, src.Timestamp(int(i)))
	}
	for _, i := range sel {
		dst = le.AppendUint32(dst, uint32(src.Timestamp(int(i))-t.base))
	}
	for _, i := range sel {
		dst = le.AppendUint16(dst, src.Index(int(i)))
	}
	sourceAt := len(dst)
	dst = append(dst, src.source...)
	head := dst[from : from+headerSize]
	head[offFlags] |= flagIndexes
	le.PutUint32(head[offRecord:], uint32(len(dst)-from+crcSize))
	le.PutUint32(head[offText:], uint32(t.text))
	le.PutUint32(head[offCount:], uint32(t.count))
	le.PutUint32(head[offSource:], uint32(len(dst)-sourceAt))
	le.PutUint64(head[offBase:], uint64(t.base))
	return le.AppendUint32(dst, crc32c.Sum(dst[from:])), nil
}
