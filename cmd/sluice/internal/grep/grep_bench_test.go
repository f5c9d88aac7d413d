package grep

import (
	"bytes"
	"io"
	"strconv"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
)

// BenchmarkFilter reports MB of log per second of processor time, which the
// neighbours on a machine do not change, for patterns that are searched in
// different ways and for one and two workers.
func BenchmarkFilter(b *testing.B) {
	text, err := io.ReadAll(corpus.Lines(corpus.New(corpus.JSON, 1, corpus.Epoch), 32<<20))
	if err != nil {
		b.Fatal(err)
	}
	f := func(name string, cfg Config) {
		for _, workers := range []int{1, 2} {
			b.Run(name+"/"+strconv.Itoa(workers), func(b *testing.B) {
				cfg.Workers = workers
				benchmarkSearch(b, cfg, text)
			})
		}
	}
	f("literal", Config{Patterns: compiled("ERROR")})
	f("absent", Config{Patterns: compiled("NoSuchThing")})
	f("invert", Config{Patterns: compiled("ERROR"), Invert: true})
	f("numbers", Config{Patterns: compiled("ERROR"), Numbers: true})
	f("regex", Config{Patterns: compiled(`%timed out .* header%`)})
	f("json", Config{Patterns: compiled(`{ $.status >= 500 && $.method = "POST" }`)})
	f("several", Config{Patterns: compiled(`{ $.status >= 500 }`, "deadlock", "?AccessDenied ?Throttling")})
	f("objects", Config{Patterns: compiled("ERROR"), Form: JSON})
}

func benchmarkSearch(b *testing.B, cfg Config, text []byte) {
	s, err := New(cfg, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	began, n := processorTime(), 0
	for b.Loop() {
		if _, err := s.File("a.log", bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n)*float64(len(text))/1e6/(processorTime()-began).Seconds(), "MB/cpu-s")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
