package ingest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sluice/bench/corpus"
	"sluice/ingest"
	"sluice/ingest/putlogevents"
	"sluice/ingest/requests"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// BenchmarkSignedPath runs the whole path of a signed PutLogEvents request of JSON
// messages, from the border to the log on the disk, beside its stages alone and
// beside bare references. All count the processor time of the process per byte of
// message, taken in turns.
func BenchmarkSignedPath(b *testing.B) {
	at := time.Now()
	body, messages, lines := signedBody(at)
	send := signedSender(b, at, body)
	stages := []struct {
		name string
		run  func()
	}{
		{"path", send},
		{"sha256", func() { sha256.Sum256(body) }},
		{"decode", decodeStage(b, body)},
		{"crc", crcStage(lines)},
		{"append", appendStage(b, lines)},
		{"-write-and-sync", writeStage(b, lines)}, // what the disk takes at least
	}
	spent := make([]time.Duration, len(stages))
	for _, s := range stages {
		s.run() // warm up
	}
	rounds := 0
	for b.Loop() {
		for i, s := range stages {
			start := cpu()
			for range 8 {
				s.run()
			}
			spent[i] += cpu() - start
		}
		rounds += 8
	}
	sum := time.Duration(0)
	for i, s := range stages {
		b.ReportMetric(float64(spent[i].Nanoseconds())/float64(rounds)/float64(messages), s.name+"-ns/B")
		if i > 0 && s.name[0] != '-' {
			sum += spent[i]
		}
	}
	rate := func(d time.Duration) float64 {
		return float64(messages) * float64(rounds) / 1e6 / d.Seconds()
	}
	b.ReportMetric(rate(spent[0]), "path-MB/cpu-s")
	b.ReportMetric(rate(sum), "stages-MB/cpu-s")
	b.ReportMetric(0, "ns/op") // a round is no unit of anything
}

// signedBody is a request of JSON messages near the limits.
func signedBody(at time.Time) (body []byte, messages int, lines [][]byte) {
	g := corpus.New(corpus.App, 1, at)
	var events []putlogevents.Event
	for {
		line, _ := g.AppendEvent(nil)
		if messages += len(line); messages+26*len(events) > 1_000_000 {
			return putlogevents.AppendRequest(nil, "/ever", "s", events...), messages - len(line), lines
		}
		events = append(events, putlogevents.Event{Timestamp: at.UnixMilli(), Message: line})
		lines = append(lines, line)
	}
}

type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(status int)      { d.status = status }

// signedSender sends the body again and again, each time as another call.
func signedSender(b *testing.B, at time.Time, body []byte) func() {
	definitions, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		b.Fatal(err)
	}
	group, err := definitions.CreateLogGroup(catalog.LogGroup{Scope: catalog.Scope{Account: "000000000000", Region: "us-east-1"}, Name: "/ever"})
	if err == nil {
		_, err = definitions.CreateLogStream(group.UID, "s", 1)
	}
	if err != nil {
		b.Fatal(err)
	}
	seen := requests.NewSeen(0)
	log := openLog(b, seen)
	api, err := ingest.New(ingest.Config{Definitions: definitions, Appender: log, Rejections: log, Clock: clock.Real{}, Requests: requests.NewWindow(seen)})
	if err != nil {
		b.Fatal(err)
	}
	border, err := awsapi.New(awsapi.Config{Credentials: []awsapi.Credential{{AccessKey: "AKID", SecretKey: "secret"}}}, api.Operations()...)
	if err != nil {
		b.Fatal(err)
	}
	source := bytes.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", nil)
	r.ContentLength, r.Body = int64(len(body)), io.NopCloser(source)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(b.Context(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, r, hex.EncodeToString(sum[:]), "logs", "us-east-1", at); err != nil {
		b.Fatal(err)
	}
	w, calls := &discarded{header: http.Header{}}, 0
	return func() {
		source.Seek(0, io.SeekStart)
		clear(w.header)
		calls++
		r.Header.Set("Amz-Sdk-Invocation-Id", strconv.Itoa(calls))
		if border.ServeHTTP(w, r); w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
	}
}

func openLog(b *testing.B, folders ...wal.Folder) *store.Store {
	log, err := store.Open(vfs.OS, store.Config{Dir: b.TempDir(), Folders: func(uint32) []wal.Folder { return folders }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	return log
}

func decodeStage(b *testing.B, body []byte) func() {
	builder, req := event.GetBuilder(len(body)), new(putlogevents.Request)
	return func() {
		if err := putlogevents.Decode(body, builder, req); err != nil {
			b.Fatal(err)
		}
	}
}

func crcStage(lines [][]byte) func() {
	text, table := bytes.Join(lines, []byte("\n")), crc32.MakeTable(crc32.Castagnoli)
	return func() { crc32.Checksum(text, table) }
}

// appendStage is the log's part: copy, checksum, write, sync.
func appendStage(b *testing.B, lines [][]byte) func() {
	log, builder := openLog(b), event.GetBuilder(2<<20)
	for _, line := range lines {
		if err := builder.Append(1, line); err != nil {
			b.Fatal(err)
		}
	}
	batch, err := builder.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: "/ever", LogStream: "s"})
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if _, err := log.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

func writeStage(b *testing.B, lines [][]byte) func() {
	text := bytes.Join(lines, []byte("\n"))
	file, err := os.Create(filepath.Join(b.TempDir(), "reference"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	at := int64(0)
	return func() {
		if _, err := file.WriteAt(text, at); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
		at = (at + int64(len(text))) % (64 << 20)
	}
}
