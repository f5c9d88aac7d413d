package event_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/internal/event"
)

// TestInOrder compares InOrder with the timestamps themselves, and LineBytes with
// Lines.
func TestInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	ordered := 0
	for range 500 {
		b := event.GetBuilder(1 << 10)
		times := make([]int64, 1+r.IntN(5))
		for i := range times {
			times[i] = r.Int64N(6) - 3
			if err := b.Append(times[i], make([]byte, 1+r.IntN(3))); err != nil {
				t.Fatal(err)
			}
		}
		batch, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{LogGroup: "g"})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := batch.InOrder(), slices.IsSorted(times); got != want {
			t.Fatalf("%v: in order %v", times, got)
		} else if got {
			ordered++
		}
		for from := range times {
			for to := from; to <= len(times); to++ {
				if got, want := batch.LineBytes(from, to), len(batch.Lines(from, to)); got != want {
					t.Fatalf("lines [%d, %d) are %d bytes, not %d", from, to, want, got)
				}
			}
		}
		b.Release()
	}
	if ordered < 50 || ordered > 450 {
		t.Errorf("%d of 500 are in order: the test shows little", ordered)
	}
}
