// Package memlimit keeps a process near the size it was meant to have. The
// garbage collector alone lets the heap grow to twice what is in use, however
// large that is; with a soft limit (runtime/debug.SetMemoryLimit) it collects
// sooner near the limit. A fixed limit has a trap: once what is in use comes
// close to it, the collector runs without end. So the limit follows what is in
// use where that outgrows it.
package memlimit

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"sluice/internal/clock"
)

// every is how often the limit is looked at again.
const every = time.Second

// Keep holds the process near soft bytes of Go memory until ctx ends, and then
// takes the limit away. It does nothing where soft is not positive, or where the
// environment has a GOMEMLIMIT, which is someone's decision.
func Keep(ctx context.Context, soft int64) {
	if soft <= 0 || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	for now := int64(math.MaxInt64); ; {
		// Each change stops the world for a moment, so small ones are not made.
		if want := limit(soft, inUse()); want > now || want < now-now/16 {
			debug.SetMemoryLimit(want)
			now = want
		}
		if (clock.Machine{}).Sleep(ctx, every) != nil {
			return
		}
	}
}

// limit is soft, or what leaves the collector room to breathe: half of what is
// in use, and something for stacks and the runtime itself.
func limit(soft, inUse int64) int64 {
	const runtimeItself = 32 << 20
	return max(soft, inUse+inUse/2+runtimeItself)
}

// inUse is what the last collection found to be in use, in bytes.
func inUse() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(min(sample[0].Value.Uint64(), math.MaxInt64/2))
}
