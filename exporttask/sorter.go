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

	// run gets events in the order of the stream. The batches, and the slice, are
	// the sorter's again once it returns.
	run func(events []stretch) error

	done     cursor // what was given out or is to be passed over
	open     []*opened
	held     int64 // bytes of open
	*merging       // memory, while sort runs
}

// sort visits everything behind the cursor.
func (s *sorter) sort(ctx context.Context, from cursor) error {
	s.merging = mergings.Get().(*merging)
	defer func() {
		s.out = s.out[:0]
		s.shut()
		mergings.Put(s.merging)
		s.merging = nil
	}()
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
		s.shut()
		s.query.From = ceiling
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
	o := s.take()
	found, err := s.read(p.Position, o)
	if err != nil {
		return err
	}
	if found {
		o.number = p.Position
		o.order, o.greatest = s.wanted(o.batch, &o.indexes)
	}
	if !found || o.len() == 0 {
		s.giveBack(o)
		return nil
	}
	s.open = append(s.open, o)
	s.held += o.size()
	return nil
}

// lender is Events that have batches in memory for as long as those are open.
type lender interface {
	// Lend opens the batch at a position, until it is given back.
	Lend(p event.Position, o *opened) error
}

// read opens a batch, unless it is gone.
func (s *sorter) read(p event.Position, o *opened) (found bool, err error) {
	if from, ok := s.events.(lender); ok {
		err = from.Lend(p, o)
		return err == nil, err
	}
	err = s.events.Batch(p, func(view event.Batch) error {
		o.record, found = append(o.record[:0], view.Record()...), true
		return nil
	})
	if !found || err != nil {
		return false, err
	}
	o.batch, err = event.View(o.record)
	return err == nil, err
}

// wanted are the events of a batch that the query and the pattern select, by
// time, in the given memory; nil when that is all of them as they lie.
func (s *sorter) wanted(b event.Batch, memory *[]uint32) (order []uint32, greatest int64) {
	least, greatest := b.Span()
	ordered := b.InOrder()
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
	order = slices.Grow((*memory)[:0], 1+len(s.hits)) // never nil
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
	*memory = order
	return order, greatest
}

// shut closes what is open.
func (s *sorter) shut() {
	for _, o := range s.open {
		s.giveBack(o)
	}
	s.open, s.held = s.open[:0], 0
}

// settle gives out everything before an instant and closes what is used up.
func (s *sorter) settle(before int64) error {
	if len(s.open) == 0 {
		return nil
	}
	if err := s.interleave(before); err != nil {
		return err
	}
	s.open = slices.DeleteFunc(s.open, func(o *opened) bool {
		if o.next < o.len() {
			return false
		}
		s.held -= o.size()
		s.giveBack(o)
		return true
	})
	return nil
}
