package exporttask

import (
	"cmp"
	"slices"
	"sync"

	"sluice/internal/event"
)

// stretch is events [from, to) of a batch, which follow each other in the order
// of a stream.
type stretch struct {
	batch    *event.Batch
	from, to int
}

// stretches is how many are given out at once: where batches overlap event by
// event, what has to be done for each call is shared by so many events.
const stretches = 512

// opened is a batch with events that were not given out yet.
type opened struct {
	batch    event.Batch
	record   []byte  // the memory of batch if it is its own, used again
	lender   *window // where batch is lent from, or nil
	number   event.Position
	order    []uint32 // the wanted events by time; nil: all, and they lie in order
	indexes  []uint32 // the memory of order
	next     int      // how many of them were given out
	greatest int64

	// While a merge runs: the instant of the next event, the place among events of
	// that instant, and where the merge ends in this batch.
	head int64
	rank int
	end  int
}

// size is what it holds in memory.
func (o *opened) size() int64 { return int64(len(o.batch.Record())) }

func (o *opened) len() int {
	if o.order == nil {
		return o.batch.Len()
	}
	return len(o.order)
}

// event is the index in the batch of the n-th wanted event.
func (o *opened) event(n int) uint32 {
	if o.order == nil {
		return uint32(n)
	}
	return o.order[n]
}

func (o *opened) at(n int) int64 { return o.batch.Timestamp(int(o.event(n))) }

// until is how many of the wanted events lie before an instant.
func (o *opened) until(before int64) int {
	if o.greatest < before {
		return o.len()
	}
	lo, hi := o.next, o.len()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if o.at(mid) < before {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// merging is the memory of sorters, one after the other: that of batches above
// all, which would otherwise be made anew for each byte that is exported.
type merging struct {
	spare []*opened
	heap  []*opened
	out   []stretch
	ends  []uint32
	hits  []uint32

	picked []uint32 // of a batch that is copied in part
}

var mergings = sync.Pool{New: func() any { return &merging{out: make([]stretch, 0, stretches)} }}

// take returns an opened batch with nothing in it but memory.
func (m *merging) take() *opened {
	n := len(m.spare)
	if n == 0 {
		return &opened{}
	}
	o := m.spare[n-1]
	m.spare = m.spare[:n-1]
	return o
}

// giveBack closes a batch.
func (m *merging) giveBack(o *opened) {
	if o.lender != nil {
		o.lender.lent--
	}
	*o = opened{record: o.record, indexes: o.indexes}
	m.spare = append(m.spare, o)
}

// byRank is the order of batches where their events have the same timestamp:
// that of the ids, which one request in several batches can share; then that of
// the positions.
func byRank(x, y *opened) int {
	return cmp.Or(
		cmp.Compare(x.batch.Ingested(), y.batch.Ingested()),
		cmp.Compare(x.batch.Request(), y.batch.Request()),
		cmp.Compare(x.number.Shard, y.number.Shard),
		cmp.Compare(x.number.Number, y.number.Number),
	)
}

// less tells whether the next event of x comes before that of y.
func less(x, y *opened) bool {
	return x.head < y.head || x.head == y.head && x.rank < y.rank
}

// interleave gives out what several batches have before an instant: the batch
// whose next event comes first, as far as no other's comes before, and so on.
//
// hot: BenchmarkMerge
func (s *sorter) interleave(before int64) error {
	heap := s.heap[:0]
	for _, o := range s.open {
		if o.end = o.until(before); o.next < o.end {
			o.head = o.at(o.next)
			heap = append(heap, o)
		}
	}
	slices.SortFunc(heap, byRank)
	for i, o := range heap {
		o.rank = i
	}
	slices.SortFunc(heap, func(x, y *opened) int { return cmp.Or(cmp.Compare(x.head, y.head), x.rank-y.rank) })
	for s.heap = heap; len(heap) > 0; {
		o, from := heap[0], heap[0].next
		if o.next = o.end; len(heap) > 1 {
			o.next = o.ahead(from, second(heap))
		}
		if err := s.give(o, from, o.next); err != nil {
			return err
		}
		if o.next == o.end {
			heap[0], heap = heap[len(heap)-1], heap[:len(heap)-1]
		} else {
			o.head = o.at(o.next)
		}
		sink(heap)
	}
	return s.flush()
}

// second is the batch that comes next after the first of a heap.
func second(heap []*opened) *opened {
	if len(heap) > 2 && less(heap[2], heap[1]) {
		return heap[2]
	}
	return heap[1]
}

// ahead is where the events from one on end that come before the next of another
// batch.
func (o *opened) ahead(from int, other *opened) int {
	bound := other.head
	if o.rank < other.rank {
		bound++
	}
	n := from + 1
	for n < o.end && o.at(n) < bound {
		n++
	}
	return n
}

// sink moves the first of a heap to its place.
func sink(heap []*opened) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && less(heap[child+1], heap[child]) {
			child++
		}
		if !less(heap[child], heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// give gives out the wanted events [from, to) of one batch.
func (s *sorter) give(o *opened, from, to int) error {
	if o.order == nil {
		return s.add(o, from, to)
	}
	for from < to {
		n := 1
		for from+n < to && o.order[from+n] == o.order[from+n-1]+1 {
			n++
		}
		if err := s.add(o, int(o.order[from]), int(o.order[from])+n); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// add gives out neighbours, which lie in the order of time, except for those that
// the cursor passes over.
func (s *sorter) add(o *opened, from, to int) error {
	for ; from < to && s.done.Skip > 0 && o.batch.Timestamp(from) == s.done.At; from++ {
		s.done.Skip-- // the query leaves out what lies before
	}
	if from == to {
		return nil
	}
	if n := len(s.out); n > 0 && s.out[n-1].batch == &o.batch && s.out[n-1].to == from {
		s.out[n-1].to = to
		return nil
	}
	if s.out = append(s.out, stretch{&o.batch, from, to}); len(s.out) < stretches {
		return nil
	}
	return s.flush()
}

// flush hands over what was given out. It comes before the memory of a batch is
// used again.
func (s *sorter) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	err := s.run(s.out)
	s.out = s.out[:0]
	return err
}
