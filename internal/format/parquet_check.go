package format

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// errParquetRows and errParquetValues say that a file does not hold what was
// written: a defect, here or in the library, that would have lost events.
var (
	errParquetRows   = errors.New("the file does not hold the rows written to it")
	errParquetValues = errors.New("the file does not hold the values written to it")
)

// parquetCheck reads a finished file back. Libraries have written files whose
// footer promised what their pages did not hold: so the footer must agree with
// the columns and the number of rows appended, the headers of all pages of each
// column of each row group with the footer, and the columns ts, ingest_ts and
// message must hold the values appended.
type parquetCheck struct {
	lines  []byte // messages with a line feed each
	times  []byte
	source bufio.Reader
	header format.PageHeader
}

// contents is what a file must hold.
type contents struct {
	columns              []string
	groups               []rowGroup
	messages, ts, ingest uint64 // hashes
}

func (c *parquetCheck) file(body *Body, want contents) error {
	f, err := parquet.OpenFile(body, body.Size(), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	written := f.RowGroups()
	if len(written) != len(want.groups) {
		return fmt.Errorf("%w: %d row groups of %d", errParquetRows, len(written), len(want.groups))
	}
	var messages, ts, ingest xxhash.Digest
	for _, d := range []*xxhash.Digest{&messages, &ts, &ingest} {
		d.Reset()
	}
	for i, g := range written {
		chunks, rows := g.ColumnChunks(), want.groups[i].rows
		if g.NumRows() != rows || len(chunks) != len(want.columns) {
			return fmt.Errorf("%w: %d x %d of %d x %d in row group %d", errParquetRows, g.NumRows(), len(chunks), rows, len(want.columns), i)
		}
		for j, chunk := range chunks {
			if path := f.Metadata().RowGroups[i].Columns[j].MetaData.PathInSchema; len(path) != 1 || path[0] != want.columns[j] {
				return fmt.Errorf("%w: column %d is %q, not %s", errParquetRows, j, path, want.columns[j])
			}
			if err := c.rows(body, chunk, rows); err != nil {
				return err
			}
		}
		err := errors.Join(
			c.hashTexts(&messages, chunks[colMessage]),
			c.hashTimes(&ts, chunks[colTS]),
			c.hashTimes(&ingest, chunks[colIngest]),
		)
		if err != nil {
			return err
		}
	}
	if messages.Sum64() != want.messages || ts.Sum64() != want.ts || ingest.Sum64() != want.ingest {
		return errParquetValues
	}
	return nil
}

// rows counts the values that the pages of a column claim, header by header.
func (c *parquetCheck) rows(body *Body, chunk parquet.ColumnChunk, want int64) error {
	index, err := chunk.OffsetIndex()
	if err != nil {
		return err
	}
	rows := int64(0)
	for i := range index.NumPages() {
		if index.FirstRowIndex(i) != rows {
			return fmt.Errorf("%w: page %d of column %d starts at row %d, not %d", errParquetRows, i, chunk.Column(), rows, index.FirstRowIndex(i))
		}
		c.source.Reset(io.NewSectionReader(body, index.Offset(i), index.CompressedPageSize(i)))
		c.header = format.PageHeader{}
		if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(&c.source)).Decode(&c.header); err != nil {
			return err
		}
		rows += int64(c.header.DataPageHeader.V.NumValues)
	}
	if rows != want || chunk.NumValues() != want {
		return fmt.Errorf("%w: column %d has %d in its pages, %d in the footer, not %d", errParquetRows, chunk.Column(), rows, chunk.NumValues(), want)
	}
	return nil
}

// hashTexts hashes a column of texts as lines.
func (c *parquetCheck) hashTexts(into *xxhash.Digest, chunk parquet.ColumnChunk) error {
	return pages(chunk, func(page parquet.Page) {
		data := page.Data()
		text, offsets := data.ByteArray()
		for i := range page.NumValues() {
			c.lines = append(append(c.lines, text[offsets[i]:offsets[i+1]]...), '\n')
			if len(c.lines) >= stageSize {
				into.Write(c.lines)
				c.lines = c.lines[:0]
			}
		}
		into.Write(c.lines)
		c.lines = c.lines[:0]
	})
}

func (c *parquetCheck) hashTimes(into *xxhash.Digest, chunk parquet.ColumnChunk) error {
	return pages(chunk, func(page parquet.Page) {
		data := page.Data()
		for _, v := range data.Int64() {
			c.times = le.AppendUint64(c.times, uint64(v))
		}
		into.Write(c.times)
		c.times = c.times[:0]
	})
}

// pages visits the decoded pages of a column.
func pages(chunk parquet.ColumnChunk, visit func(parquet.Page)) (err error) {
	all := chunk.Pages()
	defer func() { err = errors.Join(err, all.Close()) }()
	for {
		page, err := all.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		visit(page)
		parquet.Release(page)
	}
}
