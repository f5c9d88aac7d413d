package putlogevents_test

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/ingest/putlogevents"
	"sluice/internal/event"
)

// bodyOf makes a body of about size bytes of one kind of log.
func bodyOf(kind corpus.Kind, size int) []byte {
	return putlogevents.AppendRequest(nil, "/shop/web", "i-1", eventsOf(kind, size)...)
}

func eventsOf(kind corpus.Kind, size int) (events []putlogevents.Event) {
	g, total := corpus.New(kind, 1, corpus.Epoch), 0
	for total < size {
		message, at := g.AppendEvent(nil)
		events = append(events, putlogevents.Event{Timestamp: at, Message: message})
		total += len(putlogevents.AppendRequest(nil, "", "", events[len(events)-1])) - 50
	}
	return events
}

// cpu is the processor time of the process so far: on a shared machine it
// repeats where wall time does not.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure reports what a second of processor time decodes and, as even that
// falls while others use the same core, what the best round would.
func measure(b *testing.B, size int, f func()) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	best, start := time.Hour, cpu()
	for b.Loop() {
		at := time.Now()
		f()
		best = min(best, time.Since(at))
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpu()-start).Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(size)/1e6/best.Seconds(), "best-MB/s")
}

// BenchmarkDecode compares Decode, the decoder it falls back to and
// encoding/json on bodies of 1 MiB.
func BenchmarkDecode(b *testing.B) {
	for _, kind := range corpus.Kinds() {
		body := bodyOf(kind, 1<<20)
		b.Run(kind.String(), func(b *testing.B) {
			builder, req := event.GetBuilder(len(body)), new(putlogevents.Request)
			measure(b, len(body), func() {
				if err := putlogevents.Decode(body, builder, req); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run(kind.String()+"/careful", func(b *testing.B) {
			builder, req := event.GetBuilder(len(body)), new(putlogevents.Request)
			measure(b, len(body), func() {
				if err := putlogevents.DecodeCarefully(body, builder, req); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run(kind.String()+"/encoding-json", func(b *testing.B) {
			measure(b, len(body), func() {
				var req standard
				if err := json.Unmarshal(body, &req); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkAppendRequest tells what a load generator spends on bodies.
func BenchmarkAppendRequest(b *testing.B) {
	for _, kind := range corpus.Kinds() {
		events := eventsOf(kind, 1<<20)
		body := putlogevents.AppendRequest(nil, "/shop/web", "i-1", events...)
		b.Run(kind.String(), func(b *testing.B) {
			measure(b, len(body), func() { body = putlogevents.AppendRequest(body[:0], "/shop/web", "i-1", events...) })
		})
	}
}

// standard is a request as encoding/json reads it.
type standard struct {
	LogGroupName  *string  `json:"logGroupName"`
	LogStreamName *string  `json:"logStreamName"`
	LogEvents     []*input `json:"logEvents"`
}

type input struct {
	Timestamp *int64  `json:"timestamp"`
	Message   *string `json:"message"`
}
