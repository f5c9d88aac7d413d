package embedded

import (
	"fmt"

	"sluice/internal/event"
)

// Commit is what the payload of every Commit frame starts with: the consumer's
// position, below which everything is done, and what became of events since the
// commit before: some may lie beyond the position. What follows is the
// consumer's own.
//
//	+-------------------+---------------+---------------+-----------+----------+
//	| first position    | delivered u64 | discarded u64 | bytes u64 | consumer |
//	| not covered       |               |               | delivered | ...      |
//	+-------------------+---------------+---------------+-----------+----------+
type Commit struct {
	Position             uint64
	Delivered, Discarded uint64
	Bytes                uint64
}

const commitSize = 4 * 8

// AppendCommit encodes the common part of a Commit frame.
func AppendCommit(dst []byte, c Commit) []byte {
	dst = le.AppendUint64(dst, c.Position)
	dst = le.AppendUint64(dst, c.Delivered)
	dst = le.AppendUint64(dst, c.Discarded)
	return le.AppendUint64(dst, c.Bytes)
}

// OpenCommit decodes the common part of a Commit frame.
func OpenCommit(payload []byte) (Commit, error) {
	if len(payload) < commitSize {
		return Commit{}, fmt.Errorf("%w: commit of %d bytes", event.ErrCorrupt, len(payload))
	}
	return Commit{le.Uint64(payload), le.Uint64(payload[8:]), le.Uint64(payload[16:]), le.Uint64(payload[24:])}, nil
}
