package format

import (
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// rewriteFooter puts right what the library's footer has wrong for us:
//
//   - A reused writer (v0.32.0) leaves the columns' paths empty: Reset clears
//     those of the last file in place, and they are the writer's own.
//   - Sorting columns would have to be known before the first row.
//   - The least and the greatest value of a column are there whole, which of
//     messages may be megabytes; the page index has them cut to 16 bytes.
func (w *ParquetWriter) rewriteFooter() error {
	meta := w.enc.file.File().Metadata()
	for i := range meta.RowGroups {
		group := &meta.RowGroups[i]
		group.SortingColumns = slices.Clone(w.groups[i].sorted) // the library clears it for reuse
		for j := range group.Columns {
			column := &group.Columns[j].MetaData
			column.PathInSchema = []string{w.of.columns[j]}
			dropLongBounds(&column.Statistics)
		}
	}
	body := w.object.Body
	var tail [8]byte // length of the footer, magic
	if _, err := body.ReadAt(tail[:], body.Size()-8); err != nil {
		return err
	}
	from := body.Size() - 8 - int64(le.Uint32(tail[:]))
	body.truncate(from)
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(body)).Encode(meta); err != nil {
		return err
	}
	le.PutUint32(tail[:], uint32(body.Size()-from))
	_, err := body.Write(tail[:])
	return err
}

// longBound is what a bound in the footer may take: more than any number and
// most names.
const longBound = 128

// dropLongBounds takes both bounds away if one is long: readers know a column
// without bounds, one bound alone confuses some.
func dropLongBounds(s *format.Statistics) {
	if len(s.MinValue) > longBound || len(s.MaxValue) > longBound {
		s.MinValue, s.MaxValue = nil, nil
	}
}
