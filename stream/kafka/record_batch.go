package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go"

	"sluice/internal/crc32c"
)

// recordBatch makes Kafka's record batches, version 2, in buffers that it keeps:
//
//	 0  base offset i64 = 0       | length i32, of what follows
//	12  leader epoch i32 = -1     | magic = 2 | crc32c u32, of what follows
//	21  attributes i16 = codec    | last offset delta i32
//	27  first timestamp i64       | greatest timestamp i64
//	43  producer i64 = -1         | epoch i16 = -1 | sequence i32 = -1
//	57  number of records i32     | records, compressed as one
//
// and a record, whose numbers are zigzag varints unless they say otherwise:
//
//	length | attributes i8 = 0 | timestamp delta | offset delta |
//	key length, key | value length, value | headers: n, n x (length, name, length, value)
//
// All fixed numbers are big-endian. kafka-go would write the same field by field
// into pages, and compress with the slower of snappy's encoders and the second
// of zstd's levels: two to three times the processor time.
type recordBatch struct {
	wire  []byte // the batch behind its length, as it stands in a request
	plain []byte // the records, where a codec reads them from

	gzip  *gzip.Writer
	other bytes.Buffer // takes what codecs write
}

const (
	lengthPrefix = 4

	batchHeader = 61
	lengthAt    = 8
	epochAt     = 12
	crcAt       = 17
	afterCRC    = 21
	deltaAt     = 23
	firstTimeAt = 27
	producerAt  = 43
	countAt     = 57

	// snappyBlock is what is compressed at a time: snappy looks back no further.
	snappyBlock = 64 << 10
)

var (
	be = binary.BigEndian

	// xerialHeader starts what Kafka's clients take for snappy: a magic, a version
	// and the least version that reads it. Blocks with their lengths follow.
	xerialHeader = []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")

	// zstdEncoder compresses whole blocks, for any number of callers.
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
		if err != nil {
			panic("kafka: zstd encoder: " + err.Error()) // constant options
		}
		return z
	})

	recordBatches = sync.Pool{New: func() any { return new(recordBatch) }}
)

// build makes one batch of records and returns it behind its length. It is valid
// until the next call.
//
// hot: BenchmarkRecordBatch
func (b *recordBatch) build(records []outgoing, codec kafka.Compression) ([]byte, error) {
	first, last := records[0].time, records[0].time
	for i := range records {
		last = max(last, records[i].time)
	}
	b.wire = append(b.wire[:0], make([]byte, lengthPrefix+batchHeader)...)
	if codec == 0 {
		b.wire = appendRecords(b.wire, records, first)
	} else {
		b.plain = appendRecords(b.plain[:0], records, first)
		if err := b.compress(codec); err != nil {
			return nil, err
		}
	}
	be.PutUint32(b.wire, uint32(len(b.wire)-lengthPrefix))
	w := b.wire[lengthPrefix:]
	be.PutUint32(w[lengthAt:], uint32(len(w)-epochAt))
	be.PutUint32(w[epochAt:], ^uint32(0))
	w[crcAt-1] = 2
	be.PutUint16(w[afterCRC:], uint16(codec))
	be.PutUint32(w[deltaAt:], uint32(len(records)-1))
	be.PutUint64(w[firstTimeAt:], uint64(first))
	be.PutUint64(w[firstTimeAt+8:], uint64(last))
	for i := producerAt; i < countAt; i++ {
		w[i] = 0xff
	}
	be.PutUint32(w[countAt:], uint32(len(records)))
	be.PutUint32(w[crcAt:], crc32c.Sum(w[afterCRC:]))
	return b.wire, nil
}

// compress appends plain to wire.
func (b *recordBatch) compress(codec kafka.Compression) error {
	switch codec {
	case kafka.Snappy:
		b.wire = appendSnappy(b.wire, b.plain)
		return nil
	case kafka.Zstd:
		b.wire = zstdEncoder().EncodeAll(b.plain, b.wire)
		return nil
	}
	b.other.Reset()
	w, err := b.writer(codec)
	if err != nil {
		return err
	}
	if _, err := w.Write(b.plain); err != nil {
		return fmt.Errorf("compress records: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress records: %w", err)
	}
	b.wire = append(b.wire, b.other.Bytes()...)
	return nil
}

// writer returns what compresses into other.
func (b *recordBatch) writer(codec kafka.Compression) (io.WriteCloser, error) {
	if codec != kafka.Gzip {
		c := codec.Codec()
		if c == nil {
			return nil, fmt.Errorf("compress records: no codec %d", codec)
		}
		return c.NewWriter(&b.other), nil
	}
	if b.gzip != nil {
		b.gzip.Reset(&b.other)
		return b.gzip, nil
	}
	z, err := gzip.NewWriterLevel(&b.other, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compress records: %w", err)
	}
	b.gzip = z
	return z, nil
}

func appendSnappy(dst, plain []byte) []byte {
	dst = append(dst, xerialHeader...)
	for len(plain) > 0 {
		block := plain[:min(len(plain), snappyBlock)]
		plain = plain[len(block):]
		dst = slices.Grow(dst, 4+s2.MaxEncodedLen(len(block)))
		at := len(dst)
		n := len(s2.EncodeSnappy(dst[at+4:cap(dst)], block))
		dst = dst[:at+4+n]
		be.PutUint32(dst[at:], uint32(n))
	}
	return dst
}

func appendRecords(dst []byte, records []outgoing, first int64) []byte {
	for i := range records {
		dst = appendRecord(dst, &records[i], records[i].time-first, int64(i))
	}
	return dst
}

func appendRecord(dst []byte, o *outgoing, since, offset int64) []byte {
	headers := 1
	size := 1 + varintSize(since) + varintSize(offset) + blobSize(len(o.key)) + blobSize(len(o.value)) + headerSize(originHeader, originSize)
	if o.key == nil {
		size += varintSize(-1) - varintSize(0)
	}
	for _, h := range [...]string{o.filter, o.reason} {
		if h != "" {
			headers++
		}
	}
	if o.filter != "" {
		size += headerSize(filterHeader, len(o.filter))
	}
	if o.reason != "" {
		size += headerSize(errorHeader, len(o.reason))
	}
	dst = binary.AppendVarint(dst, int64(size+varintSize(int64(headers))))
	dst = append(dst, 0)
	dst = binary.AppendVarint(dst, since)
	dst = binary.AppendVarint(dst, offset)
	if o.key == nil {
		dst = binary.AppendVarint(dst, -1)
	} else {
		dst = append(binary.AppendVarint(dst, int64(len(o.key))), o.key...)
	}
	dst = append(binary.AppendVarint(dst, int64(len(o.value))), o.value...)
	dst = binary.AppendVarint(dst, int64(headers))
	dst = append(binary.AppendVarint(dst, int64(len(originHeader))), originHeader...)
	dst = appendOrigin(binary.AppendVarint(dst, originSize), o.origin)
	if o.filter != "" {
		dst = appendHeader(dst, filterHeader, o.filter)
	}
	if o.reason != "" {
		dst = appendHeader(dst, errorHeader, o.reason)
	}
	return dst
}

func appendHeader(dst []byte, name, value string) []byte {
	dst = append(binary.AppendVarint(dst, int64(len(name))), name...)
	return append(binary.AppendVarint(dst, int64(len(value))), value...)
}

func headerSize(name string, value int) int { return blobSize(len(name)) + blobSize(value) }

func blobSize(n int) int { return varintSize(int64(n)) + n }

// varintSize is the length of a zigzag varint.
func varintSize(v int64) int { return (bits.Len64(uint64(v<<1^v>>63)|1) + 6) / 7 }
