package envelope_test

import (
	"bytes"
	"testing"
	"time"

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

// BenchmarkMember compares making gzip members of events with gzip of the same
// documents: what the envelope costs, for text and for JSON, whose quotes are all
// escaped. All take turns and the least time of each counts, so that what else the
// machine does falls out.
func BenchmarkMember(b *testing.B) {
	for _, kind := range corpus.Kinds() {
		b.Run(kind.String(), func(b *testing.B) {
			d := corpusDelivery(b, kind)
			p := envelope.GetPacker()
			defer p.Release()
			part := envelope.Part{From: 0, To: d.Events()}
			document := envelope.Append(nil, d, part)
			printed, member, bare := time.Hour, time.Hour, time.Hour
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				t0 := time.Now()
				p.Document(d, part)
				t1 := time.Now()
				p.Member(d, part)
				t2 := time.Now()
				p.Compress(document)
				t3 := time.Now()
				printed, member, bare = min(printed, t1.Sub(t0)), min(member, t2.Sub(t1)), min(bare, t3.Sub(t2))
			}
			b.ReportMetric(100*float64(printed)/float64(bare), "%document/gzip")
			b.ReportMetric(100*(float64(member)/float64(bare)-1), "%over-gzip")
			b.ReportMetric(float64(printed.Nanoseconds())/float64(d.Events()), "ns/event")
		})
	}
}
