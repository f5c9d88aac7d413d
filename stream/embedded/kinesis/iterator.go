package kinesis

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

var le = binary.LittleEndian

// iterator is what a shard iterator says; the package comment draws it.
type iterator struct {
	stream  uint64
	shard   uint32
	from    place
	since   int64 // ms; what came earlier is passed over
	created int64 // ms
}

const (
	iteratorVersion = 1
	iteratorSize    = 1 + 8 + 4 + 8 + 4 + 8 + 8
	iteratorText    = (iteratorSize + 8 + 2) / 3 * 4
)

func (it iterator) String() string {
	b := make([]byte, 0, iteratorSize+8)
	b = append(b, iteratorVersion)
	b = le.AppendUint64(b, it.stream)
	b = le.AppendUint32(b, it.shard)
	b = le.AppendUint64(b, it.from.position)
	b = le.AppendUint32(b, it.from.number)
	b = le.AppendUint64(b, uint64(it.since))
	b = le.AppendUint64(b, uint64(it.created))
	b = le.AppendUint64(b, xxhash.Sum64(b))
	return base64.StdEncoding.EncodeToString(b)
}

// parseIterator reads an iterator; false for what is none of ours.
func parseIterator(text string) (it iterator, ok bool) {
	if len(text) != iteratorText {
		return it, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != iteratorSize+8 || b[0] != iteratorVersion || xxhash.Sum64(b[:iteratorSize]) != le.Uint64(b[iteratorSize:]) {
		return it, false
	}
	return iterator{
		stream: le.Uint64(b[1:]), shard: le.Uint32(b[9:]), from: place{le.Uint64(b[13:]), le.Uint32(b[21:])},
		since: int64(le.Uint64(b[25:])), created: int64(le.Uint64(b[33:])),
	}, true
}
