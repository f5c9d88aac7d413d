package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if certificates != "" {
			os.RemoveAll(certificates) // of a test run: nothing depends on it
		}
		os.Exit(code)
	}))
}

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
func begin(t *testing.T, fsys *vfs.Mem, defs catalog.Store, changes ...func(*app.Config)) *process {
	t.Helper()
	p, err := try(t, fsys, fsys, defs, changes...)
	if err != nil {
		t.Fatal("start:", err)
	}
	t.Cleanup(func() { p.stop() }) // a crashed one may fail to stop cleanly
	return p
}

// try is begin on a machine that may fail meanwhile: mem is what lies below fsys.
func try(t *testing.T, fsys vfs.FS, mem *vfs.Mem, defs catalog.Store, changes ...func(*app.Config)) (*process, error) {
	t.Helper()
	ready, announced := io.Pipe()
	cfg := app.Config{
		DataDir: "/data", Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", FS: fsys, Catalog: defs, Ready: announced,
		TLS: certificate(t), Pipelines: pipelines(1, 1),
		Log: app.Log{SegmentBytes: 1 << 20, TailBytes: 128 << 10},
	}
	for _, change := range changes {
		if change != nil {
			change(&cfg)
		}
	}
	a, err := app.New(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := a.Run(ctx)
		announced.CloseWithError(io.ErrUnexpectedEOF)
		done <- err
	}()
	p := &process{t: t, fs: mem, defs: defs, app: a}
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	if _, err := ready.Read(make([]byte, 1000)); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// crash turns the machine off and begins anew on what its disk kept.
func (p *process) crash(rng *rand.Rand, changes ...func(*app.Config)) *process {
	p.t.Helper()
	after := p.fs.CrashClone(vfs.CrashOptions{Rand: rng, TornLastWrite: true})
	p.stop() // what it still writes is on the disk of before
	return begin(p.t, after, p.defs, changes...)
}

// missing is how many acknowledged messages are not delivered. None may be twice,
// and none unknown.
func (p *process) missing(acked map[string]bool) (n int) {
	p.t.Helper()
	seen := map[string]int{}
	for _, line := range p.delivered() {
		seen[line]++
	}
	for m, ok := range acked {
		if ok && seen[m] == 0 {
			n++
		}
		if seen[m] > 1 {
			p.t.Errorf("%q is there %d times", m, seen[m])
		}
		delete(seen, m)
	}
	if len(seen) > 0 {
		p.t.Errorf("unknown: %v", seen)
	}
	return n
}

// freeAddress is one that a process can have over its crashes.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
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
func (p *process) delivered() (lines []string) { return p.deliveredTo("/data/s3/lake") }

func (p *process) deliveredTo(bucket string) (lines []string) {
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
	walk(bucket)
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
