package app_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// A destination that is down while the log moves on: its segments are freed all
// the same, and what was selected meanwhile is delivered from compacted files,
// each event once, also across a crash.
func TestALaggardIsDeliveredFromCompactedFiles(t *testing.T) {
	mem, defs := vfs.NewMem(), catalog.NewMemory()
	var down atomic.Bool
	outage := errors.New("the store of objects is down")
	change := func(mem *vfs.Mem) func(*app.Config) {
		return func(c *app.Config) {
			c.FS = vfs.Fault(mem, func(op vfs.Op) error {
				if down.Load() && op.Kind == vfs.OpWrite && strings.Contains(op.Name, "/s3/") {
					return outage
				}
				return nil
			})
		}
	}
	p := begin(t, mem, defs, change(mem))
	down.Store(true)
	want := map[string]bool{}
	for n := range 400 {
		wanted, other := fmt.Sprintf("ERROR %06d %s", n, strings.Repeat("x", 9_000)), strings.Repeat("y", 11_000)
		if !p.put("s0", wanted, other) { // a part of the batch: by reference or copied
			t.Fatal("refused")
		}
		want[wanted] = true
	}
	p.until("the log is compacted", func() bool {
		return p.metric("sluice_storage_files") > 0 && p.metric("sluice_storage_log_bytes") < 5<<20
	})
	clone := mem.CrashClone(vfs.CrashOptions{})
	p.stop() // cannot deliver, and need not
	p = begin(t, clone, defs, change(clone))
	down.Store(false)
	p.await()
	p.identities()
	for _, line := range p.delivered() {
		if !want[line] {
			t.Errorf("%.12s came twice, or was not sent", line)
		}
		delete(want, line)
	}
	if len(want) > 0 {
		t.Errorf("%d events are missing", len(want))
	}
	if lost := p.metric("sluice_delivery_lost_events_total"); lost != 0 {
		t.Errorf("%v events are lost", lost)
	}
}
