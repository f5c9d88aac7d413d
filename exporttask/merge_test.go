package exporttask

import (
	"fmt"
	"testing"

	"sluice/bench/corpus"
	"sluice/exporttask/exporttasktest"
	"sluice/internal/format"
	"sluice/internal/store"
)

// overlapping is a stream of batches each of which begins before the one before
// it has ended, with events that alternate.
func overlapping(tb testing.TB, batches, events int) (s *shelf, bytes int64) {
	s = &shelf{}
	g := corpus.New(corpus.Access, 1, corpus.Epoch)
	var line []byte
	for n := range batches {
		times := make([]int64, events)
		for i := range times {
			times[i] = int64(n)*10_000 + int64(i)*25_000/int64(events)
		}
		s.put(tb, uint64(n), func(int) string { line, _ = g.AppendEvent(line[:0]); return string(line) }, times...)
		bytes += int64(s.batches[n].MessageBytes())
	}
	return s, bytes
}

// sortAll sorts all of a shelf.
func (s *shelf) sortAll(tb testing.TB, run func([]stretch) error) {
	sort := sorter{events: s, query: store.Query{To: 1 << 40}, below: s.Durable(), budget: 1 << 20, rounds: 1000, run: run}
	if err := sort.sort(tb.Context(), cursor{}); err != nil {
		tb.Fatal(err)
	}
}

// TestEventsCostNoAllocations merges batches and makes their lines: what is
// allocated belongs to batches, which are visited by a function, and to the object.
func TestEventsCostNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget on purpose under the race detector")
	}
	const batches, events = 100, 200
	s, _ := overlapping(t, batches, events)
	codec, err := format.CodecNamed("UNCOMPRESSED")
	if err != nil {
		t.Fatal(err)
	}
	f := func(of shape, most float64) {
		t.Helper()
		got := testing.AllocsPerRun(20, func() {
			l := of.newBody()
			s.sortAll(t, func(e []stretch) error { l.append(e); return nil })
			o, err := l.close()
			if err != nil || o.Count != batches*events {
				t.Fatal(o.Count, err)
			}
			o.Release()
		})
		if got > most { // a collection in between empties pools
			t.Errorf("%.0f allocations for %d events in %d batches", got, batches*events, batches)
		}
	}
	f(shape{codec: codec}, 4*batches)
	f(shape{codec: codec, ndjson: true}, 20*batches) // names of the source
}

// BenchmarkMerge sorts a stream whose batches overlap, event by event.
func BenchmarkMerge(b *testing.B) {
	s, bytes := overlapping(b, 200, 200)
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		s.sortAll(b, func(e []stretch) error { n += len(e); return nil })
		if n < 200*100 {
			b.Fatal(n)
		}
	}
}

// BenchmarkLines makes lines of whole batches, and of two batches in turn.
func BenchmarkLines(b *testing.B) {
	s, bytes := overlapping(b, 200, 200)
	codec, err := format.CodecNamed("UNCOMPRESSED")
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range []string{formatAWS, formatNDJSON} {
		for _, turns := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/turns=%v", kind, turns), func(b *testing.B) {
				events := s.stretches(turns)
				b.SetBytes(bytes)
				b.ReportAllocs()
				before := exporttasktest.CPU(b)
				for b.Loop() {
					l := shape{codec: codec, ndjson: kind == formatNDJSON}.newBody()
					l.append(events)
					o, err := l.close()
					if err != nil {
						b.Fatal(err)
					}
					o.Release()
				}
				spent := exporttasktest.CPU(b) - before
				b.ReportMetric(float64(bytes)*float64(b.N)/1e6/spent.Seconds(), "MB/cpu-s")
			})
		}
	}
}

// stretches are all events, batch by batch or from two batches in turn.
func (s *shelf) stretches(turns bool) (all []stretch) {
	for i := 0; i < len(s.batches); i += 2 {
		x, y := &s.batches[i], &s.batches[i+1]
		if !turns {
			all = append(all, stretch{x, 0, x.Len()}, stretch{y, 0, y.Len()})
			continue
		}
		for n := range x.Len() {
			all = append(all, stretch{x, n, n + 1}, stretch{y, n, n + 1})
		}
	}
	return all
}
