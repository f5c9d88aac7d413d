package firehose_test

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	pq "github.com/parquet-go/parquet-go"
	pqzstd "github.com/parquet-go/parquet-go/compress/zstd"

	"sluice/internal/event"
	"sluice/internal/format"
	"sluice/internal/objput"
	"sluice/internal/vfs"
	"sluice/internal/wal"
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

func bareRows(all []event.Batch) (rows []bareRow) {
	for _, b := range all {
		s := b.Source()
		for i := range b.Len() {
			rows = append(rows, bareRow{
				b.Timestamp(i) * 1000, b.Ingested() * 1000, s.Account, s.Region, s.LogGroup, s.LogStream,
				b.ID(i).String(), string(b.Message(i)),
			})
		}
	}
	return rows
}

// lineText is what the body of NDJSON gives to its codec, or messages as lines.
func lineText(all []event.Batch, kind string) (text []byte) {
	var e format.EventJSON
	for _, b := range all {
		if kind == "raw" {
			text = append(text, b.Text()...)
			continue
		}
		e.Use(b)
		for i := range b.Len() {
			text = e.Append(text, i)
		}
	}
	return text
}

// bareText is a reused codec over text.
func bareText(b *testing.B, codec string, text []byte) func() {
	var w interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	var err error
	if codec == "GZIP" {
		w, err = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	} else {
		w, err = zstd.NewWriter(io.Discard, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		w.Reset(io.Discard)
		for part := range slices.Chunk(text, 64<<10) {
			w.Write(part)
		}
		w.Close()
	}
}

// BenchmarkFormats brings matches from the log into objects of each format, whole
// protocol included, and takes turns with the bare encoder, reused and over data
// that is ready, by CPU time.
func BenchmarkFormats(b *testing.B) {
	all := batches(b, 16)
	rows := bareRows(all)
	table := pq.NewGenericWriter[bareRow](io.Discard, pq.Compression(&pqzstd.Codec{Level: pqzstd.SpeedFastest}))
	for _, c := range []struct {
		name, members string
		bare          func()
	}{
		{"raw/gzip", extract + `,"CompressionFormat":"GZIP",`, bareText(b, "GZIP", lineText(all, "raw"))},
		{"raw/zstd", extract + `,"CompressionFormat":"ZSTD",`, bareText(b, "ZSTD", lineText(all, "raw"))},
		{"ndjson/gzip", `"SluiceConfiguration":{"Format":"ndjson"},"CompressionFormat":"GZIP",`, bareText(b, "GZIP", lineText(all, "ndjson"))},
		{"parquet/zstd", `"SluiceConfiguration":{"Format":"parquet"},`, func() {
			table.Reset(io.Discard)
			for part := range slices.Chunk(rows, 1000) {
				table.Write(part)
			}
			table.Close()
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			store, err := objput.OpenFolder(vfs.NewMem(), "/s3")
			if err != nil {
				b.Fatal(err)
			}
			w := newWorld(b, config{store: store})
			route := w.create(c.members + hints(1, 0))
			var deliveries []event.Delivery
			size, n := 0, 0
			for _, batch := range all {
				deliveries = append(deliveries, event.Delivery{Batch: batch, Filter: "f"})
				size += batch.MessageBytes()
			}
			var spent, bare time.Duration
			b.SetBytes(int64(size))
			for b.Loop() {
				start := cpu(b)
				n++
				if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), deliveries...); err != nil {
					b.Fatal(err)
				}
				w.log.await(wal.TypeCommit, n)
				middle := cpu(b)
				c.bare()
				spent, bare = spent+middle-start, bare+cpu(b)-middle
			}
			b.ReportMetric(float64(size)*float64(n)/1e6/spent.Seconds(), "MB/cpu-s")
			b.ReportMetric(bare.Seconds()/spent.Seconds(), "of-bare")
		})
	}
}
