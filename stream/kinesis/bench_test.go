package kinesis

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/event"
)

// taking is a server that takes everything and costs nothing.
type taking struct{}

func (taking) PutRecords(_ context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(in.Records))}
	for i := range out.Records {
		out.Records[i] = types.PutRecordsResultEntry{ShardId: aws.String("shardId-000000000000"), SequenceNumber: aws.String("4959")}
	}
	return out, nil
}

// cpu is what the process used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkProduce is message bytes per second of processor time, without the
// SDK's part: what encoding, queueing and pacing cost.
func BenchmarkProduce(b *testing.B) {
	for _, payload := range []Payload{Batch, CloudWatchJSON, CloudWatchGzip} {
		b.Run(payload.String(), func(b *testing.B) {
			p, err := NewProducer(ProducerConfig{Client: taking{}, Stream: "s", Payload: payload, Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			var parcels []event.Parcel
			size := 0
			for i := range uint64(64) {
				parcels = append(parcels, parcel(b, i+1, fmt.Sprint("s", i), 1000, 150))
				size += parcels[i].Bytes()
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			began, n := cpu(b), 0
			for b.Loop() {
				n++
				if err := p.Produce(b.Context(), 9, parcels...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*size)/1e6/(cpu(b)-began).Seconds(), "MB/cpu-s")
		})
	}
}

// BenchmarkDecode is a page's way to parcels.
func BenchmarkDecode(b *testing.B) {
	record := parcel(b, 1, "s", 1000, 150).Deliveries[0].Batch.Record()
	var data [][]byte
	for i := range uint64(64) {
		data = append(data, appendBatch(nil, Origin{Stream: 1, First: i}, "errors", record))
	}
	var m Marks
	b.SetBytes(int64(len(data) * len(record)))
	b.ReportAllocs()
	for b.Loop() {
		m = Marks{}
		for _, v := range data {
			d, err := Decode(v)
			if err != nil || !m.Fresh(d.Origin, "sluice-128-1") {
				b.Fatal(err)
			}
		}
	}
}
