//go:build !race

package firehose

import (
	"testing"

	"sluice/internal/event"
)

// TestSpoolAllocates: neither adding records nor reading them back costs an
// allocation each. (The race detector's own would count.)
func TestSpoolAllocates(t *testing.T) {
	s := newTestSpool(t)
	r := Record{Value: make([]byte, 200), Key: Key{Stream: 1}}
	add := func() {
		r.Number++
		r.Place.Number, r.Key.First = r.Number+1, r.Number
		if _, err := s.add(&r, 1); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 * chunkBytes / 200 {
		add() // until buffers have grown
	}
	if n := testing.AllocsPerRun(1000, add); n > 0.1 {
		t.Errorf("%v allocations to add a record", n)
	}
	if err := s.flush(r.Place); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(10, func() {
		if err := s.parcels(t.Context(), 0, r.Number, func(event.Parcel) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
	if n > 100 {
		t.Errorf("%v allocations to read %d records", n, r.Number)
	}
}
