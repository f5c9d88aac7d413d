package logsapi

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"sluice/filter/pattern"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/store"
)

// sweep finds one page of events in the order of their ids, over streams that
// are only roughly in the order of time.
//
// Forwards, it opens batches in the order of their first instant, as the index
// tells it. Everything before the first instant of the next batch is settled: no
// batch that is still closed can hold an event there. So the page is complete
// when it is full and the next batch begins behind its last event, and when the
// sweep has looked through enough for one call, what is settled is a page, too,
// and the next one begins at that instant. Backwards is the mirror image, from
// the last instants.
//
//	      page            | settled
//	|-- batch 1 --|       |
//	   |------ batch 2 ---|-------|
//	         |-- batch 3 -|-|
//	                      |--- batch 4, not opened ---|
//
// It holds one page of copied events, and index entries of at most roundPlaces
// batches at a time.
type sweep struct {
	index Index
	read  func(p event.Position, visit func(event.Batch) error) error

	query   store.Query
	below   []uint64 // positions: the walk is through what lies below
	pattern *pattern.Pattern
	wanted  func(stream uint64) (name string, ok bool)
	at      cursor // where the page begins; then where the next one does
	limit   int

	page   *least[match]
	left   bool    // the page had no place for an event
	found  []match // the page in order
	budget scanBudget

	ends     []uint32 // scratch of a batch
	selected []uint32
}

// match is one event of a page, its message copied.
type match struct {
	id              event.ID
	stream, message string
}

// roundPlaces bounds the index entries in memory; more take another look at the
// index.
const roundPlaces = 8192

func (a *API) newSweep(g catalog.LogGroup, limit int) *sweep {
	return &sweep{
		index: a.cfg.Events, query: store.Query{Group: g.UID}, limit: limit,
		budget: scanBudget{bytes: a.cfg.ScanBytes, time: a.cfg.ScanTime},
	}
}

// run fills s.found, and tells whether there is more behind s.at.
func (s *sweep) run(ctx context.Context) (more bool, err error) {
	s.narrow()
	if s.read = s.index.Batch; s.pattern != nil { // without one, the next page begins in the same batches
		s.read = s.index.Reader(s.query.Needles)
	}
	s.page = &least[match]{
		count: s.limit, weight: maxPageBytes,
		compare: func(x, y match) int { return s.sign() * x.id.Compare(y.id) },
		// One event alone is a page, whatever its size.
		weigh: func(f match) int { return min(len(f.message)+eventOverhead, maxPageBytes) },
	}
	var opened *store.Place
	for {
		round, err := s.round(ctx, opened)
		if err != nil {
			return false, err
		}
		places := round.sorted()
		for i, p := range places {
			switch {
			case s.settled(p):
				return s.stop(), nil
			case s.spent(p):
				s.stopAt(s.edge(p))
				return true, nil
			}
			if err := ctx.Err(); err != nil {
				return false, err
			}
			if err := s.open(p); err != nil {
				return false, err
			}
			opened = &places[i]
		}
		if round.bound == nil {
			return s.stop() && (s.left || s.page.bound != nil), nil
		}
	}
}

func (s *sweep) sign() int {
	if s.at.forward {
		return 1
	}
	return -1
}

// narrow leaves out the instants that pages before this one have dealt with.
func (s *sweep) narrow() {
	switch {
	case !s.at.set:
	case s.at.forward:
		s.query.From = max(s.query.From, s.at.id.Timestamp)
	case s.at.id.Timestamp < s.query.To:
		s.query.To = s.at.id.Timestamp + 1
	}
}

// start is the instant where the page begins.
func (s *sweep) start() int64 {
	if s.at.forward {
		return s.query.From
	}
	return s.query.To - 1
}

// edge is the end of a batch that the sweep meets first.
func (s *sweep) edge(p store.Place) int64 {
	if s.at.forward {
		return p.Least
	}
	return p.Greatest
}

// behind tells whether an instant comes after another one in the sweep's order.
func (s *sweep) behind(t, other int64) bool {
	if s.at.forward {
		return t > other
	}
	return t < other
}

// round lists the places that come next, behind the one that was opened last.
func (s *sweep) round(ctx context.Context, opened *store.Place) (*least[store.Place], error) {
	round := &least[store.Place]{count: roundPlaces, compare: func(x, y store.Place) int {
		return cmp.Or(
			s.sign()*cmp.Compare(s.edge(x), s.edge(y)),
			cmp.Compare(x.Position.Shard, y.Position.Shard),
			cmp.Compare(x.Position.Number, y.Position.Number),
		)
	}}
	err := s.index.Places(ctx, s.query, s.below, func(p store.Place) {
		if opened != nil && round.compare(p, *opened) <= 0 || !round.wants(p) {
			return
		}
		if _, ok := s.wanted(p.Stream); ok {
			round.add(p)
		}
	})
	return round, err
}

// settled tells whether the page is full, and nothing in a batch or in those
// behind it can come before its last event.
func (s *sweep) settled(p store.Place) bool {
	if s.page.bound != nil && s.behind(s.edge(p), s.page.bound.id.Timestamp) {
		return true
	}
	return len(s.page.kept) >= s.limit && s.behind(s.edge(p), s.page.kept[0].id.Timestamp)
}

// spent tells whether the call has looked through enough. What lies over the
// start was there before: only batches behind it count, so that each page gets
// ahead, at least to the first instant after its start.
func (s *sweep) spent(p store.Place) bool {
	if !s.behind(s.edge(p), s.start()) {
		return false
	}
	return s.budget.spent()
}

// open offers the events of a batch to the page.
func (s *sweep) open(p store.Place) error {
	name, ok := s.wanted(p.Stream)
	if !ok { // deleted meanwhile
		return nil
	}
	return s.read(p.Position, func(b event.Batch) error {
		s.budget.take(len(b.Record()))
		if !s.mayHold(b, p) {
			return nil
		}
		if s.pattern == nil {
			for i := range b.Len() {
				s.offer(b, i, name)
			}
			return nil
		}
		s.ends = b.AppendEnds(s.ends[:0])
		s.selected = s.pattern.MatchBatch(pattern.Batch{Text: b.Text(), Ends: s.ends}, s.selected[:0])
		for _, i := range s.selected {
			s.offer(b, int(i), name)
		}
		return nil
	})
}

// mayHold is a glance at a batch's header: where many batches share an instant,
// most of them belong to other pages.
func (s *sweep) mayHold(b event.Batch, p store.Place) bool {
	first := event.ID{Timestamp: p.Least, Ingested: b.Ingested(), Request: b.Request()}
	last := event.ID{Timestamp: p.Greatest, Ingested: b.Ingested(), Request: b.Request(), Index: math.MaxUint16}
	if !s.at.forward {
		first, last = last, first
	}
	return s.at.beyond(last) && s.fits(first)
}

// fits tells whether the page wants an event with an id.
func (s *sweep) fits(id event.ID) bool {
	if s.page.wants(match{id: id}) {
		return true
	}
	s.left = true
	return false
}

func (s *sweep) offer(b event.Batch, i int, stream string) {
	id := b.ID(i)
	if id.Timestamp < s.query.From || id.Timestamp >= s.query.To || !s.at.beyond(id) || !s.fits(id) {
		return
	}
	s.page.add(match{id, stream, strings.ToValidUTF8(string(b.Message(i)), "\uFFFD")})
}

// stop ends a page behind its last event. true: it has one.
func (s *sweep) stop() bool {
	s.found = s.page.sorted()
	if len(s.found) == 0 {
		return false
	}
	s.at = cursor{forward: s.at.forward, set: true, id: s.found[len(s.found)-1].id}
	return true
}

// stopAt ends a page before an instant; the next one begins with it.
func (s *sweep) stopAt(t int64) {
	s.found = s.page.sorted()
	i := slices.IndexFunc(s.found, func(f match) bool { return !s.behind(t, f.id.Timestamp) })
	if i >= 0 {
		s.found = s.found[:i]
	}
	id := event.ID{Timestamp: t}
	if !s.at.forward {
		id = event.ID{Timestamp: t, Ingested: math.MaxInt64, Request: math.MaxUint64, Index: math.MaxUint16}
	}
	s.at = cursor{forward: s.at.forward, set: true, id: id, at: true}
}

// scanBudget bounds what one call looks through, in bytes of batches and in the
// machine's time since the first of them.
type scanBudget struct {
	bytes int64
	time  time.Duration

	taken int64
	since time.Time // zero: nothing was asked yet
}

const (
	defaultScanBytes = 128 << 20
	defaultScanTime  = time.Second
)

func (b *scanBudget) take(n int) {
	if !b.since.IsZero() {
		b.taken += int64(n)
	}
}

// spent is asked before each batch that counts. The first always passes.
func (b *scanBudget) spent() bool {
	now := clock.Machine{}.Now()
	if b.since.IsZero() {
		b.since = now
		return false
	}
	return b.taken >= b.bytes || now.Sub(b.since) >= b.time
}
