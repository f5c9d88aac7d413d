package format

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/event"
)

// finished is a small file of several row groups, and what must be in it.
func finished(t *testing.T) (*Body, contents) {
	t.Helper()
	p, err := NewParquet(ParquetConfig{RowGroupBytes: 64 << 10, Compression: "UNCOMPRESSED"})
	if err != nil {
		t.Fatal(err)
	}
	w := p.NewWriter()
	for n := range 4 {
		b := event.GetBuilder(1 << 20)
		for i := range 500 {
			if err := b.Append(int64(i), fmt.Appendf(nil, "batch %d, message %d: all is well", n, i)); err != nil {
				t.Fatal(err)
			}
		}
		batch, err := b.Seal(event.Header{Ingested: 9}, event.Source{LogGroup: "g"})
		if err != nil {
			t.Fatal(err)
		}
		w.Append(batch, nil)
	}
	o, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if len(w.groups) < 2 {
		t.Fatal("one row group")
	}
	return o.Body, contents{
		columns: p.columns, groups: w.groups,
		messages: o.Hash, ts: w.ts.Sum64(), ingest: w.ingest.Sum64(),
	}
}

func TestCheckFindsOtherContents(t *testing.T) {
	body, want := finished(t)
	f := func(kind error, change func(*contents)) {
		t.Helper()
		c := want
		c.groups = slices.Clone(want.groups)
		change(&c)
		if err := new(parquetCheck).file(body, c); !errors.Is(err, kind) {
			t.Errorf("%v, want %v", err, kind)
		}
	}
	f(nil, func(*contents) {})
	f(errParquetValues, func(c *contents) { c.messages++ })
	f(errParquetValues, func(c *contents) { c.ts++ })
	f(errParquetValues, func(c *contents) { c.ingest++ })
	f(errParquetRows, func(c *contents) { c.groups[1].rows++ })
	f(errParquetRows, func(c *contents) { c.groups = c.groups[1:] })
	f(errParquetRows, func(c *contents) { c.columns = c.columns[1:] })
	f(errParquetRows, func(c *contents) { c.columns = append([]string{"x"}, c.columns[1:]...) })
}

// A byte that changed anywhere in what is read back is found.
func TestCheckFindsDamage(t *testing.T) {
	body, want := finished(t)
	file, err := parquet.OpenFile(body, body.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Metadata().RowGroups {
		for _, column := range []int{colTS, colIngest, colMessage} {
			meta := group.Columns[column].MetaData
			for at := meta.DataPageOffset; at < meta.DataPageOffset+meta.TotalCompressedSize; at += 97 {
				flip(body, at)
				if err := new(parquetCheck).file(body, want); err == nil {
					t.Errorf("column %d: byte %d changed and nobody saw it", column, at)
				}
				flip(body, at)
			}
		}
	}
	if err := new(parquetCheck).file(body, want); err != nil {
		t.Error(err)
	}
}

func flip(body *Body, at int64) {
	var b [1]byte
	body.ReadAt(b[:], at)
	b[0] ^= 1
	body.WriteAt(b[:], at)
}

// The library's writer, reset and used again, forgets the names of its columns
// (v0.32.0): the footer is mended, and the check would see it.
func TestReusedWriterNamesItsColumns(t *testing.T) {
	p, err := NewParquet(ParquetConfig{})
	if err != nil {
		t.Fatal(err)
	}
	b := event.GetBuilder(100)
	b.Append(1, []byte("m"))
	batch, err := b.Seal(event.Header{}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w := p.NewWriter()
		w.Append(batch, nil)
		o, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		file, err := parquet.OpenFile(o.Body, o.Size())
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range file.Metadata().RowGroups[0].Columns {
			if !slices.Equal(c.MetaData.PathInSchema, []string{p.columns[i]}) {
				t.Errorf("column %d is called %q", i, c.MetaData.PathInSchema)
			}
		}
	}
}
