package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is an app on a file system in memory.
type process struct {
	t    *testing.T
	fs   *vfs.Mem
	defs catalog.Store
	app  *app.App
	stop func() error
}

const (
	wanted = "ERROR" // the filter's pattern
	group  = "/test"
)

// pipelines sends what matches to the bucket lake, one event a line.
func pipelines(sizeMB, seconds int) app.Pipelines {
	return app.Pipelines{
		LogGroups: []app.LogGroup{{LogGroupName: group, LogStreamNames: []string{"s0", "s1"}}},
		DeliveryStreams: []map[string]any{{
			"DeliveryStreamName": "lake",
			"ExtendedS3DestinationConfiguration": map[string]any{
				"RoleARN": "arn:aws:iam::000000000000:role/sluice", "BucketARN": "arn:aws:s3:::lake", "CompressionFormat": "GZIP",
				"BufferingHints": map[string]any{"SizeInMBs": sizeMB, "IntervalInSeconds": seconds},
				"ProcessingConfiguration": map[string]any{"Enabled": true, "Processors": []any{
					map[string]any{"Type": "Decompression", "Parameters": []any{map[string]any{"ParameterName": "CompressionFormat", "ParameterValue": "GZIP"}}},
					map[string]any{"Type": "CloudWatchLogProcessing", "Parameters": []any{map[string]any{"ParameterName": "DataMessageExtraction", "ParameterValue": "true"}}},
				}},
			},
		}},
		SubscriptionFilters: []app.SubscriptionFilter{{
			LogGroupName: group, FilterName: "errors", FilterPattern: wanted,
			DestinationARN: "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake",
		}},
	}
}

// begin runs an app on what is on the file system.
func begin(t *testing.T, fsys *vfs.Mem, defs catalog.Store, change func(*app.Config)) *process {
	t.Helper()
	ready, announced := io.Pipe()
	cfg := app.Config{
		DataDir: "/data", Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", FS: fsys, Catalog: defs, Ready: announced,
		TLS: certificate(t), Pipelines: pipelines(1, 1),
		Log: app.Log{SegmentBytes: 1 << 20, TailBytes: 128 << 10},
	}
	if change != nil {
		change(&cfg)
	}
	a, err := app.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := a.Run(ctx)
		announced.CloseWithError(io.ErrUnexpectedEOF)
		done <- err
	}()
	p := &process{t: t, fs: fsys, defs: defs, app: a}
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	if _, err := ready.Read(make([]byte, 1000)); err != nil {
		t.Fatal("start:", p.stop())
	}
	t.Cleanup(func() { p.stop() }) // a crashed one may fail to stop cleanly
	return p
}

// certificate is one pair for all tests: the app would make its own on the real
// disk.
var certificate = func() func(t *testing.T) app.TLS {
	var once sync.Once
	var pair app.TLS
	return func(t *testing.T) app.TLS {
		once.Do(func() { pair = makeCertificate(t) })
		return pair
	}
}()

// call sends one AWS JSON request through the handler, without a socket.
func (p *process) call(target string, in any) (int, string) {
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Error(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	w := httptest.NewRecorder()
	p.app.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (p *process) put(stream string, messages ...string) (acked bool) {
	now := time.Now().UnixMilli()
	var events []map[string]any
	for _, m := range messages {
		events = append(events, map[string]any{"timestamp": now, "message": m})
	}
	code, _ := p.call("Logs_20140328.PutLogEvents", map[string]any{"logGroupName": group, "logStreamName": stream, "logEvents": events})
	return code == http.StatusOK
}

// delivered reads every object of the bucket.
func (p *process) delivered() (lines []string) {
	p.t.Helper()
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := p.fs.ReadDir(dir)
		if err != nil {
			if os.IsNotExist(err) {
				return
			}
			p.t.Fatal(err)
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case e.IsDir() && e.Name() != "_sluice":
				walk(name)
			case !e.IsDir() && strings.HasSuffix(name, ".gz"):
				lines = append(lines, p.gunzip(name)...)
			}
		}
	}
	walk("/data/s3/lake")
	return lines
}

func (p *process) gunzip(name string) []string {
	p.t.Helper()
	data, err := vfs.ReadFile(p.fs, name, 64<<20)
	if err != nil {
		p.t.Fatal(err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(name, err)
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		p.t.Fatal(name, err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// metric sums up a metric of the admin port.
func (p *process) metric(name string) (sum float64) {
	p.t.Helper()
	_, admin := p.app.Addrs()
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	found := false
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
			p.t.Fatal(line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		p.t.Fatalf("no metric %s", name)
	}
	return sum
}

// identities checks the three sums that must add up when the process rests.
func (p *process) identities() {
	p.t.Helper()
	f := func(whole string, parts ...string) {
		p.t.Helper()
		var sum float64
		for _, part := range parts {
			sum += p.metric(part)
		}
		if got := p.metric(whole); got != sum {
			p.t.Errorf("%s is %v, its parts are %v", whole, got, sum)
		}
	}
	f("sluice_ingest_received_events_total", "sluice_ingest_stored_events_total", "sluice_ingest_rejected_events_total")
	f("sluice_filter_read_events_total", "sluice_filter_matched_events_total", "sluice_filter_unmatched_events_total")
	f("sluice_delivery_accepted_events_total", "sluice_delivery_delivered_events_total", "sluice_delivery_discarded_events_total",
		"sluice_delivery_lost_events_total", "sluice_delivery_in_flight_events")
	f("sluice_filter_matched_events_total", "sluice_delivery_accepted_events_total")
}

// await polls until everything that was stored is filtered and delivered.
func (p *process) await() {
	p.t.Helper()
	p.until("everything is delivered", func() bool {
		return p.metric("sluice_filter_lag_frames") == 0 && p.metric("sluice_delivery_in_flight_events") == 0
	})
}

func (p *process) until(what string, done func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("not within a minute: %s", what)
		}
	}
}

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

// A filter that is changed often keeps its counters and does not grow.
func TestChangedFilterKeepsItsCountersAndForgetsItsVersions(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	p := begin(t, fsys, defs, func(c *app.Config) { c.Pipelines.SubscriptionFilters = nil })
	const changes = 20
	for i := range changes {
		code, text := p.call("Logs_20140328.PutSubscriptionFilter", map[string]any{
			"logGroupName": group, "filterName": "errors", "filterPattern": fmt.Sprintf("ERROR -never%d", i),
			"destinationArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "roleArn": "arn:aws:iam::000000000000:role/r",
		})
		if code != http.StatusOK {
			t.Fatal(code, text)
		}
		if !p.put("s0", "ERROR counted", "fine") {
			t.Fatal("put was refused")
		}
		p.until("it is filtered", func() bool { return p.metric("sluice_filter_lag_frames") == 0 })
	}
	p.await()
	check := func() {
		t.Helper()
		p.identities()
		if read, matched := p.metric("sluice_filter_read_events_total"), p.metric("sluice_filter_matched_events_total"); read != 2*changes || matched != changes {
			t.Errorf("%v read, %v matched; want %d and %d", read, matched, 2*changes, changes)
		}
	}
	check()
	if got := p.app.FilterVersions(); got > 2 {
		t.Errorf("%d versions are kept", got)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, func(c *app.Config) { c.Pipelines.SubscriptionFilters = nil })
	p.await()
	check()
}

// The configuration owns what it declares: a change of it is applied at the next
// start, an unchanged one makes no new version, and the API may only look.
func TestPipelinesBelongToTheConfiguration(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	describe := func(p *process) string {
		t.Helper()
		code, text := p.call("Firehose_20150804.DescribeDeliveryStream", map[string]any{"DeliveryStreamName": "lake"})
		if code != http.StatusOK {
			t.Fatal(code, text)
		}
		return text
	}
	p := begin(t, fsys, defs, nil)
	for _, c := range []struct {
		target string
		in     map[string]any
	}{
		{"Logs_20140328.DeleteLogGroup", map[string]any{"logGroupName": group}},
		{"Logs_20140328.PutRetentionPolicy", map[string]any{"logGroupName": group, "retentionInDays": 1}},
		{"Logs_20140328.DeleteSubscriptionFilter", map[string]any{"logGroupName": group, "filterName": "errors"}},
		{"Firehose_20150804.DeleteDeliveryStream", map[string]any{"DeliveryStreamName": "lake"}},
	} {
		if code, text := p.call(c.target, c.in); code != http.StatusBadRequest || !strings.Contains(text, "declared in the configuration") {
			t.Errorf("%s: %d %s", c.target, code, text)
		}
	}
	for _, c := range []struct {
		target string
		in     map[string]any
	}{
		{"Logs_20140328.CreateLogGroup", map[string]any{"logGroupName": "/other"}},
		{"Logs_20140328.PutSubscriptionFilter", map[string]any{"logGroupName": group, "filterName": "another", "filterPattern": "",
			"destinationArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "roleArn": "arn:aws:iam::000000000000:role/r"}},
		{"Logs_20140328.DeleteLogGroup", map[string]any{"logGroupName": "/other"}},
	} {
		if code, text := p.call(c.target, c.in); code != http.StatusOK {
			t.Errorf("%s: %d %s", c.target, code, text)
		}
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, nil)
	if got := describe(p); !strings.Contains(got, `"VersionId":"1"`) || !strings.Contains(got, `"SizeInMBs":1,`) {
		t.Error("after a restart:", got)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, func(c *app.Config) { c.Pipelines = pipelines(7, 60) })
	if got := describe(p); !strings.Contains(got, `"VersionId":"2"`) || !strings.Contains(got, `"SizeInMBs":7`) {
		t.Error("after a change:", got)
	}
}
