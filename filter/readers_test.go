package filter

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// fixed are definitions that never change.
type fixed []catalog.SubscriptionFilter

func (f fixed) FilterVersions() []catalog.SubscriptionFilter { return f }
func (f fixed) Generation() uint64                           { return 1 }

// idle are n filters of which none selects anything of what batchOf makes.
func idle(n int) (filters fixed) {
	for i := range uint64(n) {
		filters = append(filters, catalog.SubscriptionFilter{
			UID: i + 1, Filter: i + 1, GroupUID: 10, Name: fmt.Sprint("idle-", i), Route: 100, From: []uint64{0},
			Pattern: [...]string{`"absent-%d"`, `{ $.status = %d && $.method = "GET" }`, `"request completed" "absent-%d"`, `{ $.service = "absent-%d" }`}[i%4],
		})
		filters[i].Pattern = fmt.Sprintf(filters[i].Pattern, 700+i)
	}
	return filters
}

func workerOf(filters fixed) *worker {
	log := slog.New(slog.DiscardHandler)
	return &worker{cfg: Config{Definitions: filters, Logger: log}, shard: Shard{State: NewState()}, plans: plans{definitions: filters, log: log}}
}

// batchOf is a batch of n events at a position of the log.
func batchOf(t testing.TB, number uint64, n int) (wal.Frame, event.Batch) {
	t.Helper()
	b := event.GetBuilder(1 << 20)
	for i := range n {
		message := fmt.Sprintf(`{"level":"INFO","method":"GET","status":%d,"service":"checkout","message":"request completed","path":"/v1/orders","number":%d}`, 200+i%7, i)
		if err := b.Append(int64(i), []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: 10, StreamUID: 1}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return wal.Frame{Type: wal.TypeBatch, Key: 10, Seq: number, Payload: sealed.Record()}, sealed
}

// TestReadersAreCountedAsEachFilterWouldBe holds what is counted for all filters of a
// plan at once against what is counted filter by filter, at positions where all of
// them are in force and others, while somebody looks.
func TestReadersAreCountedAsEachFilterWouldBe(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		filters := idle(1 + r.IntN(12))
		for i := range filters {
			f := &filters[i]
			if r.IntN(3) == 0 {
				f.Pattern = [...]string{`{ $.status = 203 }`, `completed`, ``}[r.IntN(3)]
			}
			if r.IntN(4) == 0 {
				f.From = []uint64{r.Uint64N(20)}
			}
			if r.IntN(4) == 0 {
				f.To = []uint64{20 + r.Uint64N(20)}
			}
		}
		fast, plain := workerOf(filters), workerOf(filters)
		plain.plans.of(10).to = 0
		for number := range uint64(40) {
			frame, _ := batchOf(t, number, 1+r.IntN(30))
			for _, w := range []*worker{fast, plain} {
				if err := w.batch(frame); err != nil {
					t.Fatal(err)
				}
			}
			if r.IntN(5) == 0 { // a scrape, or a frame
				fast.shard.State.Tally(1 + r.Uint64N(uint64(len(filters))))
			}
			if r.IntN(8) == 0 {
				for _, w := range []*worker{fast, plain} {
					w.tallies = w.shard.State.appendPending(w.tallies[:0])
					w.shard.State.Fold(wal.Frame{Type: wal.TypeMatches, Payload: event.AppendMatches(nil, number+1, 1, w.tallies)})
				}
			}
		}
		for _, f := range filters {
			if got, want := fast.shard.State.Tally(f.Filter), plain.shard.State.Tally(f.Filter); got != want {
				t.Errorf("seed %d: filter %q from %d to %d: %+v, counted one by one %+v", seed, f.Pattern, f.From, f.To, got, want)
			}
		}
	}
}

func TestIdleFiltersDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w := workerOf(idle(1000))
	frame, _ := batchOf(t, 1, 70)
	n := testing.AllocsPerRun(20, func() {
		if err := w.batch(frame); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Error("allocations for a batch that a thousand filters read:", n)
	}
}

// BenchmarkDispatchIdle is a batch in which no filter finds anything.
func BenchmarkDispatchIdle(b *testing.B) {
	for _, events := range []int{60, 7000} {
		for _, filters := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("events=%d/filters=%d", events, filters), func(b *testing.B) {
				w := workerOf(idle(filters))
				frame, batch := batchOf(b, 1, events)
				b.SetBytes(int64(batch.MessageBytes()))
				b.ReportAllocs()
				for b.Loop() {
					if err := w.batch(frame); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
