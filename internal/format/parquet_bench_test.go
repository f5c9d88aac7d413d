package format_test

import (
	"io"
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

// BenchmarkParquet compares a file of events, encoded and read back, to the bare
// library: a writer that is reused, rows that are ready, nothing checked.
func BenchmarkParquet(b *testing.B) {
	for _, kind := range []corpus.Kind{corpus.App, corpus.Access} {
		batches := generated(b, kind, 50_000)
		rows, bytes := bareRows(batches)
		b.Run(kind.String()+"/bare", func(b *testing.B) {
			w := parquet.NewGenericWriter[bareRow](io.Discard, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}))
			perCPU(b, bytes, func() {
				w.Reset(io.Discard)
				for rest := rows; len(rest) > 0; {
					n := min(1000, len(rest))
					if _, err := w.Write(rest[:n]); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			})
		})
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

// appFields are members of corpus.App's messages.
var appFields = []format.Field{
	{Path: []string{"level"}, Type: format.String},
	{Path: []string{"service"}, Type: format.String},
	{Path: []string{"http", "status"}, Type: format.BigInt},
}
