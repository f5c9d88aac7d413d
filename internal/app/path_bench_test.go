package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sluice/bench/corpus"
	"sluice/filter/pattern"
	"sluice/ingest/putlogevents"
	"sluice/internal/event"
	"sluice/internal/format"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// BenchmarkPath is the whole path: signed PutLogEvents requests of about 1 MiB
// with application JSON as messages -> log -> filter -> gzip objects in a
// folder, by a server process of its own. It prints MB (1e6) of message bytes
// per CPU-second of that process, beside the sum of the path's stages, each
// measured alone in the same run on the same bodies.

const (
	pathKey    = "123456789012"
	pathSecret = "a-secret-for-the-benchmark"
	pathBodies = 32
)

const pathConfig = `
log_level: error
credentials: [{access_key_id: "123456789012", secret_access_key: a-secret-for-the-benchmark}]
account_id: "123456789012"
pipelines:
  log_groups: [{logGroupName: /path, logStreamNames: [one, two]}]
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::123456789012:role/sluice
        BucketARN: "arn:aws:s3:::lake"
        CompressionFormat: GZIP
        BufferingHints: {SizeInMBs: 32, IntervalInSeconds: 1}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}
  subscription_filters:
    - {logGroupName: /path, filterName: all, filterPattern: "PATTERN", destinationArn: "arn:aws:firehose:us-east-1:123456789012:deliverystream/lake"}
`

// load is a number of request bodies for one log stream.
type pathLoad struct {
	bodies   [][]byte
	messages int64 // bytes of messages in all bodies
	events   int
}

func makeLoad(kind corpus.Kind, stream string) (l pathLoad) {
	g := corpus.New(kind, 1, time.Now())
	for range pathBodies {
		var events []putlogevents.Event
		now := time.Now().UnixMilli()
		for size := 0; size < 1_000_000; {
			line, _ := g.AppendEvent(nil)
			events = append(events, putlogevents.Event{Timestamp: now, Message: line})
			size += len(line) + 26
			l.messages += int64(len(line))
			l.events++
		}
		events = events[:len(events)-1] // the one that crossed the limit
		l.events--
		l.bodies = append(l.bodies, putlogevents.AppendRequest(nil, "/path", stream, events...))
	}
	return l
}

func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("the server's CPU time is read from /proc: ", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var user, system int64
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sender signs and sends prepared bodies.
type sender struct {
	url    string
	client *http.Client
	signer *v4.Signer
}

func (s *sender) send(body []byte) (status int, err error) {
	req, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	sum := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: pathKey, SecretAccessKey: pathSecret}
	if err := s.signer.SignHTTP(context.Background(), creds, req, hex.EncodeToString(sum[:]), "logs", "us-east-1", time.Now()); err != nil {
		return 0, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func BenchmarkPath(b *testing.B) {
	if testing.Short() {
		b.Skip("builds and runs a server")
	}
	binary := filepath.Join(b.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-o", binary, "sluice/cmd/sluice").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	load := makeLoad(corpus.App, "one")
	for _, c := range []struct{ name, pattern string }{{"everything", ""}, {"3percent", "ERROR"}} {
		b.Run(c.name, func(b *testing.B) { benchmarkPath(b, binary, c.pattern, load) })
	}
}

func benchmarkPath(b *testing.B, binary, patternText string, load pathLoad) {
	dir := b.TempDir()
	config := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(config, []byte(strings.Replace(pathConfig, "PATTERN", patternText, 1)), 0o600); err != nil {
		b.Fatal(err)
	}
	srv := startServer(b, binary, config, filepath.Join(dir, "data"))
	s := &sender{url: srv.url, client: &http.Client{}, signer: v4.NewSigner()}
	defer s.client.CloseIdleConnections()
	for _, body := range load.bodies[:4] { // warm up
		if status, err := s.send(body); err != nil || status != http.StatusOK {
			b.Fatal(status, err)
		}
	}
	before := cpuOf(b, srv.pid)
	rounds := 0
	for b.Loop() {
		for _, body := range load.bodies {
			if status, err := s.send(body); err != nil || status != http.StatusOK {
				b.Fatal(status, err)
			}
		}
		rounds++
	}
	srv.awaitDelivery(b)
	cpu := cpuOf(b, srv.pid) - before
	path := float64(load.messages) * float64(rounds) / 1e6 / cpu.Seconds()
	srv.stop(b)

	stages := measureStages(b, patternText, load)
	b.ReportMetric(path, "path-MB/cpu-s")
	sum := 0.0
	for _, st := range stages {
		b.ReportMetric(st.nsPerByte, st.name+"-ns/B")
		sum += st.nsPerByte
	}
	b.ReportMetric(1e3/sum, "stages-MB/cpu-s")
	b.ReportMetric(path/(1e3/sum), "of-stages")
	b.ReportMetric(0, "ns/op") // a round is no unit of anything
}

type stage struct {
	name      string
	nsPerByte float64 // of CPU, per message byte
}

// measureStages runs each stage alone, in this process, over the same bodies.
func measureStages(b *testing.B, patternText string, load pathLoad) []stage {
	b.Helper()
	batches, decode := stageDecode(b, load)
	selected, filter := stageFilter(b, patternText, load, batches)
	return []stage{
		stageHTTP(b, load), decode, stageHash(load), stageLog(b, load, batches), filter, stageGzip(b, load, batches, selected),
	}
}

// timed is the CPU of f per message byte; f goes over all bodies once and is
// repeated so that the clock's steps do not count.
func timed(name string, load pathLoad, f func()) stage {
	f()
	const rounds = 4
	before := ownCPU()
	for range rounds {
		f()
	}
	return stage{name, float64(ownCPU()-before) / rounds / float64(load.messages)}
}

// stageHTTP is net/http taking the bodies in, client and server both: the half
// of it is the server's.
func stageHTTP(b *testing.B, load pathLoad) stage {
	b.Helper()
	buf := make([]byte, 2<<20)
	srv := newLoopbackServer(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.ReadFull(r.Body, buf)
		if n == 0 || err != io.ErrUnexpectedEOF {
			http.Error(w, "short", http.StatusBadRequest)
		}
	}))
	client := &http.Client{}
	defer client.CloseIdleConnections()
	st := timed("http", load, func() {
		for _, body := range load.bodies {
			resp, err := client.Post(srv, "", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
		}
	})
	st.nsPerByte /= 2
	return st
}

func stageHash(load pathLoad) stage {
	return timed("hash", load, func() {
		for _, body := range load.bodies {
			sha256.Sum256(body)
		}
	})
}

func stageDecode(b *testing.B, load pathLoad) ([]event.Batch, stage) {
	b.Helper()
	decodeInto := func(builder *event.Builder, body []byte) event.Batch {
		var req putlogevents.Request
		if err := putlogevents.Decode(body, builder, &req); err != nil {
			b.Fatal(err)
		}
		batch, err := builder.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{})
		if err != nil {
			b.Fatal(err)
		}
		return batch
	}
	var kept []event.Batch
	for _, body := range load.bodies {
		kept = append(kept, decodeInto(event.GetBuilder(len(body)), body))
	}
	builder := event.GetBuilder(2 << 20)
	defer builder.Release()
	return kept, timed("decode+seal", load, func() {
		for _, body := range load.bodies {
			decodeInto(builder, body)
		}
	})
}

func stageLog(b *testing.B, load pathLoad, batches []event.Batch) stage {
	b.Helper()
	s, err := store.Open(vfs.OS, store.Config{Dir: filepath.Join(b.TempDir(), "wal"), TailBytes: 8 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	return timed("log", load, func() {
		for _, batch := range batches {
			if _, err := s.Append(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func stageFilter(b *testing.B, patternText string, load pathLoad, batches []event.Batch) ([]event.Selection, stage) {
	b.Helper()
	p, err := pattern.Compile(patternText)
	if err != nil {
		b.Fatal(err)
	}
	set, matches := pattern.NewSet(p), new(pattern.Matches)
	var ends []uint32
	match := func(batch event.Batch) {
		ends = batch.AppendEnds(ends[:0])
		set.Match(pattern.Batch{Text: batch.Text(), Ends: ends}, matches)
	}
	var selected []event.Selection
	for _, batch := range batches {
		match(batch)
		selected = append(selected, append(event.Selection{}, matches.Of(0)...))
	}
	return selected, timed("filter", load, func() {
		for _, batch := range batches {
			match(batch)
		}
	})
}

// stageGzip is the bare codec over what was selected, written to a file.
func stageGzip(b *testing.B, load pathLoad, batches []event.Batch, selected []event.Selection) stage {
	b.Helper()
	name := filepath.Join(b.TempDir(), "object")
	codec, err := format.CodecNamed("GZIP")
	if err != nil {
		b.Fatal(err)
	}
	return timed("gzip+file", load, func() {
		w := codec.NewWriter()
		for i, batch := range batches {
			for lo, hi := range batch.Runs(selected[i]) {
				w.Append(batch.Lines(lo, hi), hi-lo)
			}
		}
		o, err := w.Close()
		if err != nil {
			b.Fatal(err)
		}
		defer o.Release()
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		if _, err := o.WriteTo(f); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	})
}
