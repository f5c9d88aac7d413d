package store

import (
	"fmt"

	"sluice/internal/event"
)

// Rejected counts events that were received and refused, by reason.
type Rejected struct {
	TooOld, TooNew, Expired uint64 // for their age
	TooLarge                uint64 // for their size
	Invalid                 uint64 // as no events at all, such as a line that is no JSON
}

// Sum is the number of events refused.
func (r Rejected) Sum() uint64 { return r.TooOld + r.TooNew + r.Expired + r.TooLarge + r.Invalid }

func (r *Rejected) add(more Rejected) {
	r.TooOld += more.TooOld
	r.TooNew += more.TooNew
	r.Expired += more.Expired
	r.TooLarge += more.TooLarge
	r.Invalid += more.Invalid
}

// A Count frame, and a part of the statistics' snapshot:
//
//	0         8         16        24          32        40
//	+---------+---------+---------+-----------+---------+
//	| too old | too new | expired | too large | invalid |  all u64
//	+---------+---------+---------+-----------+---------+
//
// Those of version 0 end with expired.
const (
	rejectedWords  = 5
	rejectedWords0 = 3
)

func appendRejected(dst []byte, r Rejected) []byte {
	for _, v := range [rejectedWords]uint64{r.TooOld, r.TooNew, r.Expired, r.TooLarge, r.Invalid} {
		dst = le.AppendUint64(dst, v)
	}
	return dst
}

func openRejected(payload []byte) (Rejected, error) {
	if len(payload) < rejectedWords0*8 {
		return Rejected{}, fmt.Errorf("%w: count of %d bytes", event.ErrCorrupt, len(payload))
	}
	r := Rejected{TooOld: le.Uint64(payload), TooNew: le.Uint64(payload[8:]), Expired: le.Uint64(payload[16:])}
	if len(payload) >= rejectedWords*8 {
		r.TooLarge, r.Invalid = le.Uint64(payload[24:]), le.Uint64(payload[32:])
	}
	return r, nil
}
