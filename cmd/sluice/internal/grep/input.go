package grep

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that a zstd frame may ask for; it is what zstd
// --long asks for and takes by default.
const maxWindow = 128 << 20

// decompress returns a reader of what r holds inside: gzip and zstd are known by
// their first bytes, everything else is plain. done frees the decompressor.
func decompress(r io.Reader) (plain io.Reader, compressed bool, done func(), err error) {
	var head [4]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, false, nil, err
	}
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	switch {
	case bytes.HasPrefix(head[:], []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, true, nil, err
		}
		return z, true, func() { z.Close() }, nil
	case isZstd(head):
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, true, nil, err
		}
		return z, true, z.Close, nil
	}
	return r, false, func() {}, nil
}

// isZstd tells a frame, or one that decoders skip.
func isZstd(head [4]byte) bool {
	return head == [4]byte{0x28, 0xb5, 0x2f, 0xfd} || head[0]&0xf0 == 0x50 && [3]byte(head[1:]) == [3]byte{0x2a, 0x4d, 0x18}
}
