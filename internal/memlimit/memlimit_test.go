package memlimit

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimitFollowsWhatIsInUse(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct{ soft, inUse, want int64 }{
		{192 * mb, 0, 192 * mb},
		{192 * mb, 100 * mb, 192 * mb},
		{192 * mb, 200 * mb, 332 * mb},
		{1 * mb, 10 * mb, 47 * mb},
	} {
		if got := limit(c.soft, c.inUse); got != c.want {
			t.Errorf("%d MB of %d in use: %d", c.soft/mb, c.inUse/mb, got/mb)
		}
	}
}

// A process whose garbage is many times the limit stays near it, and one whose
// data outgrow the limit gets a higher one.
func TestKeep(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	const soft = 64 << 20
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); Keep(ctx, soft) }()
		synctest.Wait()
		if now := debug.SetMemoryLimit(-1); now < soft || now == math.MaxInt64 {
			t.Errorf("the limit is %d", now)
		}
		data := make([]byte, 3*soft)
		runtime.GC() // what finds the data
		time.Sleep(every)
		synctest.Wait()
		if now := debug.SetMemoryLimit(-1); now < int64(len(data)) {
			t.Errorf("%d bytes in use, and the limit is %d", len(data), now)
		}
		runtime.KeepAlive(data)
		cancel()
		<-ended
	})
	if now := debug.SetMemoryLimit(-1); now != math.MaxInt64 {
		t.Errorf("afterwards the limit is %d", now)
	}
}

func TestTheEnvironmentDecides(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB")
	Keep(t.Context(), 64<<20) // returns
	if now := debug.SetMemoryLimit(-1); now != math.MaxInt64 {
		t.Errorf("the limit is %d", now)
	}
}
