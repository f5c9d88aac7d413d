package format

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/event"
)

// EventJSON writes events as lines of JSON with all that is known of them:
//
//	{"ts":"2026-02-01T10:00:00.123Z","ingest_ts":"...","account":"000000000000",
//	 "region":"us-east-1","log_group":"/shop/web","log_stream":"i-1",
//	 "event_id":"...","message":"..."}
//
// without the breaks, each followed by a line feed. The names are those of the
// Parquet columns. Bytes of a message that are no UTF-8 become U+FFFD. The zero
// EventJSON needs Use first; it belongs to one goroutine.
type EventJSON struct {
	batch  event.Batch
	ids    eventIDs
	middle []byte // from after ts to before event_id: the same for a whole batch
}

// Use makes b the batch that Append reads, until the next Use.
func (e *EventJSON) Use(b event.Batch) {
	e.batch = b
	e.ids.use(b.Ingested(), b.Request())
	s := b.Source()
	m := append(e.middle[:0], `","ingest_ts":"`...)
	m = append(appendInstant(m, b.Ingested()), `","account":`...)
	m = append(appendQuoted(m, s.Account), `,"region":`...)
	m = append(appendQuoted(m, s.Region), `,"log_group":`...)
	m = append(appendQuoted(m, s.LogGroup), `,"log_stream":`...)
	e.middle = append(appendQuoted(m, s.LogStream), `,"event_id":"`...)
}

// Append appends event i of the batch as one line.
//
// hot: BenchmarkEventJSON
func (e *EventJSON) Append(dst []byte, i int) []byte {
	dst = appendInstant(append(dst, `{"ts":"`...), e.batch.Timestamp(i))
	dst = append(dst, e.middle...)
	dst = append(e.ids.append(dst, e.batch.Timestamp(i), e.batch.Index(i)), `","message":`...)
	return append(appendQuoted(dst, e.batch.Message(i)), "}\n"...)
}

// AppendRecord appends a record that belongs to no log stream as one line: its
// message is the record without a line feed at its end, both its times are that
// of its arrival (ms), and the members from account to event_id are null.
func (e *EventJSON) AppendRecord(dst []byte, arrived int64, record []byte) []byte {
	dst = appendInstant(append(dst, `{"ts":"`...), arrived)
	dst = appendInstant(append(dst, `","ingest_ts":"`...), arrived)
	dst = append(dst, `","account":null,"region":null,"log_group":null,"log_stream":null,"event_id":null,"message":`...)
	return append(appendQuoted(dst, line(record)), "}\n"...)
}

func appendInstant(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}

func appendQuoted[Bytes ~[]byte | ~string](dst []byte, s Bytes) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the error says that U+FFFD was put in
	return dst
}
