package firehose

import (
	"context"
	"fmt"
	"testing"

	"sluice/internal/event"
	"sluice/internal/vfs"
)

func newTestSpool(t testing.TB) *spool {
	t.Helper()
	s := newSpool(vfs.NewMem(), "/scratch")
	s.reset(Place{}, keyMarks{})
	return s
}

// TestSpool adds records in pages, releases up to every position, and wants spans,
// places, marks and records to follow from what was added.
func TestSpool(t *testing.T) {
	const n, size = 200, 20_000 // four chunks, with holes
	for upTo := uint64(0); upTo <= 2*n; upTo += 37 {
		s := newTestSpool(t)
		for i := range uint64(n) {
			r := Record{
				Number: 2 * i, Place: Place{2*i + 1, fmt.Sprint("t", i)}, Arrived: int64(1000 + i), Value: fmt.Appendf(nil, "%0*d", size, i),
				Key: Key{Stream: 1 + i%2, First: i},
			}
			if taken, err := s.add(&r, int64(i)); err != nil || !taken {
				t.Fatal(taken, err)
			}
			if taken, err := s.add(&r, int64(i)); err != nil || taken {
				t.Fatal("a duplicate was taken", err)
			}
			if i%7 == 6 || i == n-1 {
				if err := s.flush(Place{2*i + 2, fmt.Sprint("t", i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		place, marks, err := s.at(upTo)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.advance(place, marks); err != nil {
			t.Fatal(err)
		}
		below := (upTo + 1) / 2 // records
		want := Place{upTo, ""}
		if below > 0 {
			want.Token = fmt.Sprint("t", below-1)
		}
		if place != want {
			t.Errorf("up to %d: place %v, want %v", upTo, place, want)
		}
		if below > 1 && (!marks.has(Key{Stream: 1 + (below-1)%2, First: below - 1}) || marks.has(Key{Stream: 1 + (below-1)%2, First: below})) {
			t.Errorf("up to %d: marks %v", upTo, marks)
		}
		span := s.span(upTo, 1<<40)
		if rest := int64(n - below); span.Count != rest || span.Bytes != rest*size || rest > 0 && (span.Oldest != int64(1000+below) || span.Range.End != 2*n) {
			t.Errorf("up to %d: span %+v, %d are left", upTo, span, rest)
		}
		next := 2 * below
		err = s.parcels(t.Context(), upTo, 2*n, func(p event.Parcel) error {
			if p.Position.Number != next || p.Arrived != int64(1000+next/2) || string(p.Records[0]) != fmt.Sprintf("%0*d", size, next/2) {
				t.Errorf("up to %d: record %d, want %d", upTo, p.Position.Number, next)
			}
			next += 2
			return nil
		})
		if err != nil || next != 2*n {
			t.Errorf("up to %d: ends at %d, %v", upTo, next, err)
		}
		s.close()
		if left, err := s.fs.ReadDir("/"); err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	}
}

// BenchmarkSpool writes records of 1 KiB to scratch and reads them back once.
func BenchmarkSpool(b *testing.B) {
	dir := b.TempDir()
	s := newSpool(vfs.OS, dir+"/s")
	s.reset(Place{}, keyMarks{})
	r := Record{Value: make([]byte, 1024)}
	const page = 4096
	b.SetBytes(page * 1024)
	b.ReportAllocs()
	for b.Loop() {
		from := r.Number
		for range page {
			r.Place.Number = r.Number + 1
			if _, err := s.add(&r, 1); err != nil {
				b.Fatal(err)
			}
			r.Number++
		}
		if err := s.flush(Place{Number: r.Number}); err != nil {
			b.Fatal(err)
		}
		n := 0
		err := s.parcels(context.Background(), from, r.Number, func(p event.Parcel) error { n += len(p.Records); return nil })
		if err != nil || n != page {
			b.Fatal(n, err)
		}
		if err := s.advance(Place{Number: r.Number}, keyMarks{}); err != nil {
			b.Fatal(err)
		}
	}
	s.close()
}
