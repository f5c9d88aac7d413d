package format

import (
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// pageWindow is how far back matches of a page may lie: pages are not larger, but for
// dictionaries and for single long values. The library's own codec keeps 8 MiB for
// each encoder, and writes all of it over and over.
const pageWindow = 2 * pageBytes

// zstdPages is a parquet.Codec of the fastest level.
type zstdPages struct {
	encoders sync.Pool // *zstd.Encoder
	decoders sync.Pool // *zstd.Decoder
}

func newZstdPages() *zstdPages {
	c := new(zstdPages)
	c.encoders.New = func() any {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(pageWindow), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
		if err != nil {
			panic("format: zstd options: " + err.Error()) // constants
		}
		return w
	}
	c.decoders.New = func() any {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			panic("format: zstd options: " + err.Error()) // constants
		}
		return r
	}
	return c
}

func (*zstdPages) String() string                            { return "ZSTD" }
func (*zstdPages) CompressionCodec() format.CompressionCodec { return format.Zstd }

func (c *zstdPages) Encode(dst, src []byte) ([]byte, error) {
	w := c.encoders.Get().(*zstd.Encoder)
	defer c.encoders.Put(w)
	return w.EncodeAll(src, dst[:0]), nil
}

func (c *zstdPages) Decode(dst, src []byte) ([]byte, error) {
	r := c.decoders.Get().(*zstd.Decoder)
	defer c.decoders.Put(r)
	return r.DecodeAll(src, dst[:0])
}
