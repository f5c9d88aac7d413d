package kinesis

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"sluice/internal/crc32c"
	"sluice/internal/event"
)

var (
	le = binary.LittleEndian
)

// Payload is what the data of a record is.
type Payload uint8

// The payloads.
const (
	CloudWatchGzip Payload = iota // a DATA_MESSAGE document, gzipped: what consumers of AWS's own get
	CloudWatchJSON                // a DATA_MESSAGE document
	Raw                           // one message, without its line feed
	Batch                         // a sealed record of internal/event behind its origin
)

var payloadNames = []string{"cloudwatch-gzip", "cloudwatch-json", "raw", "batch"}

// String is the payload's name in configurations.
func (p Payload) String() string { return payloadNames[p] }

// ParsePayload reads a payload's name; "" is cloudwatch-gzip.
func ParsePayload(name string) (Payload, error) {
	if name == "" {
		return CloudWatchGzip, nil
	}
	if i := slices.Index(payloadNames, name); i >= 0 {
		return Payload(i), nil
	}
	return 0, fmt.Errorf("payload %q is not one of %q", name, payloadNames)
}

// Origin is where a batch comes from. Stream, Shard, First and Part are its
// idempotence key.
type Origin struct {
	Stream uint64 // uid of the stream or filter that sent it
	Shard  uint32 // of the log it was read from
	First  uint64 // the parcel's number in the shard
	Part   uint32 // number of the record among those of its parcel
}

const (
	batchMagic  = "SLK1"
	batchHeader = 4 + 8 + 8 + 4 + 4 + 1 // up to the filter's name
	batchCRC    = 4
	maxFilter   = 255
)

// appendBatch makes a record of payload batch: origin, filter and sealed record.
func appendBatch(dst []byte, o Origin, filter string, record []byte) []byte {
	from := len(dst)
	filter = filter[:min(len(filter), maxFilter)]
	dst = append(dst, batchMagic...)
	dst = le.AppendUint64(dst, o.Stream)
	dst = le.AppendUint64(dst, o.First)
	dst = le.AppendUint32(dst, o.Shard)
	dst = le.AppendUint32(dst, o.Part)
	dst = append(dst, byte(len(filter)))
	dst = append(dst, filter...)
	dst = le.AppendUint32(dst, crc32c.Sum(dst[from:]))
	return append(dst, record...)
}

// Decoded is what a record holds.
type Decoded struct {
	Payload Payload // Batch, or Raw for whatever else it is
	// Origin, Filter and Batch are those of a batch; Batch is a view into the data.
	Origin Origin
	Filter string
	Batch  event.Batch
}

var errBatch = errors.New("no batch")

// Decode reads a record's data. Data that does not say it is a batch is Raw,
// whatever it is; a batch that is damaged is an error.
func Decode(data []byte) (Decoded, error) {
	if !bytes.HasPrefix(data, []byte(batchMagic)) {
		return Decoded{Payload: Raw}, nil
	}
	if len(data) < batchHeader {
		return Decoded{}, fmt.Errorf("%w: %d bytes", errBatch, len(data))
	}
	end := batchHeader + int(data[batchHeader-1])
	if len(data) < end+batchCRC || le.Uint32(data[end:]) != crc32c.Sum(data[:end]) {
		return Decoded{}, fmt.Errorf("%w: its origin is damaged", errBatch)
	}
	batch, err := event.Open(data[end+batchCRC:])
	if err != nil {
		return Decoded{}, fmt.Errorf("%w: %w", errBatch, err)
	}
	return Decoded{
		Payload: Batch, Filter: string(data[batchHeader:end]), Batch: batch,
		Origin: Origin{Stream: le.Uint64(data[4:]), First: le.Uint64(data[12:]), Shard: le.Uint32(data[20:]), Part: le.Uint32(data[24:])},
	}, nil
}
