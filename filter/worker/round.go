package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"sluice/filter"
	"sluice/internal/event"
)

// round is what one call matches, and its memory.
type round struct {
	matching   filter.Matching
	out        [][]event.Parcel // by destination, in order
	deliveries []event.Delivery // the parcels'
	selections []uint32         // theirs
	tallies    []tally
	key        []byte // of the log group at hand

	events, unfiltered, foreign int64 // events of log groups with and without filters; records that are no batches
}

// tally is what one filter did with one batch.
type tally struct {
	filter               *counted
	read, matched, bytes int64
}

func (w *Worker) begin() *round { return w.rounds.Get().(*round) }

func (w *Worker) end(r *round) {
	r.reset()
	w.rounds.Put(r)
}

// reset forgets everything but the memory: batches must not be held by it.
func (r *round) reset() {
	for i := range r.out {
		clear(r.out[i])
		r.out[i] = r.out[i][:0]
	}
	clear(r.deliveries)
	clear(r.tallies)
	r.deliveries, r.selections, r.tallies = r.deliveries[:0], r.selections[:0], r.tallies[:0]
	r.events, r.unfiltered, r.foreign = 0, 0, 0
}

// rankBits are the low bits of a number, which tell filters apart.
const rankBits = 16

// match adds what the filters of a batch's log group select of it.
//
// hot: BenchmarkVisit
func (r *round) match(w *Worker, b event.Batch, at event.Position) {
	r.key = groupKey(r.key[:0], b.Parts().Source)
	g := w.groups[string(r.key)]
	if g == nil {
		r.unfiltered += int64(b.Len())
		return
	}
	r.events += int64(b.Len())
	first := len(r.tallies)
	for _, f := range g.filters {
		r.tallies = append(r.tallies, tally{filter: f, read: int64(b.Len())})
	}
	g.matcher.Match(&r.matching, b)
	for i, f := range g.filters {
		sel := g.matcher.Selected(&r.matching, b, i)
		if len(sel) == 0 {
			continue
		}
		d := event.Delivery{Batch: b, Filter: f.Name, Traits: g.matcher.Traits(i), Position: at, Selection: r.keep(sel, b.Len())}
		t := &r.tallies[first+i]
		t.matched, t.bytes = int64(d.Events()), int64(d.Bytes())
		r.add(f, d, at)
	}
}

// keep copies a selection into the round; nil stands for all of n events.
func (r *round) keep(sel event.Selection, n int) event.Selection {
	if len(sel) == n {
		return nil
	}
	from := len(r.selections)
	r.selections = append(r.selections, sel...)
	return r.selections[from:len(r.selections):len(r.selections)]
}

// add puts a delivery into a parcel of its own, or beside that of another filter
// whose name has the same rank.
func (r *round) add(f *counted, d event.Delivery, at event.Position) {
	number := at.Number<<rankBits | uint64(f.rank)
	out := r.out[f.to]
	if n := len(out); n > 0 && out[n-1].Position.Number == number {
		out[n-1].Deliveries = append(out[n-1].Deliveries, d)
		return
	}
	from := len(r.deliveries)
	r.deliveries = append(r.deliveries, d)
	r.out[f.to] = append(out, event.Parcel{
		Position: event.Position{Shard: at.Shard, Number: number}, Arrived: d.Batch.Ingested(),
		Deliveries: r.deliveries[from : from+1 : from+1],
	})
}

// produce gives all destinations their parcels at once. Each of them is asked, also
// when another one fails.
func (r *round) produce(ctx context.Context, s *Source, partition uint32) error {
	errs := make([]error, len(r.out))
	var wg sync.WaitGroup
	for i, parcels := range r.out {
		if len(parcels) == 0 {
			continue
		}
		d := s.worker.destinations[i]
		wg.Go(func() {
			if err := d.produce(ctx, s, partition, parcels); err != nil {
				errs[i] = fmt.Errorf("destination %s: %w", d.arn, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
