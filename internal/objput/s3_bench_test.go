package objput_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"syscall"
	"testing"
	"time"

	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
)

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkS3Put puts objects into a server that throws them away. Both ends are
// in cpu-ns/op; over plain HTTP most of it is SigV4's SHA-256 of the body, whose
// share is cpu/sha256, the ratio to hashing alone.
func BenchmarkS3Put(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"e"`)
		if r.URL.Path == "/lake/_sluice/probe-if-none-match" {
			w.WriteHeader(http.StatusPreconditionFailed)
		}
	}))
	defer server.Close()
	for _, size := range []int64{4 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s := openS3(b, server.URL, func(c *objput.S3Config) { c.PartSize = 16 << 20 })
			body := objputtest.Random(size)
			n := 0
			put := func() {
				n++
				if err := s.PutIfAbsent(b.Context(), "lake", strconv.Itoa(n), objputtest.Object(body, meta)); err != nil {
					b.Fatal(err)
				}
			}
			put() // the probe, the connection
			began := cpu(b)
			sha256.Sum256(body)
			hash := cpu(b) - began
			b.SetBytes(size)
			b.ReportAllocs()
			began = cpu(b)
			for b.Loop() {
				put()
			}
			spent := float64(cpu(b)-began) / float64(b.N)
			b.ReportMetric(spent, "cpu-ns/op")
			if size > 1<<16 {
				b.ReportMetric(spent/float64(hash), "cpu/sha256")
			}
		})
	}
}
