package filter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/vfs"
)

// TestMatchesGoWithTheNextCommit: matches are made durable by the commit of the
// request behind them; if none comes they do not wait long, and not at all if
// somebody waits for them.
func TestMatchesGoWithTheNextCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defs := &definitions{}
		defs.set(version(1, 10, 100, "ERROR", 0))
		b := start(t, vfs.NewMem(), defs)
		expect := func(step string, commits uint64, published int) {
			t.Helper()
			synctest.Wait()
			if got := b.log.Stats().Commits; got != commits || len(b.published) != published {
				t.Fatalf("%s: %d commits, %d published; want %d and %d", step, got, len(b.published), commits, published)
			}
		}
		b.put(10, "ERROR one")
		expect("one request", 1, 0)
		b.put(10, "ERROR two")
		expect("another", 2, 1)
		time.Sleep(19 * time.Millisecond)
		expect("perhaps more", 2, 1)
		time.Sleep(2 * time.Millisecond)
		expect("no more", 3, 2)
		b.put(10, "ERROR three")
		expect("one more", 4, 2)
		began := time.Now()
		if err := b.d.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("settled", 5, 3)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("settled after %v", waited)
		}
		b.stop()
	})
}
