package agent

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/cmd/sluice/internal/ship"
)

var testLimits = ship.Limits{Bytes: ship.MaxBatchBytes, Events: ship.MaxBatchEvents}

func cpuSeconds() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkAppendMessage(b *testing.B) {
	text := []byte(strings.Repeat("GET /index.html 200 plain text of a log line ", 3))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst, _, _ = appendMessage(dst[:0], text)
	}
}

// BenchmarkAgent is a whole run over 256 MB of lines, signed requests over
// loopback included; the CPU time is that of agent and sink together.
func BenchmarkAgent(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "{}")
	}))
	defer server.Close()
	dir := b.TempDir()
	line := strings.Repeat("2026-01-02T03:04:05.678Z INFO request served \"GET /shop\" 200 ", 3) + "\n"
	text := strings.Repeat(line, 256_000_000/len(line))
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	sdk, endpoint, err := ship.NewClient(b.Context(), server.URL, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	before := cpuSeconds()
	for b.Loop() {
		state := b.TempDir()
		a, err := New(Config{Patterns: []string{filepath.Join(dir, "a.log")}, StateFolder: state, LogGroupName: "g", Once: true},
			NewSDKClient(sdk, endpoint, "g", true, true))
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Run(context.Background()); err != nil {
			b.Fatal(err)
		}
		if s := a.Status(); s.Read != int64(len(text)) || s.Waiting != 0 {
			b.Fatalf("%+v", s)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(text))/1e6/(cpuSeconds()-before), "MB/cpu-s")
}
