package exporttask

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/filter/pattern"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// shelf is Events over batches in memory.
type shelf struct {
	batches []event.Batch
	reads   int
}

func (s *shelf) Durable() []uint64 { return []uint64{uint64(len(s.batches)) + 1} }

func (s *shelf) Places(_ context.Context, q store.Query, below []uint64, visit func(store.Place)) error {
	for i, b := range s.batches {
		least, greatest := b.Span()
		if uint64(i+1) < below[0] && least < q.To && greatest >= q.From {
			visit(store.Place{Position: event.Position{Number: uint64(i + 1)}, Stream: b.StreamUID(), Least: least, Greatest: greatest})
		}
	}
	return nil
}

func (s *shelf) Batch(p event.Position, visit func(event.Batch) error) error {
	s.reads++
	return visit(s.batches[p.Number-1])
}

// put seals a batch of events at the given times.
func (s *shelf) put(t testing.TB, request uint64, message func(i int) string, times ...int64) {
	t.Helper()
	b := event.GetBuilder(len(times) * 200)
	for i, at := range times {
		if err := b.Append(at, []byte(message(i))); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 2, Ingested: int64(request / 3), Request: request}, event.Source{LogGroup: "g", LogStream: "s"})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := event.View(slices.Clone(sealed.Record()))
	if err != nil {
		t.Fatal(err)
	}
	s.batches = append(s.batches, copied)
	b.Release()
}

// line is an event with the place it has in the order of a stream.
type line struct {
	at      int64
	id      event.ID
	number  int
	message string
}

// model is what a sorted stream must be: everything wanted, sorted at once.
func (s *shelf) model(q store.Query, p *pattern.Pattern) (out []line) {
	for n, b := range s.batches {
		for i := range b.Len() {
			at := b.Timestamp(i)
			if at >= q.From && at < q.To && (p == nil || p.Match(b.Message(i))) {
				out = append(out, line{at, b.ID(i), n, string(b.Message(i))})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y line) int {
		if c := cmp.Compare(x.at, y.at); c != 0 || x.number == y.number {
			return c
		}
		return cmp.Or(cmp.Compare(x.id.Ingested, y.id.Ingested), cmp.Compare(x.id.Request, y.id.Request), cmp.Compare(x.number, y.number))
	})
	return out
}

// spooled is a spool of what a shelf holds, around a page cache, as a worker reads
// it.
func spooled(t *testing.T, r *rand.Rand, s *shelf, q store.Query) *spoolReader {
	var wrote, read int
	spool, err := createSpool(aroundFS{vfs.NewMem(), r, &wrote, &read}, spoolPath, []uint64{q.Stream})
	if err != nil {
		t.Fatal(err)
	}
	spool.goAround()
	filling := spooling{spool: spool, events: &crowd{*s}, query: store.Query{Group: q.Group, From: q.From, To: q.To}, below: s.Durable(), rounds: 99, bytes: 1 + r.IntN(5000)}
	if err := filling.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	return spool.reader()
}

// TestSorterIsASort compares the sorter, over a store and over a spool, under every
// budget and in rounds of any size, with sorting everything at once; and from any
// cursor on with the rest.
func TestSorterIsASort(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := &shelf{}
		overlap, shuffled := 1+r.Int64N(400), r.IntN(4) == 0
		for n := range 1 + r.IntN(40) {
			start := int64(n)*50 + r.Int64N(overlap)
			times := make([]int64, 1+r.IntN(12))
			for i := range times {
				times[i] = start + r.Int64N(30)
			}
			if !shuffled || r.IntN(3) > 0 {
				slices.Sort(times)
			}
			s.put(t, r.Uint64N(20), func(i int) string { return fmt.Sprintf("%d.%d %s", n, i, [...]string{"ok", "ERROR"}[r.IntN(2)]) }, times...)
		}
		q := store.Query{Group: 1, Stream: 2, From: r.Int64N(500), To: 300 + r.Int64N(3000)}
		var p *pattern.Pattern
		if r.IntN(3) == 0 {
			p, _ = pattern.Compile("ERROR")
		}
		want := s.model(q, p)
		var events Events = s
		reader := spooled(t, r, s, q)
		if seed%2 == 0 {
			events = reader
		}
		f := func(from cursor, want []line) {
			t.Helper()
			var got []line
			sort := sorter{
				events: events, query: q, below: s.Durable(), pattern: p,
				budget: r.Int64N(5000), rounds: 1 + r.IntN(20),
				run: func(events []stretch) error {
					for _, e := range events {
						for i := e.from; i < e.to; i++ {
							got = append(got, line{at: e.batch.Timestamp(i), message: string(e.batch.Message(i))})
						}
					}
					return nil
				},
			}
			if err := sort.sort(t.Context(), from); err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, want, func(x, y line) bool { return x.at == y.at && x.message == y.message }) {
				t.Fatalf("seed %d, from %+v: %d events, want %d", seed, from, len(got), len(want))
			}
			if len(reader.windows) > mostLent+1 || slices.ContainsFunc(reader.windows, func(w *window) bool { return w.lent != 0 }) {
				t.Fatalf("seed %d: %d windows, or one that stays lent", seed, len(reader.windows))
			}
		}
		f(cursor{}, want)
		if len(want) > 0 {
			i := r.IntN(len(want)) // this one and all before it are done
			from := cursor{At: want[i].at}
			for j := i; j >= 0 && want[j].at == from.At; j-- {
				from.Skip++
			}
			f(from, want[i+1:])
		}
	}
}

// A stream that one agent writes is read once, whatever the budget, and given
// out in runs as long as its batches.
func TestOrderedStreamIsReadOnce(t *testing.T) {
	s := &shelf{}
	for n := range int64(100) {
		s.put(t, uint64(n), func(i int) string { return "message" }, n*10, n*10+3, n*10+10)
	}
	runs := 0
	sort := sorter{events: s, query: store.Query{To: 1 << 40}, below: s.Durable(), budget: 1 << 20, rounds: 1000,
		run: func(events []stretch) error { runs += len(events); return nil }}
	if err := sort.sort(t.Context(), cursor{}); err != nil {
		t.Fatal(err)
	}
	if s.reads != 100 || runs > 300 {
		t.Errorf("%d reads and %d runs of 100 batches", s.reads, runs)
	}
}

// TestOverlapTakesNoMemory: where more batches overlap than the budget holds, they are
// read again and again, and what was read is not kept.
func TestOverlapTakesNoMemory(t *testing.T) {
	const agents, events, budget = 32, 500, 64 << 10
	s := &shelf{}
	stored := 0
	for n := range agents {
		times := make([]int64, events)
		for i := range times {
			times[i] = int64(i)*100 + int64(n)
		}
		s.put(t, uint64(n), func(i int) string { return fmt.Sprintf("%d.%d %0100d", n, i, i) }, times...)
		stored += len(s.batches[n].Record())
	}
	most, seen := 0, 0
	sort := sorter{events: s, query: store.Query{Group: 1, Stream: 2, To: 1 << 40}, below: s.Durable(), budget: budget, rounds: 1000}
	sort.run = func(events []stretch) error {
		kept := 0
		for _, o := range slices.Concat(sort.spare, sort.open) {
			kept += cap(o.record)
		}
		most = max(most, kept)
		for _, e := range events {
			seen += e.to - e.from
		}
		return nil
	}
	if err := sort.sort(t.Context(), cursor{}); err != nil {
		t.Fatal(err)
	}
	if most > 8*budget || seen != agents*events {
		t.Errorf("%d bytes in memory of %d that are stored, with a budget of %d; %d events", most, stored, budget, seen)
	}
}
