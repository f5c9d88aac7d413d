package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"sluice/bench/corpus"
	"sluice/filter/pattern"
	"sluice/ingest/putlogevents"
	"sluice/internal/event"
)

// TestBodiesSayTheSame decodes a request in its two forms and wants the events
// that it counts.
func TestBodiesSayTheSame(t *testing.T) {
	l := newLoad(Options{Corpus: corpus.App, Bytes: 3e6, BodyBytes: 200_000})
	if len(l.requests) != 15 || l.sends != 15 {
		t.Fatalf("%d bodies, %d sends", len(l.requests), l.sends)
	}
	for _, r := range l.requests {
		b, err := decode(event.GetBuilder(len(r.put)), r.put)
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() != r.events || int64(b.MessageBytes()) != r.messages || !bytes.Equal(b.Text(), r.lines) {
			t.Errorf("%d events of %d bytes, want %d of %d", b.Len(), b.MessageBytes(), r.events, r.messages)
		}
		if got := otlpMessages(t, r.records); got != string(r.lines) {
			t.Errorf("OTLP says %.200q", got)
		}
		if got := otlpMessages(t, asOTLP(&r)); got != string(r.lines) {
			t.Errorf("OTLP of the lines says %.200q", got)
		}
		if got := strings.Count(string(r.lines), errorPattern); got < r.selected || r.selected == 0 {
			t.Errorf("%d selected, %d times the word", r.selected, got)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	f := func(want string, o Options) {
		t.Helper()
		err := o.setDefaults()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	f("", Options{})
	f("bodies of 2000000", Options{BodyBytes: 2_000_000})
	f("1000 connections", Options{Connections: 2000})
	f("", Options{MetricFilters: "mixed:500"})
	f("metric filters \"json\"", Options{MetricFilters: "json"})
	f("at least one body", Options{Bytes: 1000})
}

// TestEventsAreCounted wants every line of every object and none of what sluice
// itself keeps in a bucket.
func TestEventsAreCounted(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("2026/01/a.gz", "one\ntwo\n"+strings.Repeat("x", 3<<20)+"\n")
	write("2026/02/b.gz", "four\n")
	write("_sluice/commit/lake/0/1.json", "no event\n")
	n, size, err := countObjects(dir, "gzip")
	if err != nil || n != 4 || size == 0 {
		t.Error(n, size, err)
	}
	write("2026/03/c.gz", "")
	if err := os.WriteFile(filepath.Join(dir, "2026/03/c.gz"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := countObjects(dir, "gzip"); err == nil {
		t.Error("a broken object was counted")
	}
}

// TestPathsBesideStages wants every path to find all the stages it is made of.
func TestPathsBesideStages(t *testing.T) {
	l := newLoad(Options{Corpus: corpus.App, Bytes: 200_000, BodyBytes: 100_000})
	stages, err := measureStages(t.Context(), Options{}, t.TempDir(), l)
	if err != nil {
		t.Fatal(err)
	}
	stages = append(stages, Stage{fetchStage, 1}, Stage{putStage, 1}) // those that need another program
	counts := map[string]int{"putlogevents": 6, "putlogevents-unsigned": 5, "bulk": 5, "otlp": 5, "kafka": 4}
	for _, name := range PathNames() {
		w, err := parseWay(name)
		if err != nil || w.String() != name {
			t.Fatalf("%s: %v, %v", name, w, err)
		}
		p := Path{Name: name, MBPerCPUSecond: 100, MessageBytes: 10, ObjectBytes: 2}
		p.compare(stages, false)
		if p.OfStages <= 0 {
			t.Errorf("%s: %+v", name, p)
		}
		want := counts[w.ingest]
		if w.s3 {
			want++
		}
		found := 0
		for stage, wanted := range w.stages(false) {
			if wanted && slices.ContainsFunc(stages, func(s Stage) bool { return s.Name == stage }) {
				found++
			}
		}
		if found != want {
			t.Errorf("%s has %d stages, want %d", name, found, want)
		}
	}
}

func TestPathNames(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if _, err := parseWay(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("x", "a path is putlogevents or")
	f("bulk/gzip/all/folder", "/s3 or nothing")
	f("bulk/gzip/none", "all or errors")
	f("bulk//all", "gzip or zstd")
}

// TestPathsThatAreNotPossible are errors when they were asked for, and left out
// by name otherwise.
func TestPathsThatAreNotPossible(t *testing.T) {
	o := Options{}
	leftOut, err := o.choose()
	if err != nil || len(leftOut) == 0 || len(o.Paths) == 0 || len(leftOut)+len(o.Paths) != len(DefaultPaths) {
		t.Fatalf("%q of %q left out: %v", leftOut, o.Paths, err)
	}
	for _, text := range leftOut {
		if !strings.HasPrefix(text, "kafka/") && !strings.Contains(text, "/s3: ") {
			t.Error(text)
		}
	}
	f := func(path, want string, o Options) {
		t.Helper()
		o.Paths = []string{path}
		_, err := o.choose()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	f("x", `path "x"`, Options{})
	f("kafka/gzip/all", "no Kafka", Options{})
	f("kafka/gzip/all", "", Options{Kafka: "127.0.0.1:9092"})
	f("bulk/gzip/all/s3", "no versitygw", Options{Broker: "b"})
	f("bulk/gzip/all/s3", "", Options{Gateway: "g"})
	f("kafka/gzip/all/s3", "", Options{Broker: "b", Gateway: "g"})
}

// otlpMessages are the bodies of a request as OTLP's own types read it.
func otlpMessages(t *testing.T, request []byte) string {
	t.Helper()
	var all logs.LogsData // on the wire what an ExportLogsServiceRequest is
	if err := proto.Unmarshal(request, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.ResourceLogs) != 1 || len(all.ResourceLogs[0].ScopeLogs) != 1 {
		t.Fatalf("%d resources", len(all.ResourceLogs))
	}
	var b strings.Builder
	for _, record := range all.ResourceLogs[0].ScopeLogs[0].LogRecords {
		if record.TimeUnixNano == 0 || record.TimeUnixNano != record.ObservedTimeUnixNano || record.SeverityText != "INFO" {
			t.Fatalf("%v", record)
		}
		b.WriteString(record.Body.GetStringValue() + "\n")
	}
	return b.String()
}

// TestLoadsAreCounted wants the sums of a load to be those of its sends.
func TestLoadsAreCounted(t *testing.T) {
	l := newLoad(Options{Corpus: corpus.App, Bytes: 500_000, BodyBytes: 50_000})
	for _, sends := range []int{0, 1, 7, 10, 23} {
		part := l.first(sends)
		var bytes, all, errors int64
		for n := range sends {
			r := part.at(n)
			bytes, all, errors = bytes+r.messages, all+int64(r.events), errors+int64(r.selected)
		}
		if part.bytes() != bytes || part.count("all") != all || part.count("errors") != errors {
			t.Errorf("%d sends: %d bytes, %d events, %d errors", sends, part.bytes(), part.count("all"), part.count("errors"))
		}
	}
}

// TestBodiesForOtherGroups are those of the first one with another name in them.
func TestBodiesForOtherGroups(t *testing.T) {
	l := newLoad(Options{Corpus: corpus.App, Bytes: 10_000, BodyBytes: 5000})
	c := newClient(&scene{way: way{ingest: "putlogevents"}, groups: 3}, &server{url: "http://127.0.0.1"}, 1)
	for n := range 4 {
		req, err := c.build(t.Context(), n, l.at(n))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		b := event.GetBuilder(len(body))
		var read putlogevents.Request
		if err := putlogevents.Decode(body, b, &read); err != nil {
			t.Fatal(err)
		}
		if string(read.LogGroupName) != group(n%3) || string(read.LogStreamName) != logStream || b.Len() != l.at(n).events {
			t.Errorf("%d: %s of %d events", n, body[max(0, len(body)-80):], b.Len())
		}
		if int64(len(body)) != req.ContentLength || req.Header.Get("Authorization") == "" {
			t.Errorf("%d: %v", n, req.Header)
		}
		b.Release()
	}
	if len(l.requests[0].put) == 0 || !strings.Contains(string(l.requests[0].put), group(0)) {
		t.Error("the first body was changed")
	}
}

// TestIdleFiltersSelectNothing also wants them to be patterns, and all different.
func TestIdleFiltersSelectNothing(t *testing.T) {
	l := newLoad(Options{Corpus: corpus.App, Bytes: 1_000_000, BodyBytes: 500_000})
	seen := map[string]bool{}
	for _, text := range idleFilters(999) {
		p, err := pattern.Compile(text)
		if err != nil || seen[text] {
			t.Fatalf("%s: %v", text, err)
		}
		seen[text] = true
		for line := range bytes.Lines(l.requests[0].lines[:10_000]) {
			if p.Match(bytes.TrimSuffix(line, []byte("\n"))) {
				t.Fatalf("%s selects %s", text, line)
			}
		}
	}
}

// TestDeliveriesAreCountedByManifests that come while somebody waits, also one
// that is half there.
func TestDeliveriesAreCountedByManifests(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "_sluice", "commit", "lake", "0")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := newDeliveries(dir)
	f := func(want int64) {
		t.Helper()
		if err := d.look(); err != nil || d.records != want {
			t.Errorf("%d records, want %d: %v", d.records, want, err)
		}
	}
	f(0)
	write("1.json", `{"records":5,"objects":[]}`)
	write("2.json", `{"reco`)
	f(5)
	f(5)
	write("2.json", `{"records":7}`)
	f(12)
	if err := d.await(t.Context(), 12); err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.await(ended, 13); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestOpenLoopCountsFromWhenItWasDue has one slow answer: all that had to wait
// for it were late, and say so.
func TestOpenLoopCountsFromWhenItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoad(Options{Corpus: corpus.App, Bytes: 5000, BodyBytes: 5000}).first(100)
		f := func(perSecond float64) *timings {
			s := &sender{perSecond: perSecond, took: newTimings()}
			s.sleep = func(until time.Time) { time.Sleep(time.Until(until)) } // by the bubble's clock
			s.deliver = func(_ context.Context, n int, _ *request) error {
				if n == 0 {
					time.Sleep(time.Second)
				}
				return nil
			}
			if err := s.run(t.Context(), l, 1); err != nil {
				t.Fatal(err)
			}
			return s.took
		}
		near := func(micros int64, want time.Duration) bool {
			return math.Abs(float64(micros)-float64(want.Microseconds())) < 0.01*float64(want.Microseconds())+1
		}
		if took := f(100); !near(took.ack.ValueAtQuantile(50), 500*time.Millisecond) || !near(took.ack.Max(), time.Second) || !near(took.late.Max(), 990*time.Millisecond) {
			t.Errorf("open loop: %+v, late %+v", latency(took.ack), latency(took.late))
		}
		if took := f(0); !near(took.ack.ValueAtQuantile(50), time.Microsecond) || !near(took.ack.Max(), time.Second) || took.late.Max() != 0 {
			t.Errorf("closed loop: %+v, late %+v", latency(took.ack), latency(took.late))
		}
	})
}

func TestDiskIsMeasured(t *testing.T) {
	d, err := newDisk(t.TempDir(), 4096)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.probe(t.Context(), 2*diskBlocks, 1e6); err != nil {
		t.Fatal(err)
	}
	if got := latency(d.took); d.took.TotalCount() != 2*diskBlocks || got.P50 <= 0 || got.P99 < got.P50 {
		t.Errorf("%+v", got)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

func TestSleepUntil(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 2 * time.Millisecond} {
		until := time.Now().Add(d)
		if sleepUntil(until); time.Now().Before(until) {
			t.Errorf("%v: back before that", d)
		}
	}
}
