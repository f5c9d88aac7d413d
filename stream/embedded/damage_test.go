package embedded_test

import (
	"encoding/binary"

	"sluice/internal/event"
	"sluice/stream/embedded"
)

func embeddedCommit(position uint64, delivered, bytes int64) []byte {
	return embedded.AppendCommit(nil, embedded.Commit{Position: position, Delivered: uint64(delivered), Bytes: uint64(bytes)})
}

// poison is a match entry of three events whose record does not open.
func poison(key uint64) []byte {
	le := binary.LittleEndian
	body := []byte("no record")
	b := le.AppendUint32(nil, uint32(4+3*8+2*4+2+len(body)))
	for _, v := range []uint64{key, 1, 1} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, 3)
	b = le.AppendUint32(b, 30)
	b = append(b, byte(event.MatchCopy), 0)
	return append(b, body...)
}
