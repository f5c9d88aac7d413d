package format

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/parquet-go/parquet-go"

	"sluice/internal/event"
)

// blockRows and blockBytes bound what goes to the columns in one step: enough to
// pay for the step, little enough to lie in the cache and not to overshoot a
// page.
const (
	blockRows  = 256
	blockBytes = 128 << 10
)

// ParquetWriter makes one Parquet file of events. It belongs to one goroutine;
// end it with Close or Discard.
//
// The object's Hash and RecordBytes are those of the messages with a line feed
// after each: what a Writer gives for the same events as lines.
type ParquetWriter struct {
	of     *Parquet
	enc    *parquetEncoder // nil once ended
	object Object
	hash   xxhash.Digest
	ts     xxhash.Digest // over ts of each row, in µs
	ingest xxhash.Digest // and ingest_ts
	ids    eventIDs
	order  rowOrder
	group  rowGroup   // the open one
	groups []rowGroup // the finished ones
	err    error
}

// rowGroup is what a row group must hold.
type rowGroup struct {
	rows   int64
	bytes  int64 // of values
	sorted []sortKey
}

// parquetEncoder is what is kept between files: the library's writer with its
// page buffers, and one block of rows by column.
type parquetEncoder struct {
	file    *parquet.GenericWriter[any]
	columns []*parquet.ColumnWriter
	block   [][]parquet.Value
	rows    int
	bytes   int
	ids     []byte // event ids of the block
	clean   []byte // messages of the block that had to be made UTF-8
	ts      []byte // of the block
	ingest  []byte
	promote *promoter
	check   parquetCheck
}

func (p *Parquet) newEncoder() *parquetEncoder {
	e := &parquetEncoder{file: parquet.NewGenericWriter[any](nil, p.options()...)}
	e.columns = e.file.ColumnWriters()
	e.block = make([][]parquet.Value, len(e.columns))
	for i := range e.block {
		e.block[i] = make([]parquet.Value, blockRows)
	}
	e.promote = newPromoter(p.cfg.Fields, colFields)
	return e
}

// NewWriter starts a file.
func (p *Parquet) NewWriter() *ParquetWriter {
	w := &ParquetWriter{of: p, object: Object{Body: new(Body)}}
	w.hash.Reset()
	w.ts.Reset()
	w.ingest.Reset()
	w.order.reset()
	w.enc = p.get(w.object.Body)
	return w
}

// RecordBytes is the size of the messages so far, a line feed each included.
func (w *ParquetWriter) RecordBytes() int64 { return w.object.RecordBytes }

// Append writes the selected events of a batch, all for a nil selection. The
// batch is the caller's again afterwards. An error sticks and comes back from
// Close.
//
// hot: BenchmarkParquet
func (w *ParquetWriter) Append(b event.Batch, sel event.Selection) {
	if w.err != nil || b.Len() == 0 {
		return
	}
	w.flushBlock() // of records: source fills it from its start
	w.source(b)
	for lo, hi := range b.Runs(sel) {
		run := b.Lines(lo, hi)
		valid := utf8.Valid(run)
		if valid {
			w.hash.Write(run)
			w.object.RecordBytes += int64(len(run))
		}
		for i := lo; i < hi; i++ {
			message := b.Message(i)
			if !valid {
				message = w.cleaned(message)
			}
			w.row(b, i, message)
		}
		w.object.Count += int64(hi - lo)
	}
	w.flushBlock() // its values are views of the batch
}

// source fills the columns that are the same for all events of a batch.
func (w *ParquetWriter) source(b event.Batch) {
	s := b.Source()
	w.order.batch(s.LogGroup)
	w.ids.use(b.Ingested(), b.Request())
	fill := func(column int, v parquet.Value) {
		values := w.enc.block[column][:min(blockRows, b.Len())]
		for i := range values {
			values[i] = v
		}
	}
	fill(colIngest, parquet.Int64Value(b.Ingested()*1000).Level(0, 0, colIngest))
	for i, name := range []string{s.Account, s.Region, s.LogGroup, s.LogStream} {
		fill(colAccount+i, parquet.ByteArrayValue([]byte(name)).Level(0, 1, colAccount+i))
	}
}

// row adds one event to the block.
func (w *ParquetWriter) row(b event.Batch, i int, message []byte) {
	e := w.enc
	ts := b.Timestamp(i) * 1000
	w.order.row(ts)
	from := len(e.ids)
	e.ids = w.ids.append(e.ids, ts/1000, b.Index(i))
	id := e.ids[from:len(e.ids):len(e.ids)]
	e.ts = le.AppendUint64(e.ts, uint64(ts))
	e.ingest = le.AppendUint64(e.ingest, uint64(b.Ingested()*1000))

	n := e.rows
	e.block[colTS][n] = parquet.Int64Value(ts)
	e.block[colID][n] = parquet.ByteArrayValue(id).Level(0, 1, colID)
	e.bytes += len(id)
	w.message(message)
}

// message adds what a message gives to the row at hand, and ends the row.
func (w *ParquetWriter) message(message []byte) {
	e, n := w.enc, w.enc.rows
	e.block[colMessage][n] = parquet.ByteArrayValue(message)
	e.bytes += len(message)
	if len(e.block) > colFields {
		rest := e.promote.take(message)
		for f, v := range e.promote.found {
			e.block[colFields+f][n] = v
		}
		last := len(e.block) - 1
		v := parquet.NullValue().Level(0, 0, last)
		if rest != nil {
			v = parquet.ByteArrayValue(rest).Level(0, 1, last)
		}
		e.block[last][n] = v
		e.bytes += len(rest)
	}
	e.rows++
	if e.rows == blockRows || e.bytes >= blockBytes {
		w.flushBlock()
	}
}

// AppendRecord writes a record that belongs to no log stream: its message is the
// record without a line feed at its end, both its times are that of its arrival
// (ms), and the columns from account to event_id are null. The record is the
// caller's again afterwards.
func (w *ParquetWriter) AppendRecord(arrived int64, record []byte) {
	if w.err != nil {
		return
	}
	e := w.enc
	w.order.batch("")
	w.order.row(arrived * 1000)
	e.ts = le.AppendUint64(e.ts, uint64(arrived*1000))
	e.ingest = le.AppendUint64(e.ingest, uint64(arrived*1000))
	e.block[colTS][e.rows] = parquet.Int64Value(arrived * 1000)
	e.block[colIngest][e.rows] = parquet.Int64Value(arrived*1000).Level(0, 0, colIngest)
	for column := colAccount; column <= colID; column++ {
		e.block[column][e.rows] = parquet.NullValue().Level(0, 0, column)
	}
	w.object.Count++
	w.message(w.cleaned(line(record))) // a copy: the block outlives the call
}

// line is a record without the line feed at its end.
func line(record []byte) []byte { return bytes.TrimSuffix(record, []byte("\n")) }

// cleaned is a copy of a message with U+FFFD for what is no UTF-8: a STRING column with
// anything else in it makes readers fail.
func (w *ParquetWriter) cleaned(message []byte) []byte {
	e := w.enc
	from := len(e.clean)
	if utf8.Valid(message) {
		e.clean, message = append(e.clean, message...), nil
	}
	for len(message) > 0 {
		r, size := utf8.DecodeRune(message)
		e.clean = utf8.AppendRune(e.clean, r)
		message = message[size:]
	}
	message = e.clean[from:len(e.clean):len(e.clean)]
	w.hash.Write(message)
	w.hash.WriteString("\n")
	w.object.RecordBytes += int64(len(message)) + 1
	return message
}

// flushBlock gives the block to the columns, and ends the row group if that
// filled it.
func (w *ParquetWriter) flushBlock() {
	e := w.enc
	if e.rows == 0 {
		return
	}
	for i, c := range e.columns {
		if _, err := c.WriteRowValues(e.block[i][:e.rows]); err != nil && w.err == nil {
			w.err = fmt.Errorf("encode column %s: %w", w.of.columns[i], err)
		}
	}
	w.ts.Write(e.ts)
	w.ingest.Write(e.ingest)
	w.group.rows += int64(e.rows)
	w.group.bytes += int64(e.bytes)
	e.forgetBlock()
	if w.group.bytes >= w.of.cfg.RowGroupBytes {
		w.endGroup()
		if err := e.file.Flush(); err != nil && w.err == nil {
			w.err = fmt.Errorf("encode row group: %w", err)
		}
	}
}

func (e *parquetEncoder) forgetBlock() {
	e.rows, e.bytes = 0, 0
	e.ids, e.clean, e.ts, e.ingest = e.ids[:0], e.clean[:0], e.ts[:0], e.ingest[:0]
	e.promote.reset()
}

func (w *ParquetWriter) endGroup() {
	if w.group.rows == 0 {
		return
	}
	w.group.sorted = w.order.key()
	w.groups = append(w.groups, w.group)
	w.group = rowGroup{}
	w.order.reset()
}

// Close ends the file and reads it back: the object is handed out only if what
// is in it is what was appended. Its body lives until Object.Release.
func (w *ParquetWriter) Close() (Object, error) {
	if w.err == nil {
		w.err = w.end()
	}
	if w.err != nil {
		w.Discard()
		return Object{}, w.err
	}
	w.giveBack()
	return w.object, nil
}

func (w *ParquetWriter) end() error {
	if w.flushBlock(); w.err != nil {
		return w.err
	}
	w.endGroup()
	if err := w.enc.file.Close(); err != nil {
		return fmt.Errorf("end Parquet file: %w", err)
	}
	if err := w.rewriteFooter(); err != nil {
		return fmt.Errorf("end Parquet file: %w", err)
	}
	w.object.Hash = w.hash.Sum64()
	err := w.enc.check.file(w.object.Body, contents{
		columns: w.of.columns, groups: w.groups,
		messages: w.object.Hash, ts: w.ts.Sum64(), ingest: w.ingest.Sum64(),
	})
	if err != nil {
		return fmt.Errorf("check Parquet file: %w", err)
	}
	return nil
}

// Discard ends the writer without a file. After Close it does nothing.
func (w *ParquetWriter) Discard() {
	if w.enc != nil {
		w.object.Release()
		w.giveBack()
	}
}

func (w *ParquetWriter) giveBack() {
	w.enc.forgetBlock()
	for _, column := range w.enc.block {
		clear(column) // they are views of batches
	}
	w.enc.file.Reset(nil)
	w.of.writers.Put(w.enc)
	w.enc = nil
}
