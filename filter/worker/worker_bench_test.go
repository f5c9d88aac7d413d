package worker

import (
	"context"
	"fmt"
	"testing"

	"sluice/internal/event"
)

// nowhere takes everything.
type nowhere struct{ events int }

func (n *nowhere) Produce(_ context.Context, _ uint64, parcels ...event.Parcel) error {
	for _, p := range parcels {
		n.events += p.Count()
	}
	return nil
}

// benchParcel is a batch of about a megabyte in which 3 % of the events match.
func benchParcel(t testing.TB) event.Parcel {
	var messages []string
	for i := range 2_000 {
		level := "INFO"
		if i%33 == 0 {
			level = "ERROR"
		}
		messages = append(messages, fmt.Sprintf("%s %0500d", level, i))
	}
	b := event.GetBuilder(2 << 20)
	for i, m := range messages {
		if err := b.Append(int64(i), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{}, event.Source{Account: scope.Account, Region: scope.Region, LogGroup: "/a", LogStream: "s"})
	if err != nil {
		t.Fatal(err)
	}
	return at(0, 1, sealed)
}

func BenchmarkVisit(b *testing.B) {
	s := newWorker(b, []Filter{declare("/a", "errors", "ERROR", lake)}, Destination{lake, &nowhere{}}).Source("events")
	parcel := benchParcel(b)
	b.SetBytes(int64(parcel.Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Visit(b.Context(), []event.Parcel{parcel}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMatchDoesNotAllocate guards what is done for each event and each batch; a
// Visit adds a goroutine for each destination.
func TestMatchDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w := newWorker(t, []Filter{declare("/a", "errors", "ERROR", lake)}, Destination{lake, &nowhere{}})
	parcel := benchParcel(t)
	r := w.begin()
	n := testing.AllocsPerRun(50, func() {
		r.match(w, parcel.Deliveries[0].Batch, parcel.Position)
		if len(r.out[0]) == 0 {
			t.Fatal("nothing matched")
		}
		r.reset()
	})
	if n != 0 {
		t.Error("allocations for a batch of 2,000 events:", n)
	}
}
