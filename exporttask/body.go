package exporttask

import (
	"time"

	"sluice/internal/event"
	"sluice/internal/format"
)

// body is an object in the making.
type body interface {
	// append writes events [from, to) of a batch.
	append(b event.Batch, from, to int)
	// close ends the object; discard gives up what was not closed.
	close() (format.Object, error)
	discard()
}

// shape makes the objects of a task.
type shape struct {
	codec   *format.Codec
	parquet *format.Parquet // nil for lines
	ndjson  bool
}

// The values of Options.Format.
const (
	formatAWS     = "aws"
	formatNDJSON  = "ndjson"
	formatParquet = "parquet"
)

func newShape(o Options) (shape, error) {
	if o.Format == formatParquet {
		p, err := format.NewParquet(format.ParquetConfig{Compression: o.CompressionFormat})
		return shape{parquet: p}, err
	}
	name := o.CompressionFormat
	if name == "" {
		name = "GZIP"
	}
	codec, err := format.CodecNamed(name)
	return shape{codec: codec, ndjson: o.Format == formatNDJSON}, err
}

func (s shape) extension() string {
	switch {
	case s.parquet != nil:
		return ".parquet"
	case s.ndjson:
		return ".ndjson" + s.codec.Extension
	case s.codec.Extension == "":
		return ".txt"
	}
	return s.codec.Extension
}

func (s shape) contentEncoding() string {
	if s.parquet != nil {
		return ""
	}
	return s.codec.ContentEncoding
}

func (s shape) newBody() body {
	switch {
	case s.parquet != nil:
		return &table{out: s.parquet.NewWriter()}
	case s.ndjson:
		return &documents{lines: lines{out: s.codec.NewWriter()}}
	}
	return &lines{out: s.codec.NewWriter()}
}

// lines is the form of AWS: 2026-02-01T10:00:00.123Z, a blank, the message as it
// is and a line feed.
type lines struct {
	out    *format.Writer
	buf    []byte
	second int64 // whose text is in stamp
	stamp  []byte
}

// lineBuffer is how much is handed to the codec at once.
const lineBuffer = 64 << 10

// hot: BenchmarkLines
func (l *lines) append(b event.Batch, from, to int) {
	count := 0
	for i := from; i < to; i++ {
		l.buf = l.appendInstant(l.buf, b.Timestamp(i))
		l.buf = append(l.buf, b.Message(i)...)
		l.buf = append(l.buf, '\n')
		count++
		if len(l.buf) >= lineBuffer {
			l.flush(count)
			count = 0
		}
	}
	l.flush(count)
}

func (l *lines) flush(count int) {
	if count > 0 {
		l.out.Append(l.buf, count)
		l.buf = l.buf[:0]
	}
}

// appendInstant formats a second once for all events in it.
func (l *lines) appendInstant(dst []byte, ms int64) []byte {
	second, rest := ms/1000, ms%1000
	if rest < 0 {
		second, rest = second-1, rest+1000
	}
	if l.stamp == nil || second != l.second {
		l.second = second
		l.stamp = time.Unix(second, 0).UTC().AppendFormat(l.stamp[:0], "2006-01-02T15:04:05.")
	}
	dst = append(dst, l.stamp...)
	return append(dst, byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10), 'Z', ' ')
}

func (l *lines) close() (format.Object, error) { return l.out.Close() }
func (l *lines) discard()                      { l.out.Discard() }

// documents is a line of JSON for each event, with all that is known of it.
type documents struct {
	lines
	json format.EventJSON
}

func (d *documents) append(b event.Batch, from, to int) {
	d.json.Use(b)
	count := 0
	for i := from; i < to; i++ {
		d.buf = d.json.Append(d.buf, i)
		count++
		if len(d.buf) >= lineBuffer {
			d.flush(count)
			count = 0
		}
	}
	d.flush(count)
}

// table is Parquet.
type table struct {
	out      *format.ParquetWriter
	selected []uint32
}

func (t *table) append(b event.Batch, from, to int) {
	t.selected = t.selected[:0]
	for i := from; i < to; i++ {
		t.selected = append(t.selected, uint32(i))
	}
	t.out.Append(b, t.selected)
}

func (t *table) close() (format.Object, error) { return t.out.Close() }
func (t *table) discard()                      { t.out.Discard() }
