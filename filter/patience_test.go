package filter_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/filter"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// matchFrames are the positions of frames of matches.
func (b *bench) matchFrames() (seqs []uint64) {
	b.t.Helper()
	err := b.log.Frames(1, b.log.Durable()+1, func(f wal.Frame) error {
		if f.Type == wal.TypeMatches {
			seqs = append(seqs, f.Seq)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return seqs
}

// expect is what is there once nobody has anything to do.
func (b *bench) expect(step string, commits uint64, published int) {
	b.t.Helper()
	synctest.Wait()
	if got := b.log.Stats().Commits; got != commits || len(b.published) != published {
		b.t.Fatalf("%s: %d commits, %d published; want %d and %d", step, got, len(b.published), commits, published)
	}
}

// TestMatchesGatherAndGoWithTheNextCommit: matches wait a moment for more and are
// made durable by the commit of the next request; if none comes they do not wait
// long, and not at all if somebody waits for them.
func TestMatchesGatherAndGoWithTheNextCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defs := &definitions{}
		defs.set(version(1, 10, 100, "ERROR", 0))
		b := start(t, vfs.NewMem(), defs)
		b.put(10, "ERROR one")
		time.Sleep(10 * time.Millisecond)
		b.put(10, "ERROR two")
		b.expect("two requests", 2, 0)
		time.Sleep(11 * time.Millisecond)
		b.expect("gathered", 2, 0)
		b.put(10, "ERROR three")
		b.expect("the next request", 3, 1)
		time.Sleep(39 * time.Millisecond)
		b.expect("perhaps more", 3, 1)
		time.Sleep(2 * time.Millisecond)
		b.expect("no more", 4, 2)
		if got := b.matchFrames(); !slices.Equal(got, []uint64{3, 5}) {
			t.Errorf("frames of matches at %v", got)
		}
		b.put(10, "ERROR four")
		began := time.Now()
		if err := b.d.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.expect("settled", 6, 3)
		b.put(10, "ERROR five")
		b.expect("gathering", 7, 3)
		if err := b.d.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.expect("settled again", 8, 4)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("settled after %v", waited)
		}
		b.stop()
	})
}

// TestManyMatchesDoNotGather: what is large goes with the next commit, whether it is
// copied or referred to, as whoever reads a frame has all of it in memory.
func TestManyMatchesDoNotGather(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for name, batch := range map[string][]string{
		"copied":      {"ERROR" + long, "ERROR" + long, "ERROR" + long, long, long, long, long},
		"referred to": {"ERROR" + long, "ERROR" + long, "ERROR" + long, "ERROR" + long, "ERROR" + long, "ERROR" + long},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defs := &definitions{}
				defs.set(version(1, 10, 100, "ERROR", 0))
				b := start(t, vfs.NewMem(), defs)
				b.put(10, batch...)
				b.expect("one request", 1, 0)
				b.put(10, "ERROR")
				b.expect("the next one", 2, 1)
				b.put(10, "nothing")
				b.expect("little gathers again", 3, 1)
				b.stop()
			})
		})
	}
}

// TestCopiesOfLargeBatchesGather: little of much is little.
func TestCopiesOfLargeBatchesGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defs := &definitions{}
		defs.set(version(1, 10, 100, "ERROR", 0))
		b := start(t, vfs.NewMem(), defs)
		for range 5 {
			b.put(10, "ERROR", strings.Repeat("x", 900<<10))
		}
		time.Sleep(21 * time.Millisecond)
		b.put(10, "nothing")
		b.expect("gathered", 6, 1)
		if got := b.matchFrames(); !slices.Equal(got, []uint64{6}) {
			t.Errorf("frames of matches at %v", got)
		}
		b.stop()
	})
}

// TestMatchesDoNotWaitForSamples: samples of metrics wait longer for more than
// matches do.
func TestMatchesDoNotWaitForSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defs, published := &definitions{}, 0
		defs.set(version(1, 10, 100, "ERROR", 0))
		b := startMetrics(t, vfs.NewMem(), filter.Config{
			Definitions: defs, Metrics: metricDefinitions{metricVersion(2, "", "1", nil)}, Published: func(...uint64) { published++ },
		})
		defer b.stop()
		if err := b.put("1 ERROR"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(41 * time.Millisecond) // they gather, and wait for a commit
		if synctest.Wait(); published != 1 {
			t.Errorf("published %d times", published)
		}
	})
}
