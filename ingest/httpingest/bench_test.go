package httpingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"sluice/bench/corpus"
	"sluice/ingest/bulk"
	"sluice/ingest/httpingest"
	"sluice/ingest/otlp"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// border is the endpoints behind a border with a token, over a log on the disk,
// or over none if there is no folder.
func border(t testing.TB, dir string) *awsapi.Server {
	definitions, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	g, err := definitions.CreateLogGroup(catalog.LogGroup{Scope: catalog.Scope{Account: "000000000000", Region: "us-east-1"}, Name: "/ever"})
	if err == nil {
		_, err = definitions.CreateLogStream(g.UID, "s", 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg := httpingest.Config{Definitions: definitions, Appender: null{}, Rejections: null{}, Clock: clock.NewTest(now)}
	if dir != "" {
		log, err := store.Open(vfs.OS, store.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() })
		cfg.Appender, cfg.Rejections = log, log
	}
	in, err := httpingest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := awsapi.New(awsapi.Config{Endpoints: in.Endpoints(), BearerTokens: []awsapi.BearerToken{{Token: token}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// null takes batches and forgets them.
type null struct{}

func (null) Append(context.Context, event.Batch) (event.Position, error) {
	return event.Position{}, nil
}
func (null) Reject(context.Context, uint64, store.Rejected) error { return nil }

// discard is a ResponseWriter that costs nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// prepared is a request that can be sent again and again.
func prepared(path, contentType string, body []byte) (send func(http.Handler) int) {
	source := bytes.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, path, nil)
	r.ContentLength = int64(len(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("x-aws-log-group", "/ever")
	r.Header.Set("x-aws-log-stream", "s")
	r.Header.Set("Content-Type", contentType)
	r.Body = io.NopCloser(source)
	w := &discard{header: http.Header{}}
	return func(h http.Handler) int {
		source.Seek(0, io.SeekStart)
		clear(w.header)
		h.ServeHTTP(w, r)
		return w.status
	}
}

// load is about a mebibyte of messages, in both forms.
func load(t testing.TB, kind corpus.Kind) (lines, exported []byte, messages, events int) {
	g := corpus.New(kind, 1, now)
	var records []*logs.LogRecord
	for messages < 1<<20 {
		line, ms := g.AppendEvent(nil)
		lines = append(append(lines, line...), '\n')
		records = append(records, &logs.LogRecord{TimeUnixNano: uint64(ms) * 1e6, SeverityNumber: 9, SeverityText: "INFO", Body: body(string(line))})
		messages += len(line)
		events++
	}
	return lines, []byte(export(t, records...)), messages, events
}

func TestNoAllocationsPerEvent(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := border(t, "")
	lines, exported, _, events := load(t, corpus.App)
	f := func(path, contentType string, body []byte) {
		t.Helper()
		send := prepared(path, contentType, body)
		n := testing.AllocsPerRun(50, func() {
			if status := send(s); status != http.StatusOK {
				t.Fatal(status)
			}
		})
		if n > 40 {
			t.Errorf("%s: %v allocations for a request of %d events", path, n, events)
		}
	}
	f("/ingest/bulk", ndjson, lines)
	f("/v1/logs", protobuf, exported)
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stages measures functions over the same messages in turns, so that what else
// the machine does meets all alike, and reports CPU time per message byte.
type stages struct {
	names []string
	run   []func()
}

func (s *stages) add(name string, run func()) {
	s.names, s.run = append(s.names, name), append(s.run, run)
}

// measure reports the path, which is the first, beside the sum of those after it
// whose name has no leading dash.
func (s *stages) measure(b *testing.B, messages int) {
	spent := make([]time.Duration, len(s.run))
	for _, run := range s.run {
		run() // warm up
	}
	rounds := 0
	for b.Loop() {
		for i, run := range s.run {
			start := cpu()
			for range 8 {
				run()
			}
			spent[i] += cpu() - start
		}
		rounds += 8
	}
	sum := 0.0
	for i, d := range spent {
		nsPerByte := float64(d.Nanoseconds()) / float64(rounds) / float64(messages)
		b.ReportMetric(nsPerByte, s.names[i]+"-ns/B")
		if i > 0 && s.names[i][0] != '-' {
			sum += nsPerByte
		}
	}
	path := float64(spent[0].Nanoseconds()) / float64(rounds) / float64(messages)
	b.ReportMetric(1e3/path, "path-MB/cpu-s")
	b.ReportMetric(1e3/sum, "stages-MB/cpu-s")
	b.ReportMetric(0, "ns/op") // a round is no unit of anything
}

// common adds the stages that all paths share: reading the body, and the log,
// which copies, checks and syncs.
func (s *stages) common(b *testing.B, sent, sample []byte) {
	buf := make([]byte, len(sent))
	s.add("read", func() { copy(buf, sent) })
	log, err := store.Open(vfs.OS, store.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	builder := event.GetBuilder(2 * len(sample))
	for line := range bytes.Lines(sample) {
		if err := builder.Append(now.UnixMilli(), bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			b.Fatal(err)
		}
	}
	batch, err := builder.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: "/ever", LogStream: "s"})
	if err != nil {
		b.Fatal(err)
	}
	s.add("append", func() {
		if _, err := log.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	})
	table := crc32.MakeTable(crc32.Castagnoli)
	s.add("seal-crc", func() { crc32.Checksum(sample, table) })
	// References that do not change: what the machine is worth at the moment.
	s.add("-copy-reference", func() { copy(buf, sent) })
	file, err := os.Create(filepath.Join(b.TempDir(), "reference"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	at := int64(0)
	s.add("-write-and-sync-reference", func() {
		if _, err := file.WriteAt(sample, at); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
		at = (at + int64(len(sample))) % (64 << 20)
	})
	s.add("-encoding-json-valid-reference", func() {
		for line := range bytes.Lines(sample) {
			json.Valid(line)
		}
	})
}

func benchmark(b *testing.B, kind corpus.Kind, path string) {
	lines, exported, messages, _ := load(b, kind)
	sent, contentType := lines, ndjson
	if path == "/v1/logs" {
		sent, contentType = exported, protobuf
	}
	s := border(b, b.TempDir())
	send := prepared(path, contentType, sent)
	var all stages
	all.add("path", func() {
		if status := send(s); status != http.StatusOK {
			b.Fatal(status)
		}
	})
	builder := event.GetBuilder(4 << 20)
	all.add("decode", func() {
		builder.Reset()
		if path == "/v1/logs" {
			var r otlp.Reader
			for r.Reset(sent); r.Next(); {
				text, _ := r.Text()
				ms, _ := r.Timestamp()
				builder.Append(ms, text)
			}
			return
		}
		var r bulk.Reader
		for r.Reset(sent, bulk.Lines); r.Next(); {
			builder.Append(r.Timestamp, r.Message)
		}
	})
	all.common(b, sent, lines)
	all.measure(b, messages)
}

// BenchmarkIngestBulk is the whole path of a request of a mebibyte with a bearer
// token: the border, the decoder, the log on a disk, the answer when it is
// durable. It prints MB (1e6) of message bytes per CPU-second of the process,
// beside the sum of the stages, each measured alone in the same run.
func BenchmarkIngestBulk(b *testing.B) {
	for name, kind := range map[string]corpus.Kind{"app": corpus.App} {
		b.Run(name, func(b *testing.B) { benchmark(b, kind, "/ingest/bulk") })
	}
}

// BenchmarkOTLPLogs is BenchmarkIngestBulk for OTLP in protobuf.
func BenchmarkOTLPLogs(b *testing.B) {
	for name, kind := range map[string]corpus.Kind{"app": corpus.App} {
		b.Run(name, func(b *testing.B) { benchmark(b, kind, "/v1/logs") })
	}
}
