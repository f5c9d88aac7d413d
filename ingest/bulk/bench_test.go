package bulk_test

import (
	"bytes"
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/ingest/bulk"
)

// lines is a body of about a mebibyte of application logs.
func lines(kind corpus.Kind) (body []byte, events int) {
	g := corpus.New(kind, 1, time.Unix(1771007942, 0))
	for len(body) < 1<<20 {
		body, _ = g.AppendEvent(body)
		body = append(body, '\n')
		events++
	}
	return body, events
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := func(form bulk.Form, body []byte) {
		t.Helper()
		var r bulk.Reader
		n := testing.AllocsPerRun(20, func() {
			r.Reset(body, form)
			for r.Next() {
			}
			if r.Err() != nil {
				t.Fatal(r.Err())
			}
		})
		if n > 0 {
			t.Errorf("%v allocations for %.60q", n, body)
		}
	}
	body, _ := lines(corpus.App)
	f(bulk.Lines, body)
	f(bulk.Lines, bytes.Repeat([]byte("{\"timestamp\":\"2026-02-13T18:39:02Z\"}\n\"a\\tb\"\n[1,{\"timestamp\":1}]\nnope\n\"\xff\"\n{\"a\":\"\xff\"}\n"), 100))
	f(bulk.Document, []byte("[{\"a\":1},\n{\"b\":\n2,\"timestamp\":5}]"))
	f(bulk.Collector, bytes.Repeat([]byte(`{"event":"a\tb","time":1486683865}`), 100))
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLines reads application logs; beside it encoding/json validates the
// same lines, which is the least that it would have to do.
func BenchmarkLines(b *testing.B) {
	body, _ := lines(corpus.App)
	measure := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(len(body))*float64(b.N)/1e6/(cpu()-start).Seconds(), "MB/cpu-s")
		})
	}
	var r bulk.Reader
	measure("bulk", func() {
		r.Reset(body, bulk.Lines)
		for r.Next() {
		}
	})
	measure("encoding-json-valid", func() {
		for line := range bytes.Lines(body) {
			if !json.Valid(line) {
				b.Fatal("no JSON")
			}
		}
	})
}
