package exporttask

import (
	"slices"
	"time"

	"sluice/internal/event"
	"sluice/internal/format"
)

// body is an object in the making.
type body interface {
	// append writes events.
	append(events []stretch)
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

func (s shape) contentType() string {
	switch {
	case s.parquet != nil:
		return format.ParquetContentType
	case s.ndjson:
		return format.NDJSONContentType
	}
	return format.ContentType
}

func (s shape) newBody() body {
	switch {
	case s.parquet != nil:
		return &table{out: s.parquet.NewWriter()}
	case s.ndjson:
		return &documents{lines: *newLines(s.codec)}
	}
	return newLines(s.codec)
}

// lines is the form of AWS: 2026-02-01T10:00:00.123Z, a blank, the message as it
// is and a line feed.
type lines struct {
	out    *format.Writer
	buf    []byte
	count  int   // of lines in it
	minute int64 // whose text is in stamp, in ms
	stamp  []byte
}

// lineBuffer is how much is handed to the codec at once.
const lineBuffer = 64 << 10

func newLines(codec *format.Codec) *lines {
	return &lines{out: codec.NewWriter(), buf: make([]byte, 0, lineBuffer+lineBuffer/8)}
}

// hot: BenchmarkLines
func (l *lines) append(events []stretch) {
	for _, e := range events {
		for i := e.from; i < e.to; i++ {
			l.buf = l.appendInstant(l.buf, e.batch.Timestamp(i))
			l.buf = append(append(l.buf, e.batch.Message(i)...), '\n')
			if l.count++; len(l.buf) >= lineBuffer {
				l.flush()
			}
		}
	}
}

func (l *lines) flush() {
	if l.count > 0 {
		l.out.Append(l.buf, l.count)
		l.buf, l.count = l.buf[:0], 0
	}
}

// appendInstant formats a minute once for all events in it.
func (l *lines) appendInstant(dst []byte, ms int64) []byte {
	of := ms - l.minute
	if l.stamp == nil || of < 0 || of >= minute {
		of = (ms%minute + minute) % minute
		l.minute = ms - of
		l.stamp = time.UnixMilli(l.minute).UTC().AppendFormat(l.stamp[:0], "2006-01-02T15:04:05.000Z ")
	}
	second, rest := of/1000, of%1000
	digits := l.stamp[len(l.stamp)-len("05.000Z "):]
	digits[0], digits[1] = byte('0'+second/10), byte('0'+second%10)
	digits[3], digits[4], digits[5] = byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10)
	if len(l.stamp) == usualStamp { // nine thousand years
		dst = slices.Grow(dst, usualStamp)
		n := len(dst)
		dst = dst[:n+usualStamp]
		*(*[usualStamp]byte)(dst[n:]) = [usualStamp]byte(l.stamp)
		return dst
	}
	return append(dst, l.stamp...)
}

const usualStamp = len("2006-01-02T15:04:05.000Z ")

const minute = 60_000 // ms

func (l *lines) close() (format.Object, error) {
	l.flush()
	return l.out.Close()
}

func (l *lines) discard() { l.out.Discard() }

// documents is a line of JSON for each event, with all that is known of it. What
// is the same for a batch is made once, also where the events of a few batches
// alternate.
type documents struct {
	lines
	open [4]document
	turn int // of the one that is replaced next
}

// document is the lines of one batch.
type document struct {
	of   *event.Batch
	json format.EventJSON
}

// hot: BenchmarkLines
func (d *documents) append(events []stretch) {
	for i := range d.open {
		d.open[i].of = nil // its memory may hold another batch by now
	}
	for _, e := range events {
		json := d.json(e.batch)
		for i := e.from; i < e.to; i++ {
			d.buf = json.Append(d.buf, i)
			if d.count++; len(d.buf) >= lineBuffer {
				d.flush()
			}
		}
	}
}

func (d *documents) json(b *event.Batch) *format.EventJSON {
	for i := range d.open {
		if d.open[i].of == b {
			return &d.open[i].json
		}
	}
	at := &d.open[d.turn]
	d.turn = (d.turn + 1) % len(d.open)
	at.of = b
	at.json.Use(*b)
	return &at.json
}

// table is Parquet.
type table struct {
	out      *format.ParquetWriter
	selected []uint32
}

func (t *table) append(events []stretch) {
	for _, e := range events {
		t.selected = t.selected[:0]
		for i := e.from; i < e.to; i++ {
			t.selected = append(t.selected, uint32(i))
		}
		t.out.Append(*e.batch, t.selected)
	}
}

func (t *table) close() (format.Object, error) { return t.out.Close() }
func (t *table) discard()                      { t.out.Discard() }
