package kafka

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/bench/corpus"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
)

// brokerVariable makes the test binary a broker, so that a benchmark's processor
// time is the client's alone.
const brokerVariable = "SLUICETEST_BROKER"

func serveBroker() bool {
	if os.Getenv(brokerVariable) == "" {
		return false
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true
	}
	defer c.Close()
	fmt.Println(c.ListenAddrs()[0])
	io.Copy(io.Discard, os.Stdin) // until the benchmark closes it
	return true
}

// broker starts a broker in a process of its own.
func broker(b *testing.B) *kafkadial.Cluster {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), brokerVariable+"=1")
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		command.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	d, err := kafkadial.New(kafkadial.Config{Brokers: []string{strings.TrimSpace(address)}})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchBatch = 700 << 10 // bytes of messages in a parcel

// load is n parcels of events that a service wrote as JSON.
func load(b *testing.B, n int) []event.Parcel {
	b.Helper()
	lines := bufio.NewReader(corpus.Lines(corpus.New(corpus.JSON, 1, time.UnixMilli(1_700_000_000_000)), int64(n*benchBatch)))
	var parcels []event.Parcel
	for i := range n {
		builder := event.GetBuilder(2 * benchBatch)
		for builder.TextBytes() < benchBatch {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				break
			}
			if err := builder.Append(1_700_000_000_000, line[:len(line)-1]); err != nil {
				b.Fatal(err)
			}
		}
		batch, err := builder.Seal(event.Header{StreamUID: 7}, event.Source{LogGroup: "/g", LogStream: fmt.Sprint("s", i)})
		if err != nil {
			b.Fatal(err)
		}
		parcels = append(parcels, event.Parcel{
			Position: event.Position{Number: uint64(i + 1)}, Arrived: 1, Deliveries: []event.Delivery{{Batch: batch, Filter: "errors"}},
		})
	}
	return parcels
}

// repeated is n parcels of events that say nearly nothing: what a codec costs at
// least.
func repeated(b *testing.B, n int) (parcels []event.Parcel) {
	for i := range n {
		parcels = append(parcels, parcel(b, uint64(i+1), fmt.Sprint("s", i), benchBatch/1000, 1000-12))
	}
	return parcels
}

// yardstick is how long encoding/json.Valid takes for the messages of parcels: what
// the processor is worth at the moment.
func yardstick(b *testing.B, parcels []event.Parcel) time.Duration {
	b.Helper()
	start := cpu()
	for _, p := range parcels {
		batch := p.Deliveries[0].Batch
		for i := range batch.Len() {
			if !json.Valid(batch.Message(i)) {
				b.Fatalf("no JSON: %s", batch.Message(i))
			}
		}
	}
	return cpu() - start
}

// BenchmarkProduce is MB of messages per second of the client's processor time, and
// how much of the time is the codec's: the same encoder over the same values, in
// turns, as are those of encoding/json.Valid.
func BenchmarkProduce(b *testing.B) {
	for codec, name := range map[kafka.Compression]string{0: "none", kafka.Snappy: "snappy", kafka.Zstd: "zstd"} {
		b.Run("json/"+name, func(b *testing.B) { benchmarkProduce(b, codec, load(b, 8), true) })
		b.Run("repeated/"+name, func(b *testing.B) { benchmarkProduce(b, codec, repeated(b, 8), false) })
	}
}

func benchmarkProduce(b *testing.B, codec kafka.Compression, parcels []event.Parcel, isJSON bool) {
	p := producer(b, broker(b), func(c *ProducerConfig) { c.Compression = codec })
	number, sent := uint64(0), 0
	var made, bare, valid time.Duration
	var batch recordBatch
	for b.Loop() {
		for i := range parcels {
			number++
			parcels[i].Position.Number = number
			sent += parcels[i].Bytes()
		}
		start := cpu()
		if err := p.Produce(b.Context(), 9, parcels...); err != nil {
			b.Fatal(err)
		}
		made += cpu() - start
		if isJSON {
			valid += yardstick(b, parcels)
		}
		if codec == 0 {
			continue
		}
		start = cpu()
		for i := range parcels {
			batch.wire, batch.plain = batch.wire[:0], parcels[i].Deliveries[0].Batch.Record()
			if err := batch.compress(codec); err != nil {
				b.Fatal(err)
			}
		}
		bare += cpu() - start
	}
	b.ReportMetric(float64(sent)/1e6/made.Seconds(), "MB/cpu-s")
	if isJSON {
		b.ReportMetric(float64(sent)/1e6/valid.Seconds(), "json.Valid-MB/cpu-s")
	}
	if codec != 0 {
		b.ReportMetric(float64(sent)/1e6/bare.Seconds(), "codec-MB/cpu-s")
		b.ReportMetric(100*bare.Seconds()/made.Seconds(), "%codec")
	}
}

// BenchmarkRecordBatch builds batches without sending them.
func BenchmarkRecordBatch(b *testing.B) {
	e := encoder{payload: Batch, maxRecord: 1 << 20, partitions: 1}
	parcels := load(b, 8)
	for _, p := range parcels {
		if err := e.parcel(p); err != nil {
			b.Fatal(err)
		}
	}
	for codec, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		b.Run(name, func(b *testing.B) {
			var batch recordBatch
			b.SetBytes(benchBatch)
			b.ReportAllocs()
			i, in, out := 0, 0, 0
			for b.Loop() {
				wire, err := batch.build(e.out[i%8:i%8+1], kafka.Compression(codec))
				if err != nil {
					b.Fatal(err)
				}
				in, out, i = in+len(e.out[i%8].value), out+len(wire), i+1
			}
			b.ReportMetric(float64(in)/float64(out), "times-smaller")
		})
	}
}

// BenchmarkConsume reads 64 batches again for every round.
func BenchmarkConsume(b *testing.B) {
	for codec, name := range map[kafka.Compression]string{0: "none", kafka.Snappy: "snappy", kafka.Zstd: "zstd"} {
		b.Run(name, func(b *testing.B) { benchmarkConsume(b, codec) })
	}
}

func benchmarkConsume(b *testing.B, codec kafka.Compression) {
	d := broker(b)
	p := producer(b, d, func(c *ProducerConfig) { c.Compression = codec })
	parcels := load(b, 64)
	size := 0
	for i := range parcels {
		size += parcels[i].Bytes()
	}
	if err := p.Produce(b.Context(), 9, parcels...); err != nil {
		b.Fatal(err)
	}
	round, spent, valid := 0, time.Duration(0), time.Duration(0)
	for b.Loop() {
		round++
		c, err := NewConsumer(ConsumerConfig{Cluster: d, Topic: topic, GroupID: fmt.Sprint("g", round), Logger: quiet})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		var got atomic.Int64
		start := cpu()
		c.Run(ctx, func(_ context.Context, parcels []event.Parcel) error {
			for _, p := range parcels {
				if got.Add(int64(p.Bytes())) >= int64(size) {
					cancel()
				}
			}
			return nil
		})
		cancel()
		spent += cpu() - start
		valid += yardstick(b, parcels)
	}
	b.ReportMetric(float64(size)*float64(round)/1e6/spent.Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(size)*float64(round)/1e6/valid.Seconds(), "json.Valid-MB/cpu-s")
}
