package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
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

// A value whose type changes with every event is one file, and every value is
// found again: in its column if it fits, in _rest if not.
func TestTypeDrift(t *testing.T) {
	const events = 10_000
	p := newParquet(t, format.ParquetConfig{Fields: []format.Field{{Path: []string{"req", "code"}, Type: format.BigInt}}})
	messages := make([]string, events)
	want := make([]string, events)
	for i := range messages {
		want[i] = fmt.Sprint(i)
		if i%2 == 1 {
			want[i] = fmt.Sprintf(`"E%d"`, i)
		}
		messages[i] = `{"n":1,"req":{"code":` + want[i] + `}}`
	}
	o := writeParquet(t, p, batchOf(t, web, noon, messages...))
	rows := rowsOf(t, o)
	if len(rows) != events {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows {
		var rest struct {
			N   int
			Req struct{ Code json.RawMessage }
		}
		if err := json.Unmarshal([]byte(row["_rest"].(string)), &rest); err != nil {
			t.Fatal(err)
		}
		got := string(rest.Req.Code)
		if v, ok := row["req_code"].(int64); ok && got == "" {
			got = fmt.Sprint(v)
		}
		if got != want[i] || rest.N != 1 {
			t.Fatalf("row %d: %s, want %s: %v", i, got, want[i], row)
		}
	}
}

func TestParquetOfWhatIsNoJSON(t *testing.T) {
	p := newParquet(t, format.ParquetConfig{Fields: []format.Field{
		{Path: []string{"ok"}, Type: format.Boolean}, {Path: []string{"Took"}, Type: format.Double},
	}})
	rows := rowsOf(t, writeParquet(t, p, batchOf(t, web, noon, "plain", `{"ok":true,"Took":0.5}`, `{"ok":`, "", "bad \xff")))
	f := func(row int, message string, ok, took, rest any) {
		t.Helper()
		r := rows[row]
		if r["message"] != message || r["ok"] != ok || r["took"] != took || r["_rest"] != rest {
			t.Errorf("row %d: %v", row, r)
		}
	}
	f(0, "plain", nil, nil, nil)
	f(1, `{"ok":true,"Took":0.5}`, true, 0.5, nil)
	f(2, `{"ok":`, nil, nil, nil)
	f(3, "", nil, nil, nil)
	f(4, "bad \uFFFD", nil, nil, nil)
}

func TestParquetSelection(t *testing.T) {
	b := batchOf(t, web, noon, "a", "b", "c", "d")
	w := newParquet(t, format.ParquetConfig{}).NewWriter()
	w.Append(b, event.Selection{0, 2, 3})
	w.Append(b, event.Selection{})
	w.Append(event.Batch{}, nil)
	o, err := w.Close()
	if err != nil || o.Count != 3 || o.RecordBytes != 6 || o.Hash != xxhash.Sum64String("a\nc\nd\n") {
		t.Fatalf("%+v, %v", o, err)
	}
	rows := rowsOf(t, o)
	if len(rows) != 3 || rows[0]["message"] != "a" || rows[1]["message"] != "c" || rows[2]["event_id"] != b.ID(3).String() {
		t.Error(rows)
	}
	if empty := writeParquet(t, newParquet(t, format.ParquetConfig{})); len(rowsOf(t, empty)) != 0 {
		t.Error("rows in an empty file")
	}
}

func TestSortingColumnsAreTrue(t *testing.T) {
	other := web
	other.LogGroup = "/shop/zoo"
	a, b := func(first int64) event.Batch { return batchOf(t, web, first, "1", "2") }, func(first int64) event.Batch { return batchOf(t, other, first, "3") }
	f := func(want string, batches ...event.Batch) {
		t.Helper()
		file := openParquet(t, writeParquet(t, newParquet(t, format.ParquetConfig{}), batches...))
		var got []string
		for _, g := range file.Metadata().RowGroups {
			for _, c := range g.SortingColumns {
				got = append(got, file.Schema().Columns()[c.ColumnIdx][0])
			}
		}
		if s := strings.Join(got, ","); s != want {
			t.Errorf("declared %q, want %q", s, want)
		}
	}
	f("log_group,ts", a(noon))
	f("log_group,ts", a(noon), a(noon+1000), b(noon))
	f("ts", b(noon), a(noon), a(noon+5000))
	f("ts", a(noon), b(noon+1000), a(noon+2000))
	f("", a(noon), a(noon-1), b(noon))
	f("", b(noon), a(noon-1))
	f("log_group,ts", batchOf(t, web, noon, "x"), a(noon))
	f("")
}

func TestRowGroupsKeepToTheirBudget(t *testing.T) {
	batches := generated(t, corpus.App, 20_000)
	o := writeParquet(t, newParquet(t, format.ParquetConfig{RowGroupBytes: 1 << 20}), batches...)
	file := openParquet(t, o)
	groups := file.Metadata().RowGroups
	if len(groups) < 8 {
		t.Fatalf("%d row groups", len(groups))
	}
	for i, g := range groups {
		if message := g.Columns[7].MetaData; message.TotalUncompressedSize > 1<<20+256<<10 {
			t.Errorf("row group %d holds %d bytes of messages", i, message.TotalUncompressedSize)
		}
		for _, c := range g.Columns {
			if c.ColumnIndexOffset == 0 || c.OffsetIndexOffset == 0 {
				t.Errorf("row group %d: no page index for %v", i, c.MetaData.PathInSchema)
			}
		}
	}
}

func TestFooterHasNoMessages(t *testing.T) {
	long := strings.Repeat("long ", 40_000)
	file := openParquet(t, writeParquet(t, newParquet(t, format.ParquetConfig{}), batchOf(t, web, noon, "a", long, "b"+long)))
	for _, c := range file.Metadata().RowGroups[0].Columns {
		if s := c.MetaData.Statistics; len(s.MinValue)+len(s.MaxValue) > 200 {
			t.Errorf("%v has bounds of %d bytes", c.MetaData.PathInSchema, len(s.MinValue)+len(s.MaxValue))
		}
	}
}

func TestBloomFilter(t *testing.T) {
	p := newParquet(t, format.ParquetConfig{
		Fields:       []format.Field{{Path: []string{"trace_id"}, Type: format.String}},
		BloomFilters: []string{"trace_id"},
	})
	file := openParquet(t, writeParquet(t, p, batchOf(t, web, noon, `{"trace_id":"abc"}`, `{"trace_id":"def"}`)))
	column, _ := file.Schema().Lookup("trace_id")
	f := func(id string, want bool) {
		t.Helper()
		got, err := file.RowGroups()[0].ColumnChunks()[column.ColumnIndex].BloomFilter().Check(parquet.ValueOf(id))
		if err != nil || got != want {
			t.Errorf("%s: %t, %v", id, got, err)
		}
	}
	f("abc", true)
	f("def", true)
	f("ghi", false)
}

// The same batches give the same bytes: from a new writer and from a used one,
// whatever was written before.
func TestParquetIsDeterministic(t *testing.T) {
	cfg := format.ParquetConfig{Fields: appFields, RowGroupBytes: 1 << 20, BloomFilters: []string{"service"}}
	batches := generated(t, corpus.App, 5000)
	p := newParquet(t, cfg)
	want := body(t, writeParquet(t, p, batches...))
	w := p.NewWriter()
	w.Append(batches[3], nil)
	w.Discard()
	w.Discard()
	if !bytes.Equal(body(t, writeParquet(t, p, batches...)), want) {
		t.Error("a used writer makes other bytes")
	}
	if !bytes.Equal(body(t, writeParquet(t, newParquet(t, cfg), batches...)), want) {
		t.Error("another writer makes other bytes")
	}
}

// Two thousand partitions of one stream, cut at once, made by as many writers as
// a room has encoders: memory is that of the encoders.
func TestManyPartitionsWithinABudget(t *testing.T) {
	const encoders, budget = 4, 96 << 20
	partitions := 2000
	if raceEnabled {
		partitions = 50 // pools drop under the race detector: each file has its own tables
	}
	p := newParquet(t, format.ParquetConfig{Fields: appFields, RowGroupBytes: 4 << 20})
	batches := generated(t, corpus.App, 4000)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	work := make(chan int)
	var wait sync.WaitGroup
	for n := range encoders {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 0))
			for range work {
				w := p.NewWriter()
				for range 2 {
					w.Append(batches[r.IntN(len(batches))], event.Selection{uint32(r.IntN(1000))})
				}
				o, err := w.Close()
				if err != nil {
					t.Error(err)
					return
				}
				o.Release()
			}
		})
	}
	var peak uint64
	for i := range partitions {
		work <- i
		if i%50 == 0 {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapInuse)
		}
	}
	close(work)
	wait.Wait()
	if used := int64(peak) - int64(before.HeapInuse); used > budget && !raceEnabled {
		t.Errorf("%d MiB for %d partitions and %d encoders", used>>20, partitions, encoders)
	} else {
		t.Logf("%d MiB at most", used>>20)
	}
}

func TestParquetAppendDoesNotAllocatePerEvent(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop under the race detector")
	}
	f := func(cfg format.ParquetConfig) {
		t.Helper()
		batches := generated(t, corpus.App, 10_000)
		p := newParquet(t, cfg)
		for range 3 {
			o := writeParquet(t, p, batches...)
			o.Release()
		}
		n := testing.AllocsPerRun(5, func() {
			o := writeParquet(t, p, batches...)
			o.Release()
		})
		if n > 1500 { // of a file, its batches and its pages
			t.Errorf("%v allocs for 10,000 events", n)
		}
	}
	f(format.ParquetConfig{})
	f(format.ParquetConfig{Fields: appFields})
}

func TestNewParquetRefuses(t *testing.T) {
	f := func(want string, cfg format.ParquetConfig) {
		t.Helper()
		if _, err := format.NewParquet(cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	fields := func(fields ...format.Field) format.ParquetConfig { return format.ParquetConfig{Fields: fields} }
	at := func(path ...string) format.Field { return format.Field{Path: path, Type: format.String} }
	f(`parquet: compression "LZO" is not ZSTD, SNAPPY, GZIP or UNCOMPRESSED`, format.ParquetConfig{Compression: "LZO"})
	f(`parquet: RowGroupBytes is negative`, format.ParquetConfig{RowGroupBytes: -1})
	f(`parquet: field "" has no path`, fields(at()))
	f(`parquet: field name "ts" is taken`, fields(at("ts")))
	f(`parquet: field name "_rest" is taken`, fields(at("_rest")))
	f(`parquet: field name "a_b" is taken`, fields(at("a", "b"), at("A_b")))
	f(`parquet: field a_b is field a, or lies within it or around it`, fields(at("a"), at("a", "b")))
	f(`parquet: field name "a-b" does not match ^[a-z_][a-z0-9_]*$`, fields(at("a-b")))
	f(`parquet: field a: type "INT" is not string, bigint, double or boolean`, fields(format.Field{Path: []string{"a"}, Type: "INT"}))
	f(`parquet: bloom filter on "a", which is no column`, format.ParquetConfig{BloomFilters: []string{"a"}})
}

// A field with more values than its dictionary may hold goes on without one; the
// check does not read such columns' values, so this does, and from a used writer.
func TestFieldOutgrowsItsDictionary(t *testing.T) {
	const events = 40_000
	messages := make([]string, events)
	for i := range messages {
		messages[i] = fmt.Sprintf(`{"id":"%064d"}`, i)
	}
	b := batchOf(t, web, noon, messages...)
	p := newParquet(t, format.ParquetConfig{
		Fields:        []format.Field{{Path: []string{"id"}, Type: format.String}},
		RowGroupBytes: 3 << 20,
	})
	for range 2 {
		o := writeParquet(t, p, b)
		rows := rowsOf(t, o)
		if len(rows) != events {
			t.Fatalf("%d rows", len(rows))
		}
		for i, row := range rows {
			if want := messages[i][7 : 7+64]; row["id"] != want {
				t.Fatalf("row %d: %v, want %s", i, row["id"], want)
			}
		}
		encodings := fmt.Sprint(openParquet(t, o).Metadata().RowGroups[0].Columns[8].MetaData.EncodingStats)
		if !strings.Contains(encodings, "PLAIN") || !strings.Contains(encodings, "RLE_DICTIONARY") {
			t.Error("the dictionary was not outgrown:", encodings)
		}
		o.Release()
	}
}
