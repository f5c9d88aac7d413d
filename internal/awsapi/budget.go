package awsapi

import "sync/atomic"

// Budget bounds bytes in flight, over all listeners that share it. It never
// waits: who gets nothing refuses its request early and retryably.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget makes a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// TryAcquire takes n bytes, or none.
func (b *Budget) TryAcquire(n int) bool {
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

// Release gives n bytes back.
func (b *Budget) Release(n int) { b.used.Add(-int64(n)) }

// Used is the number of bytes taken at the moment, for a gauge.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit is the size of the budget, for a gauge.
func (b *Budget) Limit() int64 { return b.limit }
