package firehose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pq "github.com/parquet-go/parquet-go"

	"sluice/internal/event"
	"sluice/internal/objput"
)

// tableRow is a row of a delivered Parquet object.
type tableRow struct {
	LogGroup *string `parquet:"log_group"`
	Message  string  `parquet:"message"`
	Status   *int64  `parquet:"status"`
	Rest     *string `parquet:"_rest"`
}

const promoted = `"SluiceConfiguration":{"Format":"parquet","Layout":"hive","PromotedFields":[{"Path":["status"],"Type":"bigint"}],"BloomFilterColumns":["event_id"]}`

func TestParquetObjects(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(promoted + "," + hints(1, 60))
	batch := seal(t, `{"status":200,"a":1}`, "skipped", `{"status":"late"}`)
	if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: batch, Selection: event.Selection{0, 2}}); err != nil {
		t.Fatal(err)
	}
	w.put(route, "{\"status\":7}\n")
	w.advance(time.Minute)
	objects := w.objects()
	if len(objects) != 1 || !strings.HasSuffix(objects[0].key, ".parquet") || !strings.HasPrefix(objects[0].key, "year=") {
		t.Fatalf("%v", objects)
	}
	rows, err := pq.Read[tableRow](strings.NewReader(objects[0].text), int64(len(objects[0].text)))
	if err != nil {
		t.Fatal(err)
	}
	group, ok, put, a, late := "/shop", int64(200), int64(7), `{"a":1}`, `{"status":"late"}`
	want := []tableRow{
		{&group, `{"status":200,"a":1}`, &ok, &a}, {&group, late, nil, &late}, {nil, `{"status":7}`, &put, nil},
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	folder, err := objput.OpenFolder(w.disk, "/s3")
	if err != nil {
		t.Fatal(err)
	}
	at, err := folder.Head(context.Background(), "lake", objects[0].key)
	if err != nil || at.ContentType != "application/vnd.apache.parquet" || at.ContentEncoding != "" || at.Meta["sluice-count"] != "3" {
		t.Errorf("%+v %v", at, err)
	}
	w.settled(3)
}

// A field that is now a number and now a text is neither an error nor a file for
// each change.
func TestAlternatingTypeIsOneObject(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(promoted + "," + hints(64, 60))
	const n = 10_000
	var records []string
	for i := range n {
		value := fmt.Sprint(i)
		if i%2 == 1 {
			value = `"` + value + `"`
		}
		records = append(records, `{"status":`+value+`}`)
	}
	w.put(route, records...)
	w.advance(time.Minute)
	objects := w.objects()
	if len(objects) != 1 {
		t.Fatalf("%d objects", len(objects))
	}
	rows, err := pq.Read[tableRow](strings.NewReader(objects[0].text), int64(len(objects[0].text)))
	if err != nil || len(rows) != n {
		t.Fatal(len(rows), err)
	}
	for i, r := range rows {
		number := i%2 == 0
		if r.Message != records[i] || (r.Status != nil) != number || number && *r.Status != int64(i) || !number && (r.Rest == nil || *r.Rest != records[i]) {
			t.Fatalf("row %d: %+v", i, r)
		}
	}
}

func TestLinesOfJSON(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(`"CompressionFormat":"GZIP","Prefix":"AWSLogs/1/","SluiceConfiguration":{"Format":"ndjson","Layout":"cloudtrail"},` + hints(1, 60))
	if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: seal(t, "one\ntwo", "three")}); err != nil {
		t.Fatal(err)
	}
	w.put(route, "put")
	w.advance(time.Minute)
	objects := w.objects()
	if len(objects) != 1 || !strings.HasSuffix(objects[0].key, ".ndjson.gz") || !strings.HasPrefix(objects[0].key, "AWSLogs/1/2") {
		t.Fatalf("%v", objects)
	}
	var got []string
	for line := range bytes.Lines([]byte(objects[0].text)) {
		var o struct {
			LogGroup *string `json:"log_group"`
			Message  string  `json:"message"`
		}
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatal(err)
		}
		group := "none"
		if o.LogGroup != nil {
			group = *o.LogGroup
		}
		got = append(got, group+" "+o.Message)
	}
	if d := cmp.Diff([]string{"/shop one\ntwo", "/shop three", "none put"}, got); d != "" {
		t.Error(d)
	}
}

// Rows go with partitions: events keep their columns there.
func TestRowsByPartition(t *testing.T) {
	for _, kind := range []string{"parquet", "ndjson"} {
		w := newWorld(t, config{})
		route := w.create(messagesByKey + `,"SluiceConfiguration":{"Format":"` + kind + `"},` + hints(64, 60))
		if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: seal(t, `{"k":"a"}`, `{"k":"b"}`, `{"k":"a","n":2}`)}); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Minute)
		objects := w.objects()
		if len(objects) != 2 || !strings.HasPrefix(objects[0].key, "k=a/") || strings.Count(objects[0].text, "/shop") == 0 {
			t.Errorf("%s: %d objects", kind, len(objects))
		}
		w.settled(3)
	}
}

func TestConversionMakesParquet(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(conversion(convertsAll))
	w.put(route, `{"a":1}`)
	w.advance(5 * time.Minute)
	objects := w.objects()
	if len(objects) != 1 || !strings.HasSuffix(objects[0].key, ".parquet") || !strings.HasPrefix(objects[0].text, "PAR1") {
		t.Errorf("%v", objects)
	}
}

func TestRowTexts(t *testing.T) {
	f := refusedS3(newWorld(t, config{}))
	rows := func(members string) string { return `"SluiceConfiguration":{` + members + `}` }
	f("The S3 destination's compression format must be set to UNCOMPRESSED when SluiceConfiguration.Format is parquet: its pages have their own", rows(`"Format":"parquet"`), `"CompressionFormat":"GZIP"`)
	f("SluiceConfiguration.Format must be parquet when ParquetCompression, PromotedFields or BloomFilterColumns is given", rows(`"Format":"ndjson","ParquetCompression":"ZSTD"`))
	f("SluiceConfiguration.Format must be parquet, or not given, when data format conversion is enabled", rows(`"Format":"ndjson"`), conversion(convertsAll))
	f(`SluiceConfiguration is not valid: parquet: bloom filter on "x", which is no column`, rows(`"Format":"parquet","BloomFilterColumns":["x"]`))
	f(`SluiceConfiguration is not valid: parquet: field a: type "int" is not string, bigint, double or boolean`, rows(`"Format":"parquet","PromotedFields":[{"Path":["a"],"Type":"int"}]`))
}
