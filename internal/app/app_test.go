package app_test

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

func TestWholePathDeliversMatchesAndOnlyThem(t *testing.T) {
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), nil)
	if !p.put("s0", "an ERROR here", "all is well", "ERROR again") || !p.put("s1", "nothing") {
		t.Fatal("put was refused")
	}
	p.await()
	if got := p.delivered(); len(got) != 2 || got[0] != "an ERROR here" || got[1] != "ERROR again" {
		t.Errorf("%q", got)
	}
	p.identities()
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestRejectedEventsAreCountedForGood(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	p := begin(t, fsys, defs, nil)
	now := time.Now()
	put := func(ages ...time.Duration) {
		t.Helper()
		var events []map[string]any
		for _, age := range ages {
			events = append(events, map[string]any{"timestamp": now.Add(-age).UnixMilli(), "message": "ERROR of some age"})
		}
		code, text := p.call("Logs_20140328.PutLogEvents", map[string]any{"logGroupName": group, "logStreamName": "s0", "logEvents": events})
		if code != http.StatusOK {
			t.Fatal(code, text)
		}
	}
	const day = 24 * time.Hour
	put(15*day, 0)                // one too old, one stored
	put(0, -3*time.Hour)          // one stored, one too new
	put(15*day, 14*day+time.Hour) // nothing stored
	check := func() {
		t.Helper()
		p.await()
		p.identities()
		if received, rejected := p.metric("sluice_ingest_received_events_total"), p.metric("sluice_ingest_rejected_events_total"); received != 6 || rejected != 4 {
			t.Errorf("%v received, %v rejected; want 6 and 4", received, rejected)
		}
	}
	check()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, nil)
	check()
}

// A machine that fails at a random moment of a load, many times: every
// acknowledged matching event is in exactly one object, every other one in at
// most one, and the counters add up.
func TestPowerFailuresLoseAndDoubleNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	acked := map[string]bool{}
	events := 0
	for round := range 12 {
		p := begin(t, fsys, defs, nil)
		clone := p.loadUntilCrash(r, acked, &events)
		p.stop() // of a machine that is gone: only ends its goroutines
		fsys = clone
		_ = round
	}
	p := begin(t, fsys, defs, nil)
	p.await()
	p.identities()
	seen := map[string]int{}
	for _, line := range p.delivered() {
		seen[line]++
	}
	lost, doubled, acknowledged := 0, 0, 0
	for id, ok := range acked {
		if ok && strings.HasPrefix(id, wanted) {
			acknowledged++
			if seen[id] == 0 {
				lost++
			}
		}
		if seen[id] > 1 || seen[id] == 1 && !strings.HasPrefix(id, wanted) {
			doubled++
		}
		delete(seen, id)
	}
	t.Logf("%d events, %d matching acknowledged, %d lost, %d doubled or not matching", len(acked), acknowledged, lost, doubled)
	if lost+doubled+len(seen) > 0 || acknowledged < events/10 {
		t.Errorf("lost %d, doubled %d, never sent %d, acknowledged %d of %d", lost, doubled, len(seen), acknowledged, events)
	}
}

// loadUntilCrash sends events from two clients and returns what a power failure
// at a random moment leaves of the disk. What was answered before that moment
// counts as acknowledged, what was answered after it does not.
func (p *process) loadUntilCrash(r *rand.Rand, acked map[string]bool, events *int) *vfs.Mem {
	var mu sync.Mutex // guards acked, gone and events
	gone := false
	var wg sync.WaitGroup
	moment := 20 + r.IntN(60)
	sent := make(chan struct{}, 1000)
	for c := range 2 {
		wg.Go(func() {
			for {
				mu.Lock()
				if gone {
					mu.Unlock()
					return
				}
				var batch []string
				for i := range 20 {
					kind := "INFO"
					if i%4 == 0 {
						kind = wanted
					}
					id := fmt.Sprintf("%s-%d-%s", kind, *events, strings.Repeat("x", 500))
					*events++
					batch = append(batch, id)
					acked[id] = false
				}
				mu.Unlock()
				ok := p.put(fmt.Sprint("s", c), batch...)
				mu.Lock()
				for _, id := range batch {
					acked[id] = ok && !gone
				}
				mu.Unlock()
				sent <- struct{}{}
			}
		})
	}
	for range moment {
		<-sent
	}
	mu.Lock()
	clone := p.fs.CrashClone(vfs.CrashOptions{Rand: r, TornLastWrite: true})
	gone = true
	mu.Unlock()
	go func() {
		for range sent {
		}
	}()
	wg.Wait()
	close(sent)
	return clone
}

func TestGracefulStopKeepsAHalfFullBuffer(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	slow := func(c *app.Config) { c.Pipelines = pipelines(128, 900) }
	p := begin(t, fsys, defs, slow)
	p.put("s0", "ERROR one")
	p.until("it is in the buffer", func() bool { return p.metric("sluice_delivery_in_flight_events") == 1 })
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if got := p.delivered(); len(got) != 0 {
		t.Errorf("delivered before the hint: %q", got)
	}
	// The definition is in the catalog, so the buffer's hint is 900 s still: the
	// clock is turned past it.
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	p = begin(t, fsys, defs, func(c *app.Config) { slow(c); c.TestClock = later })
	p.await()
	if got := p.delivered(); len(got) != 1 || got[0] != "ERROR one" {
		t.Errorf("after the restart: %q", got)
	}
	p.identities()
}

func TestTestClockMovesTheHint(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) {
		c.Pipelines = pipelines(128, 300)
		c.TestClock = now.Format(time.RFC3339)
	})
	if !p.put("s0", "ERROR at a standing clock") {
		t.Fatal("put was refused")
	}
	advance := func(by, want string) {
		t.Helper()
		_, admin := p.app.Addrs()
		resp, err := http.Post("http://"+admin+"/clock/advance?by="+by, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(resp.Body)
			t.Fatalf("advance %s: %s %s", by, resp.Status, text)
		}
		if got := strings.Join(p.delivered(), ","); got != want {
			t.Errorf("after %s: %q, want %q", by, got, want)
		}
	}
	advance("299s", "")
	advance("1s", "ERROR at a standing clock")
}

func TestSecondProcessIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	p := begin(t, fsys, catalog.NewMemory(), nil)
	_, err := app.New(app.Config{DataDir: "/data", FS: fsys, Catalog: catalog.NewMemory()})
	if err == nil || !strings.Contains(err.Error(), "in use by another sluice process") {
		t.Error(err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	p := begin(t, fsys, catalog.NewMemory(), nil)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.OpenFile("/data/FORMAT", os.O_RDWR|os.O_TRUNC)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, 99)
	f.Close()
	_, err = app.New(app.Config{DataDir: "/data", FS: fsys, Catalog: catalog.NewMemory()})
	if err == nil || !strings.Contains(err.Error(), "format 99") {
		t.Error(err)
	}
	dir := t.TempDir() // and that is all that is said
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = app.New(app.Config{DataDir: dir}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

// A disk that fails to sync: writes are answered with 503, readiness falls,
// reads go on.
func TestFailedSyncStopsWritesOnly(t *testing.T) {
	mem := vfs.NewMem()
	var fail sync.Map
	faulty := vfs.Fault(mem, func(op vfs.Op) error {
		if _, on := fail.Load("on"); on && op.Kind == vfs.OpSync && strings.Contains(op.Name, "/wal/") {
			return fs.ErrInvalid
		}
		return nil
	})
	p := begin(t, mem, catalog.NewMemory(), func(c *app.Config) { c.FS = faulty })
	if !p.put("s0", "stored") {
		t.Fatal("put was refused")
	}
	fail.Store("on", true)
	code, text := p.call("Logs_20140328.PutLogEvents", map[string]any{"logGroupName": group, "logStreamName": "s0",
		"logEvents": []any{map[string]any{"timestamp": time.Now().UnixMilli(), "message": "not stored"}}})
	if code != http.StatusServiceUnavailable || !strings.Contains(text, "ServiceUnavailableException") {
		t.Error(code, text)
	}
	_, admin := p.app.Addrs()
	resp, err := http.Get("http://" + admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Error("ready after a failed sync:", resp.Status)
	}
	code, text = p.call("Logs_20140328.GetLogEvents", map[string]any{"logGroupName": group, "logStreamName": "s0", "startFromHead": true})
	if code != http.StatusOK || !strings.Contains(text, `"stored"`) || strings.Contains(text, "not stored") {
		t.Error("read after a failed sync:", code, text)
	}
}
