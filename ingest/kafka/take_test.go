package kafka

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"sluice/internal/clock"
)

// value is a record's value that can be read any number of times, as the client
// gives it.
type value struct {
	text []byte
	at   int
}

func (v *value) Read(b []byte) (int, error) {
	n := copy(b, v.text[v.at:])
	v.at += n
	return n, nil
}
func (v *value) Close() error { return nil }
func (v *value) Len() int     { return len(v.text) - v.at }

// taking returns what adds a round of records to a batch that is never stored.
func taking(records int) (round func(), bytes int) {
	s := &Source{cfg: Config{MaxMessageBytes: 1 << 20}, links: Links{Clock: clock.Real{}}, budget: budget{limit: 1 << 40}}
	p := &partition{s: s}
	line := []byte(`10.0.0.1 - - [22/Nov/2026:12:00:00 +0000] "GET /cart/17 HTTP/1.1" 200 5316`)
	v := &value{text: line}
	r := &protocol.Record{Value: v, Time: time.UnixMilli(1_700_000_000_000)}
	return func() {
		p.pending.reset()
		for i := range records {
			v.at = 0
			r.Offset = int64(i)
			if err := p.take(context.Background(), r); err != nil {
				panic(err)
			}
		}
	}, records * len(line)
}

func TestTakeAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	round, _ := taking(1000)
	round() // makes the arena
	if n := testing.AllocsPerRun(20, round); n > 0 {
		t.Errorf("%v allocations for a thousand records", n)
	}
}

// BenchmarkTake adds records to a batch, without brokers and without a log.
func BenchmarkTake(b *testing.B) {
	round, bytes := taking(10_000)
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N)/10_000, "cpu-ns/record")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
