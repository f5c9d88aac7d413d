package awsapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// inflater is how the body is decompressed, nil for a body that is not
// compressed.
func (x *exchange) inflater() (inflate func() error, err error) {
	encoding := x.r.Header.Get("Content-Encoding")
	switch {
	case encoding == "" || strings.EqualFold(encoding, "identity"):
		return nil, nil
	case strings.EqualFold(encoding, "gzip") || strings.EqualFold(encoding, "x-gzip"):
		return x.gunzip, nil
	case strings.EqualFold(encoding, "zstd"):
		return x.unzstd, nil
	}
	return nil, &Error{CodeUnsupportedMediaType, "The Content-Encoding " + encoding + " is not supported: use gzip, zstd or none.", http.StatusUnsupportedMediaType}
}

// inflate decompresses into x.inflated and stops at the first byte over the
// limit, whatever the bomb behind it would have made. hint is the expected size.
func (x *exchange) inflate(from io.Reader, hint int) error {
	limit := x.server.cfg.MaxBodyBytes
	err := x.fill(&x.inflated, from, hint, 0, limit)
	var refused *Error
	switch {
	case err == nil:
		return nil
	case err == errOverLimit:
		return tooLarge("decompressed", limit)
	case errors.As(err, &refused):
		return err
	}
	return undecompressable(err)
}

func undecompressable(err error) error {
	return Serialization("Could not decompress the request body: %s", err)
}

var gzipReaders sync.Pool

func (x *exchange) gunzip() error {
	source := bytes.NewReader(x.wire.b)
	z, err := takeGzipReader(source)
	if err != nil {
		return undecompressable(err)
	}
	defer gzipReaders.Put(z)
	return x.inflate(z, gzipHint(x.wire.b))
}

// maxRatio is what log text reaches: a size that a body claims is believed up to
// it.
const maxRatio = 16

// gzipHint is the size that a gzip trailer claims.
func gzipHint(zipped []byte) int {
	if len(zipped) < 18 { // header and trailer alone
		return 0
	}
	claim := int64(binary.LittleEndian.Uint32(zipped[len(zipped)-4:]))
	return int(min(claim, int64(len(zipped))*maxRatio))
}

func takeGzipReader(source io.Reader) (*gzip.Reader, error) {
	z, ok := gzipReaders.Get().(*gzip.Reader)
	if !ok {
		return gzip.NewReader(source)
	}
	if err := z.Reset(source); err != nil {
		gzipReaders.Put(z)
		return nil, err
	}
	return z, nil
}

// maxWindow is the longest memory a zstd frame may ask for: all levels but those
// beyond 19 with more than 8 MiB ask for less. It lies outside the body's buffer
// and is taken from the budget while the body is inflated.
const maxWindow = 8 << 20

// zstdReaders are synchronous: none has a goroutine, so that one that the pool
// drops is gone.
var zstdReaders sync.Pool

func (x *exchange) unzstd() error {
	var head zstd.Header
	if err := head.Decode(x.wire.b); err != nil && len(x.wire.b) > 0 {
		return undecompressable(err)
	}
	z, err := takeZstdReader(bytes.NewReader(x.wire.b))
	if err != nil {
		return undecompressable(err)
	}
	defer putZstdReader(z)
	window := int(min(max(head.WindowSize, head.FrameContentSize), maxWindow))
	if !x.server.cfg.Budget.TryAcquire(window) {
		return tooManyBytes()
	}
	defer x.server.cfg.Budget.Release(window)
	hint := 0
	if head.HasFCS {
		hint = int(min(head.FrameContentSize, uint64(len(x.wire.b))*maxRatio))
	}
	return x.inflate(z, hint)
}

func takeZstdReader(source io.Reader) (*zstd.Decoder, error) {
	z, ok := zstdReaders.Get().(*zstd.Decoder)
	if !ok {
		return zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	}
	return z, z.Reset(source)
}

func putZstdReader(z *zstd.Decoder) {
	if z.Reset(nil) == nil { // lets go of the body
		zstdReaders.Put(z)
	}
}
