package firehose

import (
	"fmt"

	"sluice/internal/event"
)

// holding keeps events and records for a body that wants them again as they came:
// one that makes columns, not lines. Its bytes are a run of
//
//	+---+-------------+---------+      +---+-------------+------------+------+
//	| 0 | bytes (u32) | batch,  |  or  | 1 | bytes (u32) | arrived ms | data |
//	|   |             | sealed  |      |   |             | u64        |      |
//	+---+-------------+---------+      +---+-------------+------------+------+
type holding struct {
	bytes []byte
	err   error
}

const (
	heldBatch  = 0
	heldRecord = 1
	heldHead   = 1 + 4
)

func (h *holding) add(u *unit) {
	if h.err != nil {
		return
	}
	at := len(h.bytes)
	if u.delivery.Batch.Len() > 0 {
		h.bytes = append(h.bytes, heldBatch, 0, 0, 0, 0)
		h.bytes, h.err = event.AppendSelected(h.bytes, u.delivery.Batch, u.delivery.Selection)
	} else {
		h.bytes = append(h.bytes, heldRecord, 0, 0, 0, 0)
		h.bytes = append(le.AppendUint64(h.bytes, uint64(u.arrived)), u.record...)
	}
	le.PutUint32(h.bytes[at+1:], uint32(len(h.bytes)-at-heldHead))
}

// replay gives a body what was held, in order.
func (h *holding) replay(b body) error {
	if h.err != nil {
		return h.err
	}
	for rest := h.bytes; len(rest) > 0; {
		n := heldHead + int(le.Uint32(rest[1:]))
		kind, entry := rest[0], rest[heldHead:n:n]
		rest = rest[n:]
		if kind == heldRecord {
			b.record(int64(le.Uint64(entry)), entry[8:])
			continue
		}
		batch, err := event.View(entry)
		if err != nil {
			return fmt.Errorf("read held events: %w", err)
		}
		b.delivery(event.Delivery{Batch: batch})
	}
	return nil
}
