// Package cores has work that nobody waits for give way to work that somebody
// does wait for.
//
// What enters: functions that compute for long (an object's encoding, a
// compaction) and return to whoever called Background. What happens: they run on
// threads of their own, which the machine's scheduler puts behind the others, and
// for which there are processors of Go's (GOMAXPROCS) in addition to those of the
// machine (and the garbage collector's share of them, a quarter, is of all). So a
// request does not queue behind an encoder, neither in Go's scheduler, which lets
// a goroutine run for 10 ms, nor in the machine's, which lets a thread run for
// some. Little is gained or lost where nobody else wants the processor.
//
// This is done after Share alone, and where the process may use all processors of
// the machine: under a quota of processor time more threads would meet the quota,
// and not each other.
package cores

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Count is how many processors there are for the process: GOMAXPROCS as it was
// before Share.
var Count = sync.OnceValue(func() int { return runtime.GOMAXPROCS(0) })

var (
	sharing sync.Once
	shared  atomic.Bool
)

// Share has Background run functions aside from now on. workers is about how many
// of them run at once. A GOMAXPROCS in the environment is someone's decision, and
// then everything stays as it is; so it does where threads have no priorities.
func Share(workers int) {
	sharing.Do(func() {
		if n := Count(); haveNiceness && n == runtime.NumCPU() && os.Getenv("GOMAXPROCS") == "" {
			runtime.GOMAXPROCS(n + workers)
			shared.Store(true)
		}
	})
}

// Background runs f and returns when it is done. f has a thread of its own until
// then, so it should take long, compared with the tens of microseconds that one
// costs, and not wait for much.
func Background(f func()) {
	if !shared.Load() {
		f()
		return
	}
	done, returned := make(chan struct{}), false
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine, as its priority has no way back
		giveWay()              // or it competes, as it does without this package
		f()
		returned = true
	}()
	<-done
	if !returned {
		runtime.Goexit() // as f did
	}
}
