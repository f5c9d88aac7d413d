package kafka

import (
	"encoding/binary"

	"sluice/firehose"
)

// Headers of records that sluice's producers write, as stream/kafka draws them.
const (
	originHeader = "sluice-origin"
	filterHeader = "sluice-filter"

	originSize    = 36
	originVersion = 1
	payloadBatch  = 3
)

// parseOrigin reads the key of a record, and whether it is a sealed batch. A
// header of a version to come is as if there was none.
func parseOrigin(h []byte) (k firehose.Key, batch bool) {
	if len(h) != originSize || h[0] != originVersion {
		return k, false
	}
	le := binary.LittleEndian
	return firehose.Key{
		Shard: le.Uint32(h[4:]), Stream: le.Uint64(h[8:]), First: le.Uint64(h[16:]), Part: le.Uint32(h[32:]),
	}, h[1] == payloadBatch
}
