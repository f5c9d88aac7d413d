package kafka

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sluice/internal/event"
)

var le = binary.LittleEndian

// Payload is what the value of a record is.
type Payload uint8

// The payloads.
const (
	CloudWatchGzip Payload = iota // a DATA_MESSAGE document, gzipped: what Kinesis consumers get
	CloudWatchJSON                // a DATA_MESSAGE document
	Raw                           // one message, without its line feed
	Batch                         // a sealed record of internal/event
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

const (
	originHeader = "sluice-origin"
	filterHeader = "sluice-filter"
	errorHeader  = "sluice-error"

	originVersion = 1
	originSize    = 36
)

// Origin is where a record comes from. Stream, Shard, First and Part are its
// idempotence key.
type Origin struct {
	Payload    Payload
	Stream     uint64 // uid of the stream or filter that sent it
	Shard      uint32 // of the log it was read from
	First, End uint64 // the parcels' numbers in the shard
	Part       uint32 // number of the record among those of its parcels
}

func appendOrigin(dst []byte, o Origin) []byte {
	dst = append(dst, originVersion, byte(o.Payload), 0, 0)
	dst = le.AppendUint32(dst, o.Shard)
	dst = le.AppendUint64(dst, o.Stream)
	dst = le.AppendUint64(dst, o.First)
	dst = le.AppendUint64(dst, o.End)
	return le.AppendUint32(dst, o.Part)
}

var errOrigin = errors.New("no origin of a known version")

func parseOrigin(header []byte) (Origin, error) {
	if len(header) != originSize || header[0] != originVersion || int(header[1]) >= len(payloadNames) {
		return Origin{}, errOrigin
	}
	return Origin{
		Payload: Payload(header[1]), Shard: le.Uint32(header[4:]), Stream: le.Uint64(header[8:]),
		First: le.Uint64(header[16:]), End: le.Uint64(header[24:]), Part: le.Uint32(header[32:]),
	}, nil
}

// source names a sequence of keys.
type source struct {
	stream uint64
	shard  uint32
}

// mark is the greatest key of a source in one partition.
type mark struct {
	first  uint64
	part   uint32
	offset int64 // where it was seen: the oldest mark goes first when space runs out
}

// marks tell which records of one partition were seen before.
type marks map[source]mark

// fresh tells whether a record was not seen before, and remembers it.
func (m marks) fresh(o Origin, offset int64) bool {
	key := source{o.Stream, o.Shard}
	last, ok := m[key]
	if ok && cmp.Or(cmp.Compare(o.First, last.first), cmp.Compare(o.Part, last.part)) <= 0 {
		return false
	}
	m[key] = mark{o.First, o.Part, offset}
	return true
}

func (m marks) clone() marks { return maps.Clone(m) }

const (
	markSize = 8 + 4 + 8 + 4 + 8
	// maxMarks is what fits into the 4,096 bytes that brokers allow an offset's
	// metadata: a source that was silent for longest is forgotten beyond.
	maxMarks       = 90
	metadataPrefix = "sluice1:"
)

// metadata is the marks as the text that is committed with an offset.
func (m marks) metadata() string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b source) int {
		return cmp.Or(cmp.Compare(m[b].offset, m[a].offset), cmp.Compare(a.stream, b.stream), cmp.Compare(a.shard, b.shard))
	})
	for _, forgotten := range keys[min(len(keys), maxMarks):] {
		delete(m, forgotten)
	}
	var b []byte
	for _, k := range keys[:min(len(keys), maxMarks)] {
		b = le.AppendUint64(b, k.stream)
		b = le.AppendUint32(b, k.shard)
		b = le.AppendUint64(b, m[k].first)
		b = le.AppendUint32(b, m[k].part)
		b = le.AppendUint64(b, uint64(m[k].offset))
	}
	return metadataPrefix + base64.RawStdEncoding.EncodeToString(b)
}

// parseMarks reads the metadata of an offset; "" is that of a new group.
func parseMarks(text string) (marks, error) {
	m := marks{}
	if text == "" {
		return m, nil
	}
	if len(text) < len(metadataPrefix) || text[:len(metadataPrefix)] != metadataPrefix {
		return nil, fmt.Errorf("read marks: %w: committed by another program", event.ErrCorrupt)
	}
	b, err := base64.RawStdEncoding.DecodeString(text[len(metadataPrefix):])
	if err != nil || len(b)%markSize != 0 {
		return nil, fmt.Errorf("read marks: %w: %d bytes", event.ErrCorrupt, len(b))
	}
	for ; len(b) > 0; b = b[markSize:] {
		m[source{le.Uint64(b), le.Uint32(b[8:])}] = mark{le.Uint64(b[12:]), le.Uint32(b[20:]), int64(le.Uint64(b[24:]))}
	}
	return m, nil
}
