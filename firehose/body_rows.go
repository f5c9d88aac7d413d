package firehose

import (
	"sync"

	"sluice/internal/event"
	"sluice/internal/format"
)

// lines is the body of NDJSON: each event and each record one JSON object with
// all that is known of it, in the codec that CompressionFormat names.
type lines struct {
	out     *format.Writer
	scratch *lineScratch
}

// lineScratch is what lines are made in, kept between objects.
type lineScratch struct {
	event format.EventJSON
	text  []byte
}

var lineScratches = sync.Pool{New: func() any { return new(lineScratch) }}

// lineRun is about how much of lines goes to the codec at once.
const lineRun = 64 << 10

func newLines(out *format.Writer) *lines {
	return &lines{out: out, scratch: lineScratches.Get().(*lineScratch)}
}

// hot: BenchmarkFormats
func (l *lines) delivery(d event.Delivery) {
	s := l.scratch
	s.event.Use(d.Batch)
	text, n := s.text[:0], 0
	for lo, hi := range d.Batch.Runs(d.Selection) {
		for i := lo; i < hi; i++ {
			text = s.event.Append(text, i)
			if n++; len(text) >= lineRun {
				l.out.Append(text, n)
				text, n = text[:0], 0
			}
		}
	}
	l.out.Append(text, n)
	s.text = text
}

func (l *lines) record(arrived int64, data []byte) {
	l.scratch.text = l.scratch.event.AppendRecord(l.scratch.text[:0], arrived, data)
	l.out.Append(l.scratch.text, 1)
}

func (l *lines) appendDelivery(dst []byte, d event.Delivery) ([]byte, int) {
	e := &l.scratch.event
	e.Use(d.Batch)
	for lo, hi := range d.Batch.Runs(d.Selection) {
		for i := lo; i < hi; i++ {
			dst = e.Append(dst, i)
		}
	}
	return dst, d.Events()
}

func (l *lines) appendRecord(dst []byte, arrived int64, data []byte) ([]byte, int) {
	return l.scratch.event.AppendRecord(dst, arrived, data), 1
}

func (l *lines) run(flat []byte, count int) { l.out.Append(flat, count) }

func (l *lines) close() (format.Object, error) {
	object, err := l.out.Close()
	l.release()
	return object, err
}

func (l *lines) discard() {
	l.out.Discard()
	l.release()
}

func (l *lines) release() {
	if l.scratch != nil {
		l.scratch.event = format.EventJSON{} // it holds a view of the last batch
		lineScratches.Put(l.scratch)
		l.scratch = nil
	}
}

// table is the body of Parquet. It is not flat: rows keep their columns.
type table struct{ out *format.ParquetWriter }

func (t table) delivery(d event.Delivery)         { t.out.Append(d.Batch, d.Selection) }
func (t table) record(arrived int64, data []byte) { t.out.AppendRecord(arrived, data) }
func (t table) close() (format.Object, error)     { return t.out.Close() }
func (t table) discard()                          { t.out.Discard() }
