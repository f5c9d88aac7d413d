package event

import "fmt"

// Position names one frame of the log: the shard and the number in it. It is
// logical, never a byte offset, and survives compaction.
type Position struct {
	Shard  uint32
	Number uint64
}

// String prints a position as shard/number.
func (p Position) String() string { return fmt.Sprintf("%d/%d", p.Shard, p.Number) }

// Range is a run of positions of one shard: Start is included, End is not.
type Range struct {
	Shard      uint32
	Start, End uint64
}

// Empty tells whether the range holds no position.
func (r Range) Empty() bool { return r.End <= r.Start }

// String prints a range as shard/[start,end).
func (r Range) String() string { return fmt.Sprintf("%d/[%d,%d)", r.Shard, r.Start, r.End) }

// Selection is a set of events of one batch: ascending indexes.
type Selection []uint32

// Delivery is a batch, or a part of it, on its way to a destination.
type Delivery struct {
	Batch Batch
	// Selection names the events that go; nil means all of them.
	Selection Selection
	// Key is the uid of the stream it goes to.
	Key uint64
	// Filter names the subscription filter that selected the events.
	Filter string
	// Traits are what else that filter asked for.
	Traits Traits
	// Position is that of the frame the events were stored by.
	Position Position
}

// Events is the number of events delivered.
func (d Delivery) Events() int {
	if d.Selection == nil {
		return d.Batch.Len()
	}
	return len(d.Selection)
}

// Bytes is the size of the messages delivered.
func (d Delivery) Bytes() int {
	n := 0
	for lo, hi := range d.Batch.Runs(d.Selection) {
		n += len(d.Batch.Lines(lo, hi)) - (hi - lo)
	}
	return n
}
