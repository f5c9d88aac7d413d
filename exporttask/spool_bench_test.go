package exporttask

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"sluice/exporttask/exporttasktest"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// repeated is one batch at many places, of one stream after the other.
type repeated struct {
	Stored
	batch   event.Batch
	n       int
	streams int
}

func (s repeated) Places(_ context.Context, _ store.Query, _ []uint64, visit func(store.Place)) error {
	for i := range s.n {
		visit(store.Place{Position: event.Position{Number: uint64(i + 1)}, Stream: uint64(i%s.streams + 1), Least: int64(i), Greatest: int64(i)})
	}
	return nil
}

func (s repeated) Reader([][]byte) func(event.Position, func(event.Batch) error) error {
	return func(_ event.Position, visit func(event.Batch) error) error { return visit(s.batch) }
}

// BenchmarkSpool fills a spool on disk and reads it by stream.
//
//	fill, read  CPU time by byte
func BenchmarkSpool(b *testing.B) {
	const streams, events, size = 200, 200, 330
	builder := event.GetBuilder(1 << 20)
	defer builder.Release()
	for i := range events {
		if err := builder.Append(int64(i), bytes.Repeat([]byte{'x'}, size)); err != nil {
			b.Fatal(err)
		}
	}
	batch, err := builder.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{LogGroup: "g"})
	if err != nil {
		b.Fatal(err)
	}
	all := make([]uint64, streams)
	for i := range all {
		all[i] = uint64(i + 1)
	}
	for _, c := range []struct {
		name   string
		bytes  int
		around bool
	}{
		{"cache/256MB", benchBytes, false}, {"around/256MB", benchBytes, true},
		{"cache/5GB", 20 * benchBytes, false}, {"around/5GB", 20 * benchBytes, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			from := repeated{batch: batch, n: c.bytes / (events * size), streams: streams}
			path := filepath.Join(b.TempDir(), "task.spool")
			var fill, read float64
			for b.Loop() {
				s, err := createSpool(vfs.OS, path, all)
				if err != nil {
					b.Fatal(err)
				}
				if c.around {
					s.goAround()
				}
				before := exporttasktest.CPU(b)
				filling := spooling{spool: s, events: from, query: store.Query{Group: 1, To: 1 << 40}, rounds: roundPlaces, bytes: s.partBytes()}
				if err := filling.fill(b.Context()); err != nil {
					b.Fatal(err)
				}
				filled := exporttasktest.CPU(b)
				readSpool(b, s)
				fill += float64(filled - before)
				read += float64(exporttasktest.CPU(b) - filled)
				if err := s.close(); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(c.bytes))
			b.ReportMetric(fill/float64(b.N)/float64(c.bytes), "fill-ns/B")
			b.ReportMetric(read/float64(b.N)/float64(c.bytes), "read-ns/B")
		})
	}
}

// readSpool reads a spool as workers do.
func readSpool(b *testing.B, s *spool) {
	r := s.reader()
	var o opened
	for _, uid := range s.streams {
		var places []event.Position
		if err := r.Places(b.Context(), store.Query{Stream: uid, To: 1 << 40}, nil, func(p store.Place) { places = append(places, p.Position) }); err != nil {
			b.Fatal(err)
		}
		for _, p := range places {
			if err := r.Lend(p, &o); err != nil {
				b.Fatal(err)
			}
			(&merging{}).giveBack(&o)
		}
	}
}
