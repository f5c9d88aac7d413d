package cores

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestBackground runs what it is given, at once as often as it is called, on
// threads that give way, and leaves the caller's alone.
func TestBackground(t *testing.T) {
	ran := 0
	Background(func() { ran++ })
	if ran != 1 {
		t.Fatalf("before Share: run %d times", ran)
	}
	t.Setenv("GOMAXPROCS", "")
	Share(3)
	if !haveNiceness || Count() != runtime.NumCPU() {
		t.Skip("no threads with priorities, or a quota")
	}
	if got := runtime.GOMAXPROCS(0); got != Count()+3 {
		t.Errorf("GOMAXPROCS %d after Share(3), %d processors", got, Count())
	}
	own := niceness(t)
	for range 3 {
		var all, meet sync.WaitGroup
		var nicer atomic.Int64
		meet.Add(3)
		for range 3 {
			all.Go(func() {
				Background(func() {
					meet.Done()
					meet.Wait() // all at once
					nicer.Add(int64(niceness(t) - own))
				})
			})
		}
		all.Wait()
		if got := nicer.Load(); got != 3*steps {
			t.Errorf("three functions ran %d steps nicer in all, want %d", got, 3*steps)
		}
	}
	if now := niceness(t); now != own {
		t.Errorf("the caller's niceness was %d and is %d", own, now)
	}
}

func niceness(t *testing.T) int {
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
	if err != nil {
		t.Error(err)
	}
	return 20 - raw
}
