package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	p := deliverLate(t, "compact")
	if n := p.found(); n != 800 {
		t.Errorf("%d events are read back", n)
	}
}

// The same where events are not kept: they are there for the delivery alone.
func TestALaggardIsDeliveredFromAnyClass(t *testing.T) {
	p := deliverLate(t, "none")
	if n := p.found(); n != 0 {
		t.Errorf("%d events are read back", n)
	}
	p = deliverLate(t, "wal")
	if n := p.found(); n > 400 {
		t.Errorf("%d of 800 events are read back, and few are in the log", n)
	}
}

// found counts what FilterLogEvents finds.
func (p *process) found() (n int) {
	p.t.Helper()
	in := map[string]any{"logGroupName": group}
	for {
		code, text := p.call("Logs_20140328.FilterLogEvents", in)
		var out struct {
			Events    []struct{ Message string }
			NextToken string
		}
		if err := json.Unmarshal([]byte(text), &out); code != http.StatusOK || err != nil {
			p.t.Fatal(code, text, err)
		}
		n += len(out.Events)
		if in["nextToken"] = out.NextToken; out.NextToken == "" {
			return n
		}
	}
}

// deliverLate stores 400 events that a destination wants while it is down, and as
// many others, and has them delivered after a crash. Of a class other than compact
// all but the former have left by then, and are counted.
func deliverLate(t *testing.T, class string) *process {
	t.Helper()
	mem, defs := vfs.NewMem(), catalog.NewMemory()
	var down atomic.Bool
	outage := errors.New("the store of objects is down")
	change := func(mem *vfs.Mem) func(*app.Config) {
		return func(c *app.Config) {
			c.Pipelines.LogGroups[0].Store = class
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
		wanted, other := fmt.Sprintf("ERROR %06d %s", n, strings.Repeat("x", 9_000+4_000*(n%2))), strings.Repeat("y", 11_000)
		if !p.put("s0", wanted, other) { // a part of the batch: by reference or copied
			t.Fatal("refused")
		}
		want[wanted] = true
	}
	p.until("the log is compacted", func() bool {
		return p.metric("sluice_storage_files") > 0 && p.metric("sluice_storage_log_bytes") < 5<<20
	})
	if class != "compact" {
		if kept := p.metric("sluice_storage_text_bytes"); kept < 2e6 {
			t.Errorf("%v bytes wait in files", kept)
		}
	}
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
	return p
}

// Events that nobody waits for leave with the log, and every event is in one of
// the sums.
func TestEventsThatAreNotKeptAreCounted(t *testing.T) {
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), nil)
	tag := func(value string) (int, string) {
		return p.call("Logs_20140328.TagLogGroup", map[string]any{"logGroupName": group, "tags": map[string]string{"sluice:store": value}})
	}
	if code, text := tag("nothing"); code != http.StatusBadRequest || !strings.Contains(text, "none of compact, wal, none") {
		t.Error(code, text)
	}
	if code, text := tag("wal"); code != http.StatusOK {
		t.Fatal(code, text)
	}
	for range 400 {
		if !p.put("s0", "ERROR", strings.Repeat("x", 20_000)) {
			t.Fatal("refused")
		}
	}
	p.await()
	p.until("events have left", func() bool {
		return p.metric("sluice_storage_removed_events_total") > 400 && p.metric("sluice_storage_log_bytes") < 5<<20
	})
	if kept := p.metric("sluice_storage_text_bytes"); kept != 0 {
		t.Errorf("%v bytes are in files", kept)
	}
	p.until("each of 800 events is there or counted", func() bool { // some may leave between two looks
		removed := p.metric("sluice_storage_removed_events_total")
		found := p.found()
		return found > 0 && removed+float64(found) == 800 && p.metric("sluice_storage_removed_events_total") == removed
	})
	p.identities()
}
