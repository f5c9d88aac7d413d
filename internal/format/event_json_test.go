package format_test

import (
	"encoding/json"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/internal/format"
)

func TestEventJSON(t *testing.T) {
	f := func(message, want string) {
		t.Helper()
		var e format.EventJSON
		s := web
		s.LogStream = `a "quoted" stream`
		b := batchOf(t, s, noon+123, "first", message)
		e.Use(b)
		got := string(e.Append([]byte("before "), 1))
		want = `before {"ts":"2026-01-01T00:00:01.123Z","ingest_ts":"2026-01-01T00:00:00.623Z","account":"000000000000","region":"us-east-1",` +
			`"log_group":"/shop/web","log_stream":"a \"quoted\" stream","event_id":"` + b.ID(1).String() + `","message":` + want + "}\n"
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", message, got, want)
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(got[len("before "):]), &back); err != nil || len(back) != 8 {
			t.Errorf("%v: %v", back, err)
		}
	}
	f("plain", `"plain"`)
	f("", `""`)
	f("two\nlines\tand \"more\" \\ \x01 \x7f", `"two\nlines\tand \"more\" \\ \u0001 `+"\x7f"+`"`)
	f(`{"level":"INFO"}`, `"{\"level\":\"INFO\"}"`)
	f("snowman ☃, no UTF-8: \xff\xc3", `"snowman ☃, no UTF-8: `+"\uFFFD\uFFFD"+`"`)
}

func TestEventJSONReadsBack(t *testing.T) {
	var e format.EventJSON
	var line []byte
	for _, kind := range corpus.Kinds() {
		for _, b := range generated(t, kind, 1500) {
			e.Use(b)
			for i := range b.Len() {
				line = e.Append(line[:0], i)
				var got struct {
					TS       time.Time
					IngestTS time.Time `json:"ingest_ts"`
					EventID  string    `json:"event_id"`
					Message  string
				}
				if err := json.Unmarshal(line, &got); err != nil {
					t.Fatal(err)
				}
				if got.TS.UnixMilli() != b.Timestamp(i) || got.IngestTS.UnixMilli() != b.Ingested() ||
					got.EventID != b.ID(i).String() || got.Message != string(b.Message(i)) {
					t.Fatalf("%s: event %d: %s", kind, i, line)
				}
			}
		}
	}
}

func TestEventJSONDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	var e format.EventJSON
	b := generated(t, corpus.App, 100)[0]
	e.Use(b)
	line, i := make([]byte, 0, 64<<10), 0
	if n := testing.AllocsPerRun(100, func() {
		line = e.Append(line[:0], i%b.Len())
		i++
	}); n > 0 {
		t.Errorf("%v allocs an event", n)
	}
}

func BenchmarkEventJSON(b *testing.B) {
	batches := generated(b, corpus.App, 5000)
	var bytes int64
	for _, batch := range batches {
		bytes += int64(batch.MessageBytes())
	}
	var e format.EventJSON
	dst := make([]byte, 0, 4<<20)
	perCPU(b, bytes, func() {
		for _, batch := range batches {
			e.Use(batch)
			dst = dst[:0]
			for i := range batch.Len() {
				dst = e.Append(dst, i)
			}
		}
	})
}
