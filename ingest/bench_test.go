package ingest_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"sluice/ingest"
	"sluice/ingest/putlogevents"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
)

// null takes batches and forgets them.
type null struct{}

func (null) Append(context.Context, event.Batch) (event.Position, error) {
	return event.Position{}, nil
}
func (null) Reject(context.Context, uint64, store.Rejected) error { return nil }

// into returns PutLogEvents over a null log, and a request of n events.
func into(t testing.TB, n int) (awsapi.Operation, []byte) {
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "/aws/lambda/a-function-with-a-name-over-32-bytes"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.CreateLogStream(g.UID, "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef", 1)
	if err != nil {
		t.Fatal(err)
	}
	api, err := ingest.New(ingest.Config{Definitions: c, Appender: null{}, Rejections: null{}, Clock: clock.NewTest(now)})
	if err != nil {
		t.Fatal(err)
	}
	var events []putlogevents.Event
	for i := range n {
		events = append(events, putlogevents.Event{
			Timestamp: now.UnixMilli() + int64(i),
			Message:   fmt.Appendf(nil, `10.0.0.%d - - [22/Nov/2026:12:00:00 +0000] "GET /cart/%d HTTP/1.1" 200 5316`, i%256, i),
		})
	}
	return api.Operations()[0], putlogevents.AppendRequest(nil, g.Name, s.Name, events...)
}

func TestNoAllocationsPerEvent(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := func(events int) float64 {
		op, body := into(t, events)
		request := &awsapi.Request{Caller: awsapi.Caller{Account: logsapitest.Account, Region: logsapitest.Region}, Body: body}
		reply := &awsapi.Reply{Body: make([]byte, 0, 1024)}
		return testing.AllocsPerRun(100, func() {
			reply.Body = reply.Body[:0]
			if err := op.Serve(context.Background(), request, reply); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, n := range []int{1, 9_000} {
		if allocs := f(n); allocs > 0 {
			t.Errorf("%v allocations for a request of %d events", allocs, n)
		}
	}
}

// BenchmarkPutLogEvents runs the operation over a null log.
func BenchmarkPutLogEvents(b *testing.B) {
	for _, n := range []int{1, 100, 9_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			op, body := into(b, n)
			request := &awsapi.Request{Caller: awsapi.Caller{Account: logsapitest.Account, Region: logsapitest.Region}, Body: body}
			reply := &awsapi.Reply{Body: make([]byte, 0, 1024)}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				reply.Body = reply.Body[:0]
				if err := op.Serve(context.Background(), request, reply); err != nil {
					b.Fatal(err)
				}
			}
			spent := cpu() - start
			b.ReportMetric(float64(len(body))*float64(b.N)/1e6/spent.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/event")
		})
	}
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
