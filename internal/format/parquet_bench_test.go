package format_test

import (
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"sluice/bench/corpus"
	"sluice/internal/event"
	"sluice/internal/format"
)

// bareRow is the core columns as the library's own users write them.
type bareRow struct {
	TS        int64  `parquet:"ts,timestamp(microsecond),delta"`
	IngestTS  int64  `parquet:"ingest_ts,timestamp(microsecond),delta"`
	Account   string `parquet:"account,dict"`
	Region    string `parquet:"region,dict"`
	LogGroup  string `parquet:"log_group,dict"`
	LogStream string `parquet:"log_stream,dict"`
	EventID   string `parquet:"event_id"`
	Message   string `parquet:"message"`
}

func bareRows(batches []event.Batch) (rows []bareRow, bytes int64) {
	for _, b := range batches {
		s := b.Source()
		for i := range b.Len() {
			rows = append(rows, bareRow{
				b.Timestamp(i) * 1000, b.Ingested() * 1000, s.Account, s.Region, s.LogGroup, s.LogStream,
				b.ID(i).String(), string(b.Message(i)),
			})
		}
		bytes += int64(b.MessageBytes())
	}
	return rows, bytes
}

// perCPU reports message bytes by the process's CPU time: wall time on a shared
// machine says little.
func perCPU(b *testing.B, bytes int64, run func()) {
	run() // fill pools
	b.SetBytes(bytes)
	b.ReportAllocs()
	before, n := cpuTime(), 0
	for b.Loop() {
		run()
		n++
	}
	b.ReportMetric(float64(bytes)*float64(n)/1e6/(cpuTime()-before).Seconds(), "MB/cpu-s")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bareWriter is a reused writer of the library's.
func bareWriter(b *testing.B) func([]bareRow) {
	w := parquet.NewGenericWriter[bareRow](io.Discard, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}))
	return func(rows []bareRow) {
		w.Reset(io.Discard)
		for part := range slices.Chunk(rows, 1000) {
			if _, err := w.Write(part); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParquet measures a file of events, encoded and read back.
func BenchmarkParquet(b *testing.B) {
	for _, kind := range []corpus.Kind{corpus.App, corpus.Access, corpus.VPC} {
		batches := generated(b, kind, 50_000)
		rows, bytes := bareRows(batches)
		bare := bareWriter(b)
		b.Run(kind.String()+"/bare", func(b *testing.B) { perCPU(b, bytes, func() { bare(rows) }) })
		file := func(name string, cfg format.ParquetConfig) {
			p := newParquet(b, cfg)
			b.Run(kind.String()+"/"+name, func(b *testing.B) {
				perCPU(b, bytes, func() {
					o := writeParquet(b, p, batches...)
					b.ReportMetric(float64(bytes)/float64(o.Size()), "ratio")
					o.Release()
				})
			})
		}
		file("core", format.ParquetConfig{})
		file("snappy", format.ParquetConfig{Compression: "SNAPPY"})
		if kind == corpus.App {
			file("fields", format.ParquetConfig{Fields: appFields})
		}
	}
}

// BenchmarkParquetRatio takes turns with the bare library (a writer that is
// reused, rows that are ready, nothing read back) and reports what share of its
// speed is left, by CPU time.
func BenchmarkParquetRatio(b *testing.B) {
	for _, kind := range []corpus.Kind{corpus.App, corpus.Access, corpus.VPC, corpus.CloudTrail} {
		b.Run(kind.String(), func(b *testing.B) {
			batches := generated(b, kind, 20_000)
			rows, bytes := bareRows(batches)
			bare, p := bareWriter(b), newParquet(b, format.ParquetConfig{})
			ours := func() {
				o := writeParquet(b, p, batches...)
				o.Release()
			}
			bare(rows) // fill pools
			ours()
			b.SetBytes(bytes)
			var of [2]time.Duration
			for b.Loop() {
				start := cpuTime()
				bare(rows)
				middle := cpuTime()
				ours()
				of[0] += middle - start
				of[1] += cpuTime() - middle
			}
			b.ReportMetric(float64(of[0])/float64(of[1]), "of-bare")
		})
	}
}

// appFields are members of corpus.App's messages.
var appFields = []format.Field{
	{Path: []string{"level"}, Type: format.String},
	{Path: []string{"service"}, Type: format.String},
	{Path: []string{"status"}, Type: format.BigInt},
	{Path: []string{"user", "id"}, Type: format.String},
}
