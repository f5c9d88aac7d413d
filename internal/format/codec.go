package format

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// ContentType is what Firehose gives every object, whatever is in it. The others are
// of objects that are not what AWS makes.
const (
	ContentType        = "application/octet-stream"
	NDJSONContentType  = "application/x-ndjson"
	ParquetContentType = "application/vnd.apache.parquet"
)

// Codec is one CompressionFormat with what it means for an object.
type Codec struct {
	// Name is the value of CompressionFormat.
	Name string
	// Extension ends the object's name, with its dot.
	Extension string
	// ContentEncoding is the header of that name, "" for none.
	ContentEncoding string

	encoders *encoderPool // nil: the format is known, and cannot be written
}

// codecs is every CompressionFormat that AWS knows, and ours, in AWS's order.
// HADOOP_SNAPPY ends in .snappy: the service was seen to write that where its
// documents say .hsnappy.
var codecs = []*Codec{
	{Name: "UNCOMPRESSED", encoders: newEncoderPool(func() encoder { return &plain{} })},
	{Name: "GZIP", Extension: ".gz", ContentEncoding: "gzip", encoders: newEncoderPool(newGzip)},
	{Name: "ZIP", Extension: ".zip", ContentEncoding: "zip", encoders: newEncoderPool(newZip)},
	{Name: "Snappy", Extension: ".snappy", ContentEncoding: "snappy-java", encoders: newEncoderPool(newXerial)},
	{Name: "HADOOP_SNAPPY", Extension: ".snappy", ContentEncoding: "hadoop-snappy", encoders: newEncoderPool(newHadoop)},
	{Name: "ZSTD", Extension: ".zst", ContentEncoding: "zstd", encoders: newEncoderPool(newZstd)},
}

// UnsupportedError says that a codec is known, but that this version cannot
// write it.
type UnsupportedError struct{ Codec string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("compression format %s is not supported yet by this version", e.Codec)
}

// CodecNamed finds a codec by its CompressionFormat; the comparison is exact,
// as AWS's is. A known format that cannot be written gives *UnsupportedError.
func CodecNamed(name string) (*Codec, error) {
	for _, c := range codecs {
		switch {
		case c.Name != name:
		case c.encoders == nil:
			return nil, &UnsupportedError{Codec: name}
		default:
			return c, nil
		}
	}
	return nil, fmt.Errorf("compression format %q is not known", name)
}

// encoder is one codec at work on one object at a time.
type encoder interface {
	io.WriteCloser
	Reset(dst io.Writer)
}

// identified is an encoder that writes the object's identity into it. It is
// told before Close.
type identified interface{ identify(*Object) }

// encoderPool keeps encoders with their tables between objects.
type encoderPool struct{ pool sync.Pool }

func newEncoderPool(open func() encoder) *encoderPool {
	return &encoderPool{sync.Pool{New: func() any { return open() }}}
}

func (p *encoderPool) get(dst io.Writer) encoder {
	e := p.pool.Get().(encoder)
	e.Reset(dst)
	return e
}

func (p *encoderPool) put(e encoder) {
	e.Reset(io.Discard)
	p.pool.Put(e)
}

// newGzip is level 1: on logs it costs half of level 6 for an object that is a
// sixth larger, and the codec is half of the whole path's cost. The header has
// no time and no name, so equal input gives equal bytes.
func newGzip() encoder {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic("format: gzip level: " + err.Error()) // a constant
	}
	return w
}

// plain is UNCOMPRESSED.
type plain struct{ io.Writer }

func (p *plain) Reset(dst io.Writer) { p.Writer = dst }
func (p *plain) Close() error        { return nil }
