package exporttask

import (
	"fmt"
	"testing"

	"sluice/bench/corpus"
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
	got := testing.AllocsPerRun(20, func() {
		l := newLines(codec)
		s.sortAll(t, func(e []stretch) error { l.append(e); return nil })
		o, err := l.close()
		if err != nil || o.Count != batches*events {
			t.Fatal(o.Count, err)
		}
		o.Release()
	})
	if got > 4*batches { // a collection in between empties pools
		t.Errorf("%.0f allocations for %d events in %d batches", got, batches*events, batches)
	}
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

// BenchmarkLines makes lines of single events and of whole batches.
func BenchmarkLines(b *testing.B) {
	s, bytes := overlapping(b, 200, 200)
	codec, err := format.CodecNamed("UNCOMPRESSED")
	if err != nil {
		b.Fatal(err)
	}
	for _, run := range []int{1, 200} {
		b.Run(fmt.Sprint(run), func(b *testing.B) {
			var events []stretch
			for i := range s.batches {
				for from := 0; from < 200; from += run {
					events = append(events, stretch{&s.batches[i], from, from + run})
				}
			}
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				l := newLines(codec)
				l.append(events)
				o, err := l.close()
				if err != nil {
					b.Fatal(err)
				}
				o.Release()
			}
		})
	}
}
