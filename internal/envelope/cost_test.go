package envelope_test

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"sluice/bench/corpus"
	"sluice/internal/envelope"
	"sluice/internal/event"
)

// corpusDelivery is nearly a MiB of events of a kind.
func corpusDelivery(b *testing.B, kind corpus.Kind) event.Delivery {
	b.Helper()
	g := corpus.New(kind, 1, time.Unix(1_700_000_000, 0))
	builder := event.GetBuilder(700 << 10)
	defer builder.Release()
	for size := 0; size < 600<<10; {
		m, at := g.AppendEvent(nil)
		size += len(m) + 100
		if err := builder.Append(at, m); err != nil {
			b.Fatal(err)
		}
	}
	sealed, err := builder.Seal(header, source)
	if err != nil {
		b.Fatal(err)
	}
	batch, err := event.Open(bytes.Clone(sealed.Record()))
	if err != nil {
		b.Fatal(err)
	}
	return event.Delivery{Batch: batch, Filter: "f"}
}

// cpu is the processor time of the process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMember compares making gzip members of events with gzip of the same
// documents: what the envelope costs, in processor time, for text and for JSON,
// whose quotes are all escaped. Both take turns, so that a busy machine slows both.
func BenchmarkMember(b *testing.B) {
	for _, kind := range []corpus.Kind{corpus.Access, corpus.VPC, corpus.App} {
		b.Run(kind.String(), func(b *testing.B) {
			d := corpusDelivery(b, kind)
			p := envelope.GetPacker()
			defer p.Release()
			part := envelope.Part{From: 0, To: d.Events()}
			document := envelope.Append(nil, d, part)
			z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
			if err != nil {
				b.Fatal(err)
			}
			var made, bare time.Duration
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				t0 := cpu(b)
				p.Member(d, part)
				t1 := cpu(b)
				z.Reset(io.Discard)
				if _, err := z.Write(document); err != nil {
					b.Fatal(err)
				}
				if err := z.Close(); err != nil {
					b.Fatal(err)
				}
				made, bare = made+t1-t0, bare+cpu(b)-t1
			}
			b.ReportMetric(100*(float64(made)/float64(bare)-1), "%over-gzip")
		})
	}
}
