package exporttask

import (
	"context"
	"slices"

	"sluice/internal/event"
	"sluice/internal/store"
)

// windows gives out everything before the ceiling where more batches overlap
// than the budget holds. It reads all batches that touch a window of time, keeps
// only the events in it, and goes on to the next window: memory is bounded, and
// the price is that a batch is read once for each window it touches.
func (s *sorter) windows(ctx context.Context, places []store.Place, ceiling int64) error {
	query, lo := s.query, places[0].Least // everything before it was given out
	ceiling = min(ceiling, query.To)
	for _, o := range s.open {
		least, _ := o.batch.Span()
		places = append(places, store.Place{Position: o.number, Least: least, Greatest: o.greatest})
	}
	s.shut()
	defer func() { s.query = query }()

	width := s.span(places, lo) / 8
	for lo < ceiling {
		hi := min(ceiling, lo+max(width, 1))
		fits, err := s.window(ctx, places, lo, hi)
		if err != nil {
			return err
		}
		if !fits && hi-lo > 1 {
			width = (hi - lo) / 2
			continue
		}
		places = slices.DeleteFunc(places, func(p store.Place) bool { return p.Greatest < hi })
		if len(places) == 0 {
			return nil
		}
		lo, width = hi, width+width/2
	}
	return nil
}

// span is how much time the places cover from an instant on.
func (s *sorter) span(places []store.Place, lo int64) int64 {
	greatest := lo
	for _, p := range places {
		greatest = max(greatest, p.Greatest)
	}
	return greatest - lo
}

// window gives out the events in [lo, hi), unless they do not fit and could be
// fewer.
func (s *sorter) window(ctx context.Context, places []store.Place, lo, hi int64) (fits bool, err error) {
	s.query.From, s.query.To = lo, hi
	defer func() { s.open, s.held = s.open[:0], 0 }() // copies, of which there is no end: not kept
	for _, p := range places {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if p.Least >= hi || p.Greatest < lo {
			continue
		}
		if err := s.cutOut(p); err != nil {
			return false, err
		}
		if s.held > s.budget && hi-lo > 1 {
			return false, nil
		}
	}
	return true, s.interleave(hi)
}

// cutOut opens a copy of the events of a batch that the query wants.
func (s *sorter) cutOut(p store.Place) error {
	return s.events.Batch(p.Position, func(view event.Batch) error {
		order, _ := s.wanted(view, &s.picked)
		if order != nil && len(order) == 0 {
			return nil
		}
		slices.Sort(order)
		rec, err := event.AppendSelected(nil, view, order)
		if err != nil {
			return err
		}
		b, err := event.View(rec)
		if err != nil {
			return err
		}
		o := &opened{batch: b, record: rec, number: p.Position}
		o.order, o.greatest = s.wanted(b, &o.indexes)
		s.open = append(s.open, o)
		s.held += int64(len(rec))
		return nil
	})
}
