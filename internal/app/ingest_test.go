package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// TestLenientRequestsGoTheWholePath: what AWS would refuse is sorted, cut and
// delivered, and the counters add up, also in the next process.
func TestLenientRequestsGoTheWholePath(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	configure := func(c *app.Config) { c.Ingest = app.Ingest{Oversize: "split", Lenient: true} }
	p := begin(t, fsys, defs, configure)
	now := time.Now().UnixMilli()
	long := strings.Repeat("ERROR ", 400_000)
	at := func(ms int64, message string) map[string]any {
		return map[string]any{"timestamp": now + ms, "message": message}
	}
	const day = 24 * 3600 * 1000
	code, text := p.call("Logs_20140328.PutLogEvents", map[string]any{"logGroupName": group, "logStreamName": "s0", "logEvents": []any{
		at(0, "ERROR last"), at(-1, long), at(-2*day, "ERROR first"), at(-20*day, "ERROR too old"), at(-1000, "fine"),
	}})
	if code != http.StatusOK || !strings.Contains(text, `"tooOldLogEventEndIndex":1`) {
		t.Fatalf("%d %s", code, text)
	}
	check := func() {
		t.Helper()
		p.await()
		p.identities()
		for metric, want := range map[string]float64{
			"sluice_ingest_received_events_total": 7, "sluice_ingest_stored_events_total": 6, "sluice_ingest_rejected_events_total": 1,
		} {
			if got := p.metric(metric); got != want {
				t.Errorf("%s is %v, want %v", metric, got, want)
			}
		}
	}
	check()
	if n := p.metric("sluice_ingest_resized_events_total"); n != 1 {
		t.Errorf("%v events resized", n)
	}
	lines := p.delivered()
	if len(lines) != 5 || lines[0] != "ERROR first" || strings.Join(lines[1:4], "") != long || lines[4] != "ERROR last" {
		t.Errorf("%d lines are delivered", len(lines))
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	p = begin(t, fsys, defs, configure)
	check()
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestIngestConfiguration(t *testing.T) {
	_, err := app.New(app.Config{FS: vfs.NewMem(), Catalog: catalog.NewMemory(), Ingest: app.Ingest{Oversize: "drop"}})
	if err == nil || !strings.Contains(err.Error(), "ingest.oversize") {
		t.Errorf("error %v", err)
	}
}
