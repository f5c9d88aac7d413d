package crossregion

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"sluice/internal/crc32c"
)

// The paths that a Server answers, and what its streams are.
const (
	originPath = "/replicate/v1/origin"
	pullPath   = "/replicate/v1/pull"
	MediaType  = "application/x-sluice-batches"
)

const (
	chunkMagic = "SLX1"
	chunkHead  = 72
	entryHead  = 12

	codecNone = 0
	codecZstd = 1
	codecS2   = 2

	// maxChunk bounds a chunk inflated: what was collected and one batch more.
	maxChunk = 40 << 20
)

// codecs are the names that a pull asks for.
var codecs = map[string]byte{"none": codecNone, "zstd": codecZstd, "s2": codecS2}

var (
	le = binary.LittleEndian
)

// ErrProtocol says that what came over the link is no chunk.
var ErrProtocol = errors.New("not the replication protocol")

// chunk is what a chunk's header says, drawn in the package comment.
type chunk struct {
	Next    uint64 // every wanted batch below is in this chunk or was before it
	End     uint64 // the first position that was not durable at the origin
	Missing uint64 // positions below Next that the origin has lost
	Now     int64  // event clock of the origin, ms
	Sent    int64  // its machine's clock, ms
	Batches uint32
	Events  uint32

	codec     byte
	wire, raw int // size of the payload
}

func (c chunk) appendHead(dst []byte) []byte {
	from := len(dst)
	dst = append(dst, chunkMagic...)
	dst = append(dst, c.codec, 0, 0, 0)
	dst = le.AppendUint32(dst, uint32(c.wire))
	dst = le.AppendUint32(dst, uint32(c.raw))
	for _, v := range [...]uint64{c.Next, c.End, c.Missing, uint64(c.Now), uint64(c.Sent)} {
		dst = le.AppendUint64(dst, v)
	}
	dst = le.AppendUint32(dst, c.Batches)
	dst = le.AppendUint32(dst, c.Events)
	dst = le.AppendUint32(dst, 0)
	return le.AppendUint32(dst, crc32c.Sum(dst[from:]))
}

func parseHead(b []byte) (c chunk, err error) {
	if len(b) < chunkHead || string(b[:4]) != chunkMagic {
		return c, fmt.Errorf("%w: no chunk header", ErrProtocol)
	}
	if crc32c.Sum(b[:chunkHead-4]) != le.Uint32(b[chunkHead-4:]) {
		return c, fmt.Errorf("%w: checksum of a chunk header", ErrProtocol)
	}
	c = chunk{
		codec: b[4], wire: int(le.Uint32(b[8:])), raw: int(le.Uint32(b[12:])),
		Next: le.Uint64(b[16:]), End: le.Uint64(b[24:]), Missing: le.Uint64(b[32:]),
		Now: int64(le.Uint64(b[40:])), Sent: int64(le.Uint64(b[48:])),
		Batches: le.Uint32(b[56:]), Events: le.Uint32(b[60:]),
	}
	switch {
	case c.wire > maxChunk || c.raw > maxChunk:
		return c, fmt.Errorf("%w: a chunk of %d bytes, %d inflated; at most %d", ErrProtocol, c.wire, c.raw, maxChunk)
	case c.codec > codecS2 || c.codec == codecNone && c.wire != c.raw:
		return c, fmt.Errorf("%w: codec %d for %d of %d bytes", ErrProtocol, c.codec, c.wire, c.raw)
	}
	return c, nil
}

// packer writes chunks. It belongs to one goroutine.
type packer struct {
	to      io.Writer
	codec   byte
	encoder *zstd.Encoder // EncodeAll only: shared
	raw     []byte        // entries of the chunk in the making
	out     []byte
	batches uint32
	events  uint32
}

// add puts one batch into the chunk in the making.
func (p *packer) add(number uint64, record []byte, events int) {
	p.raw = le.AppendUint64(p.raw, number)
	p.raw = le.AppendUint32(p.raw, uint32(len(record)))
	p.raw = append(p.raw, record...)
	p.batches++
	p.events += uint32(events)
}

// worthPacking is where compression begins to save more than it costs.
const worthPacking = 256

// send writes the chunk; c says where it stands.
func (p *packer) send(c chunk) error {
	c.Batches, c.Events, c.raw = p.batches, p.events, len(p.raw)
	// The head's place is kept free before the payload, so that both leave in one
	// write.
	p.out = append(p.out[:0], make([]byte, chunkHead)...)
	if len(p.raw) >= worthPacking {
		c.codec = p.codec
	}
	switch c.codec {
	case codecZstd:
		p.out = p.encoder.EncodeAll(p.raw, p.out)
	case codecS2:
		p.out = slices.Grow(p.out, s2.MaxEncodedLen(len(p.raw)))
		p.out = p.out[:chunkHead+len(s2.Encode(p.out[chunkHead:cap(p.out)], p.raw))]
	default:
		p.out = append(p.out, p.raw...)
	}
	c.wire = len(p.out) - chunkHead
	c.appendHead(p.out[:0])
	p.raw, p.batches, p.events = p.raw[:0], 0, 0
	_, err := p.to.Write(p.out)
	return err
}

// unpacker reads chunks. It belongs to one goroutine.
type unpacker struct {
	from    io.Reader
	decoder *zstd.Decoder // DecodeAll only: shared
	head    [chunkHead]byte
	wire    []byte
	raw     []byte
}

// next reads a chunk and inflates its entries, which are the caller's until the
// next call. io.EOF is the stream's proper end.
func (u *unpacker) next() (c chunk, entries []byte, err error) {
	if _, err := io.ReadFull(u.from, u.head[:]); err != nil {
		return c, nil, err
	}
	if c, err = parseHead(u.head[:]); err != nil {
		return c, nil, err
	}
	u.wire = slices.Grow(u.wire[:0], c.wire)[:c.wire]
	if _, err := io.ReadFull(u.from, u.wire); err != nil {
		return c, nil, noEnd(err)
	}
	if c.codec == codecNone {
		return c, u.wire, nil
	}
	u.raw = slices.Grow(u.raw[:0], c.raw)
	if c.codec == codecZstd {
		u.raw, err = u.decoder.DecodeAll(u.wire, u.raw)
	} else if size, wrong := s2.DecodedLen(u.wire); wrong == nil && size == c.raw {
		u.raw, err = s2.Decode(u.raw[:size], u.wire)
	}
	if err != nil {
		return c, nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if len(u.raw) != c.raw {
		return c, nil, fmt.Errorf("%w: %d bytes inflated where the header says %d", ErrProtocol, len(u.raw), c.raw)
	}
	return c, u.raw, nil
}

// noEnd: inside a chunk the stream's end is none.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cutEntry takes the first entry off a chunk's entries.
func cutEntry(entries []byte) (number uint64, record, rest []byte, err error) {
	if len(entries) < entryHead {
		return 0, nil, nil, fmt.Errorf("%w: an entry of %d bytes", ErrProtocol, len(entries))
	}
	number = le.Uint64(entries)
	size := int64(le.Uint32(entries[8:]))
	if size > int64(len(entries)-entryHead) {
		return 0, nil, nil, fmt.Errorf("%w: an entry's record of %d bytes, %d at hand", ErrProtocol, size, len(entries)-entryHead)
	}
	end := entryHead + int(size)
	return number, entries[entryHead:end:end], entries[end:], nil
}

// newDecoder returns what unpackers share. It bounds what a chunk inflates to.
func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxChunk))
	if err != nil {
		panic("crossregion: zstd options: " + err.Error()) // constants
	}
	return d
}

// newEncoder is the fastest level: links between regions are paid by the byte,
// and the next level costs twice the time for 3 % fewer of them.
func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	if err != nil {
		panic("crossregion: zstd options: " + err.Error()) // constants
	}
	return e
}

// onFirstUse delays what only some processes need.
func onFirstUse[T any](make func() T) func() T { return sync.OnceValue(make) }
