package filter

import (
	"fmt"
	"log/slog"
	"testing"

	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// oneFilter is a definition that never changes.
type oneFilter struct{}

func (oneFilter) FilterVersions() []catalog.SubscriptionFilter {
	return []catalog.SubscriptionFilter{{UID: 1, Filter: 1, GroupUID: 10, Name: "errors", Pattern: "ERROR", Route: 100, From: []uint64{0}}}
}

func (oneFilter) Generation() uint64 { return 1 }

// benchWorker has a batch of about a megabyte in which 3 % of the events match.
func benchWorker(t testing.TB) (*worker, wal.Frame, int) {
	t.Helper()
	b := event.GetBuilder(2 << 20)
	for i := range 2_000 {
		level := "INFO"
		if i%33 == 0 {
			level = "ERROR"
		}
		if err := b.Append(int64(i), fmt.Appendf(nil, "%s %0500d", level, i)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: 10, StreamUID: 1}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	w := &worker{
		cfg: Config{Definitions: oneFilter{}, Logger: log}, shard: Shard{State: NewState()},
		plans: plans{definitions: oneFilter{}, log: log},
	}
	return w, wal.Frame{Type: wal.TypeBatch, Key: 10, Seq: 1, Payload: sealed.Record()}, sealed.MessageBytes()
}

func BenchmarkDispatch(b *testing.B) {
	w, frame, bytes := benchWorker(b)
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.batch(frame); err != nil {
			b.Fatal(err)
		}
		w.entries, w.keys = w.entries[:0], w.keys[:0]
	}
}

func TestDispatchOfABatchDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w, frame, _ := benchWorker(t)
	n := testing.AllocsPerRun(50, func() {
		if err := w.batch(frame); err != nil {
			t.Fatal(err)
		}
		if len(w.entries) == 0 {
			t.Fatal("nothing matched")
		}
		w.entries, w.keys = w.entries[:0], w.keys[:0]
	})
	if n != 0 {
		t.Error("allocations for a batch of 2,000 events:", n)
	}
}
