package kinesis

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sluice/stream/kinesis/kinesistest"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{most: 10}
		keep, err := b.take(t.Context(), 8)
		if err != nil {
			t.Fatal(err)
		}
		taken := make(chan func(int64), 1)
		go func() {
			more, err := b.take(t.Context(), 1000) // all there is
			if err != nil {
				t.Error(err)
			}
			taken <- more
		}()
		for _, part := range []int64{8, 5, 1} {
			keep(part)
			synctest.Wait()
			if len(taken) > 0 {
				t.Fatalf("taken while %d bytes are kept", part)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.take(ctx, 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's error", err)
		}
		keep(0)
		(<-taken)(0)
		if b.taken != 0 {
			t.Errorf("%d bytes are left", b.taken)
		}
	})
}

// TestStartOfAHalfMadeTable wants shards whose rows a member did not come to make
// to begin where the others do.
func TestStartOfAHalfMadeTable(t *testing.T) {
	l, err := NewLeases(LeasesConfig{Client: kinesistest.New(1), Stream: "s", Table: leaseTable(t), Start: Latest})
	if err != nil {
		t.Fatal(err)
	}
	m := &leaseMember{Leases: l}
	early, late := AtTime(time.UnixMilli(5)), AtTime(time.UnixMilli(6))
	f := func(want Position, starts ...Position) {
		t.Helper()
		var rows []Row
		for _, s := range starts {
			rows = append(rows, Row{Start: s})
		}
		if got := m.start(rows); got != want {
			t.Errorf("start %q beside %q, want %q", got, starts, want)
		}
	}
	f(late, late)
	f(early, late, early)
	f(early, early, late)
	f(TrimHorizon, late, TrimHorizon)
	f(TrimHorizon, TrimHorizon, late)
}
