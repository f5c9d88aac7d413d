package compact

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"sluice/internal/cores"
)

// Level is how hard the columns are compressed.
type Level uint8

const (
	// Fastest is the default. Text that is worth it is treated better: textEncoder.
	Fastest Level = iota
	// Default costs nearly twice the time and is smaller for few kinds of text.
	Default
)

// newEncoder returns an encoder of whole columns that looks for repetitions as far
// back as a window, 0 for all of a column. Checksums are the file's own.
func newEncoder(l Level, window int) (*zstd.Encoder, error) {
	level := zstd.SpeedFastest
	if l == Default {
		level = zstd.SpeedDefault
	}
	options := []zstd.EOption{zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true)}
	if window > 0 {
		options = append(options, zstd.WithWindowSize(window))
	}
	e, err := zstd.NewWriter(io.Discard, options...)
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	return e, nil
}

// newDecoder returns a decoder that never writes beyond the capacity it is given.
func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(cores.Count()),
		zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(2*maxRaw), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic("compact: zstd options: " + err.Error()) // constants
	}
	return d
}

// leastColumn is below what compressing a column can win.
const leastColumn = 32

// pack appends raw to dst, as one zstd frame where that is smaller.
func pack(e *zstd.Encoder, dst, raw []byte) ([]byte, column) {
	start := len(dst)
	if len(raw) >= leastColumn {
		dst = e.EncodeAll(raw, dst)
	}
	if len(raw) < leastColumn || len(dst)-start >= len(raw) {
		dst = append(dst[:start], raw...)
	}
	stored := dst[start:]
	return dst, column{size: uint32(len(stored)), raw: uint32(len(raw)), sum: checksum(stored)}
}

// unpack checks a stored column and unfolds it into dst, whose capacity is made
// to fit; a column stored as it is comes back as it lies in stored.
func unpack(d *zstd.Decoder, dst, stored []byte, c column) ([]byte, error) {
	if checksum(stored) != c.sum {
		return nil, errChecksum
	}
	if c.size == c.raw {
		return stored, nil
	}
	if cap(dst) < int(c.raw) {
		dst = make([]byte, 0, c.raw)
	}
	raw, err := d.DecodeAll(stored, dst[:0:c.raw])
	if err != nil {
		return nil, err
	}
	if len(raw) != int(c.raw) {
		return nil, errColumn
	}
	return raw, nil
}
