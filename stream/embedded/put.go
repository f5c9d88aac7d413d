package embedded

import (
	"encoding/binary"
	"fmt"

	"sluice/internal/event"
)

var le = binary.LittleEndian

const putHeader = 8 + 4

// appendPut encodes the head of a Put frame; the records follow it as they are.
func appendPut(dst []byte, arrived int64, records [][]byte) []byte {
	dst = le.AppendUint64(dst, uint64(arrived))
	dst = le.AppendUint32(dst, uint32(len(records)))
	for _, r := range records {
		dst = le.AppendUint32(dst, uint32(len(r)))
	}
	return dst
}

// put is the decoded form of a Put frame, views into its payload.
type put struct {
	arrived int64
	lengths []byte
	body    []byte
}

func openPut(payload []byte) (put, error) {
	if len(payload) < putHeader {
		return put{}, fmt.Errorf("%w: put of %d bytes", event.ErrCorrupt, len(payload))
	}
	lengths := uint64(le.Uint32(payload[8:])) * 4
	rest := payload[putHeader:]
	if lengths > uint64(len(rest)) {
		return put{}, fmt.Errorf("%w: put of %d records in %d bytes", event.ErrCorrupt, lengths/4, len(payload))
	}
	p := put{arrived: int64(le.Uint64(payload)), lengths: rest[:lengths], body: rest[lengths:]}
	var sum uint64
	for l := p.lengths; len(l) > 0; l = l[4:] {
		sum += uint64(le.Uint32(l))
	}
	if sum != uint64(len(p.body)) {
		return put{}, fmt.Errorf("%w: put of %d bytes says %d", event.ErrCorrupt, len(p.body), sum)
	}
	return p, nil
}

func (p put) count() int { return len(p.lengths) / 4 }

func (p put) records() [][]byte {
	out := make([][]byte, 0, p.count())
	body := p.body
	for l := p.lengths; len(l) > 0; l = l[4:] {
		n := le.Uint32(l)
		out = append(out, body[:n:n])
		body = body[n:]
	}
	return out
}
