package exporttask

import (
	"cmp"
	"context"
	"math"
	"slices"

	"sluice/filter/pattern"
	"sluice/internal/event"
	"sluice/internal/store"
)

// Events is what a stream is sorted from: the store, or a spool.
type Events interface {
	// Durable lists, by shard, the first position that may not be durable yet.
	Durable() []uint64
	// Places visits what the index knows of the batches of a query that lie below
	// the given positions.
	Places(ctx context.Context, q store.Query, below []uint64, visit func(store.Place)) error
	// Batch visits the batch at a position, unless it is gone. It lives until
	// visit returns.
	Batch(p event.Position, visit func(event.Batch) error) error
}

// Stored is all the events there are; *store.Store is it.
type Stored interface {
	Events
	// Reader returns a Batch for one pass through many; batches that lack one of
	// the needles may be passed over.
	Reader(needles [][]byte) func(p event.Position, visit func(event.Batch) error) error
}

// cursor says how much of a sorted stream is done: every event before At, and
// the first Skip of those at it. The order of a stream is a function of what is
// stored, so a cursor means the same after a restart.
type cursor struct {
	At   int64 `json:"at"`
	Skip int   `json:"skip"`
}

// sorter visits the events of one log stream in the order of their timestamps,
// and of their ids where those are equal.
//
// Batches are opened in the order of their first instant. Everything before the
// first instant of the next batch is settled, for no batch that is still closed
// can hold an event there, and is given out as runs of neighbours. Batches of a
// stream hardly overlap, so that there is mostly one open, which is copied once
// and given out whole:
//
//	|---- batch 1 ----|
//	            |---- batch 2 ----|        open: 1 and 2
//	   given out |                |-- batch 3, not opened yet
//
// Where many overlap, as when several agents write one stream, the sorter holds
// them all, up to budget bytes. Beyond that it reads them again and again and
// copies only the events of a window of time that fits: see windows.go.
type sorter struct {
	events  Events
	query   store.Query
	after   []uint64 // positions: batches below are left out
	below   []uint64 // positions: batches from here on are left out
	pattern *pattern.Pattern
	budget  int64 // bytes of batches in memory
	rounds  int   // index entries in memory, about

	// run gets events [from, to) of a batch, in the order of the stream.
	run func(b event.Batch, from, to int) error

	done cursor // what was given out or is to be passed over
	open []*opened
	held int64    // bytes of open
	refs []ref    // scratch
	ends []uint32 // scratch
	hits []uint32 // scratch
}

// opened is a batch with events that were not given out yet.
type opened struct {
	batch    event.Batch
	number   event.Position
	order    []uint32 // the wanted events by time; nil: all, and they lie in order
	next     int      // how many of them were given out
	greatest int64
}

// ref names one event in the scratch that a merge sorts.
type ref struct {
	at    int64
	from  *opened
	event uint32
}

// sort visits everything behind the cursor.
func (s *sorter) sort(ctx context.Context, from cursor) error {
	s.done = from
	s.query.From = max(s.query.From, from.At)
	for {
		places, ceiling, err := s.round(ctx)
		if err != nil {
			return err
		}
		if err := s.merge(ctx, places, ceiling); err != nil {
			return err
		}
		if ceiling == math.MaxInt64 {
			return nil
		}
		// What is open belongs to places that the next round lists again.
		s.open, s.held, s.query.From = s.open[:0], 0, ceiling
	}
}

// round lists the places that begin first, in that order. Those that begin at
// the ceiling or behind it are for later rounds.
func (s *sorter) round(ctx context.Context) (places []store.Place, ceiling int64, err error) {
	ceiling = math.MaxInt64
	most := 2 * s.rounds
	err = s.events.Places(ctx, s.query, s.below, func(p store.Place) {
		p.Least = max(p.Least, s.query.From) // what lies before was given out: every round gets ahead
		if p.Least >= ceiling || int(p.Position.Shard) < len(s.after) && p.Position.Number < s.after[p.Position.Shard] {
			return
		}
		places = append(places, p)
		if len(places) >= most {
			var next int64
			places, next = first(places, s.rounds)
			ceiling = min(ceiling, next)
			// Places of one instant cannot be told apart by it: then there must be more.
			most = max(most, 2*len(places))
		}
	})
	slices.SortFunc(places, byBeginning)
	return places, ceiling, err
}

// first keeps about n places that begin first, and returns the instant where the
// others begin.
func first(places []store.Place, n int) ([]store.Place, int64) {
	slices.SortFunc(places, byBeginning)
	ceiling := places[n].Least
	if ceiling == places[0].Least {
		i := slices.IndexFunc(places, func(p store.Place) bool { return p.Least > ceiling })
		if i < 0 {
			return places, math.MaxInt64
		}
		ceiling = places[i].Least
	}
	return slices.DeleteFunc(places, func(p store.Place) bool { return p.Least >= ceiling }), ceiling
}

func byBeginning(a, b store.Place) int {
	return cmp.Or(cmp.Compare(a.Least, b.Least), cmp.Compare(a.Position.Shard, b.Position.Shard), cmp.Compare(a.Position.Number, b.Position.Number))
}

// merge gives out everything before the ceiling.
func (s *sorter) merge(ctx context.Context, places []store.Place, ceiling int64) error {
	for i, p := range places {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.settle(p.Least); err != nil {
			return err
		}
		if s.held > s.budget {
			return s.windows(ctx, places[i:], ceiling)
		}
		if err := s.load(p); err != nil {
			return err
		}
	}
	return s.settle(ceiling)
}

// load opens a batch.
func (s *sorter) load(p store.Place) error {
	return s.events.Batch(p.Position, func(view event.Batch) error {
		b, err := event.View(slices.Clone(view.Record()))
		if err != nil {
			return err
		}
		o := &opened{batch: b, number: p.Position}
		o.order, o.greatest = s.wanted(b)
		if o.len() > 0 {
			s.open = append(s.open, o)
			s.held += int64(len(b.Record()))
		}
		return nil
	})
}

// wanted are the events of a batch that the query and the pattern select, by
// time; nil when that is all of them as they lie.
func (s *sorter) wanted(b event.Batch) (order []uint32, greatest int64) {
	least, greatest := b.Span()
	ordered := inOrder(b)
	if s.pattern == nil && ordered && least >= s.query.From && greatest < s.query.To {
		return nil, greatest
	}
	s.ends = b.AppendEnds(s.ends[:0])
	s.hits = s.hits[:0]
	if s.pattern != nil {
		s.hits = s.pattern.MatchBatch(pattern.Batch{Text: b.Text(), Ends: s.ends}, s.hits)
	} else {
		for i := range b.Len() {
			s.hits = append(s.hits, uint32(i))
		}
	}
	order = make([]uint32, 0, len(s.hits))
	for _, i := range s.hits {
		if at := b.Timestamp(int(i)); at >= s.query.From && at < s.query.To {
			order = append(order, i)
		}
	}
	if !ordered {
		slices.SortStableFunc(order, func(x, y uint32) int {
			return cmp.Compare(b.Timestamp(int(x)), b.Timestamp(int(y)))
		})
	}
	return order, greatest
}

func inOrder(b event.Batch) bool {
	for i := 1; i < b.Len(); i++ {
		if b.Timestamp(i) < b.Timestamp(i-1) {
			return false
		}
	}
	return true
}

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

// settle gives out everything before an instant and closes what is used up.
func (s *sorter) settle(before int64) error {
	switch len(s.open) {
	case 0:
		return nil
	case 1:
		o := s.open[0]
		end := o.until(before)
		if err := s.give(o, o.next, end); err != nil {
			return err
		}
		o.next = end
	default:
		if err := s.interleave(before); err != nil {
			return err
		}
	}
	s.open = slices.DeleteFunc(s.open, func(o *opened) bool {
		if o.next < o.len() {
			return false
		}
		s.held -= int64(len(o.batch.Record()))
		return true
	})
	return nil
}

// interleave gives out what several batches have before an instant.
func (s *sorter) interleave(before int64) error {
	s.refs = s.refs[:0]
	for _, o := range s.open {
		end := o.until(before)
		for ; o.next < end; o.next++ {
			i := o.event(o.next)
			s.refs = append(s.refs, ref{o.batch.Timestamp(int(i)), o, i})
		}
	}
	slices.SortFunc(s.refs, byID)
	return s.giveRefs(s.refs)
}

// byID is the order of events: that of their ids, which begin with the
// timestamp. Equal ids, which one request in several batches can have, follow
// their batches.
func byID(x, y ref) int {
	if x.at != y.at {
		return cmp.Compare(x.at, y.at)
	}
	if x.from == y.from {
		return cmp.Compare(x.event, y.event)
	}
	return cmp.Or(
		cmp.Compare(x.from.batch.Ingested(), y.from.batch.Ingested()),
		cmp.Compare(x.from.batch.Request(), y.from.batch.Request()),
		cmp.Compare(x.from.number.Shard, y.from.number.Shard),
		cmp.Compare(x.from.number.Number, y.from.number.Number),
	)
}

// giveRefs gives out sorted events as runs of neighbours.
func (s *sorter) giveRefs(refs []ref) error {
	for len(refs) > 0 {
		n := 1
		for n < len(refs) && refs[n].from == refs[0].from && refs[n].event == refs[n-1].event+1 {
			n++
		}
		if err := s.pass(refs[0].from.batch, int(refs[0].event), n); err != nil {
			return err
		}
		refs = refs[n:]
	}
	return nil
}

// give gives out the wanted events [from, to) of one batch.
func (s *sorter) give(o *opened, from, to int) error {
	if o.order == nil {
		return s.pass(o.batch, from, to-from)
	}
	for from < to {
		n := 1
		for from+n < to && o.order[from+n] == o.order[from+n-1]+1 {
			n++
		}
		if err := s.pass(o.batch, int(o.order[from]), n); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// pass gives out n neighbours, which lie in the order of time, except for those
// that the cursor passes over.
func (s *sorter) pass(b event.Batch, from, n int) error {
	to := from + n
	for ; from < to && s.done.Skip > 0 && b.Timestamp(from) == s.done.At; from++ {
		s.done.Skip-- // the query leaves out what lies before
	}
	if from == to {
		return nil
	}
	return s.run(b, from, to)
}
