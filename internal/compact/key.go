package compact

import (
	"cmp"

	"sluice/internal/event"
)

// Key is what batches are sorted by.
type Key struct {
	Group  uint64 // log group uid
	Least  int64  // least timestamp, ms
	Number uint64 // position in the shard
}

// KeyOf returns the key of a batch.
func KeyOf(number uint64, b event.Batch) Key {
	return Key{Group: b.GroupUID(), Least: b.Base(), Number: number}
}

// Compare orders keys: by log group, then time, then number.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Group, o.Group), cmp.Compare(k.Least, o.Least), cmp.Compare(k.Number, o.Number))
}
