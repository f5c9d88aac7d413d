package literal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// logText returns size bytes of JSON application log.
func logText(size int) []byte {
	rng := rand.New(rand.NewPCG(1, 1))
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	var out bytes.Buffer
	for i := 0; out.Len() < size; i++ {
		fmt.Fprintf(&out, `{"timestamp":"2026-01-05T08:%02d:%02d.%06dZ","seq":%d,"level":"%s","service":"%s","host":"ip-10-%d-%d","method":"%s","path":"%s","status":%d,"latency_ms":%d.%02d,"trace_id":"%016x%016x","message":"%s","user":{"id":"u-%d","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"}}`+"\n",
			rng.IntN(60), rng.IntN(60), rng.IntN(1e6), i, pick("INFO", "INFO", "INFO", "WARN", "DEBUG", "ERROR"), pick("mailer", "checkout", "inventory", "session-store"), rng.IntN(256), rng.IntN(256),
			pick("GET", "GET", "POST", "PUT"), pick("/v1/payments/authorize", "/v1/stock/{sku}", "/healthz", "/v2/orders/search"), 200+rng.IntN(304), rng.IntN(900), rng.IntN(100), rng.Uint64(), rng.Uint64(),
			pick("request completed", "worker picked up job from queue", "index segment merged", "upstream connection reset by peer", "cache miss for key"), rng.IntN(1e6))
	}
	return out.Bytes()[:size]
}

// words returns n literals of the kind filters have; few occur in logText.
func words(n int) []string {
	rng := rand.New(rand.NewPCG(2, 2))
	stems := []string{"timeout", "refused", "Exception", "payment", "OutOfMemory", "deadline", "panic:", "segfault", "denied", "checksum", "rollback", "unreachable", "throttl", "overflow", "corrupt", "reset by peer"}
	out := make([]string, n)
	for i := range out {
		out[i] = stems[i%len(stems)]
		if i >= len(stems) {
			out[i] = fmt.Sprintf("%s-%05d", out[i], rng.IntN(1e5))
		}
	}
	return out
}

func BenchmarkFinder(b *testing.B) {
	text := logText(1 << 20)
	for _, literal := range []string{"OutOfMemory", "reset by pear", "ERRORS", "timeout", "refused", "\"message\":\"request completex"} {
		finder := NewFinder(literal)
		run := func(name string, index func([]byte) int) {
			b.Run(name+"/"+literal, func(b *testing.B) {
				perCPU(b, len(text), func() {
					if index(text) >= 0 {
						b.Fatal("found")
					}
				})
			})
		}
		run("own", finder.Index)
		run("std", func(text []byte) int { return bytes.Index(text, []byte(literal)) })
	}
}

func BenchmarkScanner(b *testing.B) {
	text := logText(1 << 20)
	for _, n := range []int{3, 10, 100, 1000} {
		scanner := NewScanner(words(n))
		hits := scanner.AppendHits(nil, text)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			perCPU(b, len(text), func() { hits = scanner.AppendHits(hits[:0], text) })
			b.ReportMetric(float64(len(hits)), "hits")
		})
	}
}

// perCPU reports MB of input per second of process CPU time: on a shared
// machine the wall clock measures the neighbours.
func perCPU(b *testing.B, size int, run func()) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	start := cpuTime()
	n := 0
	for b.Loop() {
		run()
		n++
	}
	b.ReportMetric(float64(n)*float64(size)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
