package outbox

import (
	"encoding/binary"
	"fmt"

	"sluice/internal/event"
)

var le = binary.LittleEndian

// Reason tells why events were given up. Reasons are on disk: a number never
// changes.
type Reason uint8

// The reasons.
const (
	Expired  Reason = 1 // could not be delivered in Rules.RetryFor
	Disabled Reason = 2 // the destination refused, and Rules.Disable is set
	TooLarge Reason = 3 // larger than the destination ever takes
)

var reasonNames = [...]string{"", "expired", "disabled", "too_large"}

func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Skip is events that were given up: how many, why, and when they came.
type Skip struct {
	Reason         Reason
	Events, Bytes  uint64
	Oldest, Newest int64 // arrival, ms
}

func (s Skip) plus(o Skip) Skip {
	if s.Events == 0 {
		return o
	}
	return Skip{s.Reason, s.Events + o.Events, s.Bytes + o.Bytes, min(s.Oldest, o.Oldest), max(s.Newest, o.Newest)}
}

const (
	commitVersion = 129 // apart from firehose's, which write the same type
	commitHeader  = 48
	skipSize      = 40
	maxSkips      = 255
)

// commit is what a lane did since the one before.
type commit struct {
	position         uint64
	delivered, bytes uint64
	failures         uint64
	skips            []Skip
}

func (c *commit) skip(s Skip) {
	for i := range c.skips {
		if c.skips[i].Reason == s.Reason {
			c.skips[i] = c.skips[i].plus(s)
			return
		}
	}
	c.skips = append(c.skips, s)
}

func (c *commit) append(dst []byte) []byte {
	var skipped uint64
	for _, s := range c.skips {
		skipped += s.Events
	}
	for _, v := range []uint64{c.position, c.delivered, skipped, c.bytes} {
		dst = le.AppendUint64(dst, v)
	}
	dst = append(dst, commitVersion, byte(len(c.skips)), 0, 0, 0, 0, 0, 0)
	dst = le.AppendUint64(dst, c.failures)
	return appendSkips(dst, c.skips)
}

func appendSkips(dst []byte, skips []Skip) []byte {
	for _, s := range skips {
		for _, v := range []uint64{uint64(s.Reason), s.Events, s.Bytes, uint64(s.Oldest), uint64(s.Newest)} {
			dst = le.AppendUint64(dst, v)
		}
	}
	return dst
}

func openCommit(b []byte) (commit, error) {
	if len(b) < commitHeader || b[32] != commitVersion || len(b) != commitHeader+int(b[33])*skipSize {
		return commit{}, fmt.Errorf("open outbox commit of %d bytes: %w", len(b), event.ErrCorrupt)
	}
	c := commit{position: le.Uint64(b), delivered: le.Uint64(b[8:]), bytes: le.Uint64(b[24:]), failures: le.Uint64(b[40:])}
	c.skips = openSkips(b[commitHeader:])
	return c, nil
}

func openSkips(b []byte) (skips []Skip) {
	for ; len(b) > 0; b = b[skipSize:] {
		skips = append(skips, Skip{Reason(b[0]), le.Uint64(b[8:]), le.Uint64(b[16:]), int64(le.Uint64(b[24:])), int64(le.Uint64(b[32:]))})
	}
	return skips
}
