package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"sluice/internal/format"
)

// recordRow is a row of records and events with a promoted field.
type recordRow struct {
	TS       int64   `parquet:"ts"`
	IngestTS int64   `parquet:"ingest_ts"`
	LogGroup *string `parquet:"log_group"`
	EventID  *string `parquet:"event_id"`
	Message  string  `parquet:"message"`
	Level    *string `parquet:"level"`
	Rest     *string `parquet:"_rest"`
}

func TestParquetRecords(t *testing.T) {
	for _, codec := range []string{"ZSTD", "SNAPPY", "GZIP", "UNCOMPRESSED"} {
		p := newParquet(t, format.ParquetConfig{Fields: []format.Field{{Path: []string{"level"}, Type: format.String}}, Compression: codec})
		w := p.NewWriter()
		scratch := []byte(`{"level":"warn","n":1}` + "\n")
		w.AppendRecord(noon, scratch)
		clear(scratch) // it is ours again
		w.Append(batchOf(t, web, noon, "text"), nil)
		w.AppendRecord(noon+1, []byte("bad \xff"))
		want := "{\"level\":\"warn\",\"n\":1}\ntext\nbad \ufffd\n"
		for i := range 1000 { // more than a block
			record := fmt.Sprintf(`{"n":%d}`, i)
			want += record + "\n"
			w.AppendRecord(noon+int64(i), []byte(record))
		}
		o, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if o.Count != 1003 || o.Hash != xxhash.Sum64String(want) || o.RecordBytes != int64(len(want)) {
			t.Errorf("%s: %d records of %d bytes", codec, o.Count, o.RecordBytes)
		}
		rows, err := parquet.Read[recordRow](o.Body, o.Size())
		if err != nil {
			t.Fatal(err)
		}
		group, level, rest := web.LogGroup, "warn", `{"n":1}`
		id := rows[1].EventID
		if id == nil {
			t.Fatal("the event has no id")
		}
		first := []recordRow{
			{TS: noon * 1000, IngestTS: noon * 1000, Message: `{"level":"warn","n":1}`, Level: &level, Rest: &rest},
			{TS: noon * 1000, IngestTS: (noon + 500) * 1000, LogGroup: &group, EventID: id, Message: "text"},
			{TS: (noon + 1) * 1000, IngestTS: (noon + 1) * 1000, Message: "bad \ufffd"},
		}
		if d := cmp.Diff(first, rows[:3]); d != "" {
			t.Error(d)
		}
		if last := rows[1002]; last.Message != `{"n":999}` || *last.Rest != `{"n":999}` {
			t.Errorf("%+v", last)
		}
		o.Release()
	}
}

func TestRecordsAsLines(t *testing.T) {
	f := func(record, message string) {
		t.Helper()
		line := new(format.EventJSON).AppendRecord([]byte("x"), noon, []byte(record))
		var got map[string]any
		if err := json.Unmarshal(bytes.TrimSuffix(line[1:], []byte("\n")), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"ts": "2026-01-01T00:00:00.000Z", "ingest_ts": "2026-01-01T00:00:00.000Z", "message": message,
			"account": nil, "region": nil, "log_group": nil, "log_stream": nil, "event_id": nil,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	f("text\n", "text")
	f("two\n\n", "two\n")
	f(`{"a":"b"}`, `{"a":"b"}`)
	f("\xff", "\ufffd")
	f("", "")
}
