package format_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/parquet-go/parquet-go"

	"sluice/bench/corpus"
	"sluice/internal/event"
	"sluice/internal/format"
)

const noon = 1_767_225_600_000 // 2026-01-01T00:00:00Z

var web = event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: "/shop/web", LogStream: "i-1"}

// batchOf seals messages a second apart.
func batchOf(t testing.TB, s event.Source, first int64, messages ...string) event.Batch {
	t.Helper()
	size := 0
	for _, m := range messages {
		size += len(m) + 1
	}
	b := event.GetBuilder(size + 9*len(messages))
	for i, m := range messages {
		if err := b.Append(first+int64(i)*1000, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := b.Seal(event.Header{Ingested: first + 500, Request: 7, GroupUID: 1, StreamUID: 2}, s)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// generated is n events of a corpus in batches of 1,000.
func generated(t testing.TB, kind corpus.Kind, n int) []event.Batch {
	t.Helper()
	g := corpus.New(kind, 1, time.UnixMilli(noon))
	var batches []event.Batch
	var line []byte
	for made := 0; made < n; {
		b := event.GetBuilder(4 << 20)
		for ; b.Len() < 1000 && made < n; made++ {
			var ms int64
			line, ms = g.AppendEvent(line[:0])
			if err := b.Append(ms, line); err != nil {
				t.Fatal(err)
			}
		}
		batch, err := b.Seal(event.Header{Ingested: noon + int64(made), Request: uint64(made) * 0x9e3779b97f4a7c15}, web)
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, batch)
	}
	return batches
}

func newParquet(t testing.TB, cfg format.ParquetConfig) *format.Parquet {
	t.Helper()
	p, err := format.NewParquet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func writeParquet(t testing.TB, p *format.Parquet, batches ...event.Batch) format.Object {
	t.Helper()
	w := p.NewWriter()
	for _, b := range batches {
		w.Append(b, nil)
	}
	o, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func openParquet(t testing.TB, o format.Object) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(o.Body, o.Size())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// rowsOf reads a file by the library's row reader: a map a row.
func rowsOf(t testing.TB, o format.Object) []map[string]any {
	t.Helper()
	f := openParquet(t, o)
	columns := f.Schema().Columns()
	var out []map[string]any
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buffer := make([]parquet.Row, 100)
		for {
			n, err := rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				m := make(map[string]any)
				for _, v := range row {
					m[columns[v.Column()][0]] = plain(v)
				}
				out = append(out, m)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rows.Close()
	}
	return out
}

func plain(v parquet.Value) any {
	switch {
	case v.IsNull():
		return nil
	case v.Kind() == parquet.ByteArray:
		return string(v.ByteArray())
	case v.Kind() == parquet.Int64:
		return v.Int64()
	case v.Kind() == parquet.Double:
		return v.Double()
	}
	return v.Boolean()
}

func TestParquetRoundTrip(t *testing.T) {
	f := func(cfg format.ParquetConfig, kind corpus.Kind, n int) {
		t.Helper()
		batches := generated(t, kind, n)
		o := writeParquet(t, newParquet(t, cfg), batches...)
		defer o.Release()
		rows, at := rowsOf(t, o), 0
		hash := xxhash.New()
		for _, b := range batches {
			hash.Write(b.Text())
			for i := range b.Len() {
				got, want := rows[at], map[string]any{
					"ts": b.Timestamp(i) * 1000, "ingest_ts": b.Ingested() * 1000,
					"account": web.Account, "region": web.Region, "log_group": web.LogGroup, "log_stream": web.LogStream,
					"event_id": b.ID(i).String(), "message": string(b.Message(i)),
				}
				for name, v := range want {
					if got[name] != v {
						t.Fatalf("row %d: %s is %v, want %v", at, name, got[name], v)
					}
				}
				at++
			}
		}
		if at != len(rows) || o.Count != int64(n) || o.Hash != hash.Sum64() {
			t.Errorf("%d rows of %d, count %d, hash %x", len(rows), n, o.Count, o.Hash)
		}
	}
	f(format.ParquetConfig{}, corpus.App, 1)
	f(format.ParquetConfig{}, corpus.App, 5000)
	f(format.ParquetConfig{Compression: "SNAPPY"}, corpus.VPC, 5000)
	f(format.ParquetConfig{Compression: "UNCOMPRESSED"}, corpus.Trace, 3000)
	f(format.ParquetConfig{RowGroupBytes: 200 << 10}, corpus.Access, 5000)
	f(format.ParquetConfig{BloomFilters: []string{"event_id"}}, corpus.CloudTrail, 2000)
	f(format.ParquetConfig{Fields: []format.Field{{Path: []string{"level"}, Type: format.String}}}, corpus.App, 3000)
}

var _ = bytes.Equal
var _ = fmt.Sprint
var _ = strings.Repeat
