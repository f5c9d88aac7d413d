package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/gzip"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
)

// ParquetExtension ends the name of a Parquet object. It has no
// Content-Encoding: its pages are compressed, the file is not.
const ParquetExtension = ".parquet"

// FieldType is the type of a promoted field, in the words of Glue and Hive.
type FieldType string

// The types a field can have, and which JSON values fit them. A null fits all
// of them; it and a missing member are null in the column.
const (
	String  FieldType = "string"
	BigInt  FieldType = "bigint" // a number of digits alone, in 64 bits
	Double  FieldType = "double" // any number in range
	Boolean FieldType = "boolean"
)

// Field is a member of JSON messages that gets a column of its own.
type Field struct {
	// Path leads to the member, from the outside in.
	Path []string
	// Name is the column's: lower-case letters, digits and underscores, so that
	// every engine can name it without quotes; by default the path's parts in
	// lower case, joined by underscores.
	Name string
	// Type is the column's. A value that does not fit stays in _rest.
	Type FieldType
}

// ParquetConfig says what Parquet files of events look like. The zero value is
// useful.
//
// The promoted fields are given, not guessed from the first events: a column's
// type is the same in all files of one configuration, whatever arrives, and two
// attempts at one object agree.
type ParquetConfig struct {
	// Fields are the promoted ones. Files have a column _rest if there are any.
	Fields []Field
	// Compression is that of pages: ZSTD (fastest level, the default), SNAPPY, GZIP
	// (fastest level) or UNCOMPRESSED.
	Compression string
	// RowGroupBytes ends a row group, in bytes of values before encoding; default
	// 64 MiB. A writer holds one row group's compressed pages.
	RowGroupBytes int64
	// BloomFilters names columns that get a bloom filter, ten bits a value: for
	// request ids and their like.
	BloomFilters []string
}

const (
	rowGroupBytes = 64 << 20
	// pageBytes is where a page ends: the library's default, and the best of
	// 64 KiB to 4 MiB on logs.
	pageBytes = 256 << 10
	// dictionaryBytes is where a column stops being worth a dictionary.
	dictionaryBytes = 1 << 20
	bloomBits       = 10
)

// Parquet makes Parquet files of one configuration. Its writers may be used by
// many goroutines, one each.
type Parquet struct {
	cfg     ParquetConfig
	schema  *parquet.Schema
	columns []string // in order
	codec   compress.Codec
	writers sync.Pool // *parquetEncoder
}

// NewParquet checks a configuration.
func NewParquet(cfg ParquetConfig) (*Parquet, error) {
	cfg.RowGroupBytes = cmp.Or(cfg.RowGroupBytes, rowGroupBytes)
	cfg.Fields = slices.Clone(cfg.Fields)
	if cfg.RowGroupBytes < 0 {
		return nil, errors.New("parquet: RowGroupBytes is negative")
	}
	if err := checkFields(cfg.Fields); err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
	}
	root := newColumns(cfg.Fields)
	p := &Parquet{cfg: cfg, schema: parquet.NewSchema("event", root), columns: root.order}
	switch cmp.Or(cfg.Compression, "ZSTD") {
	case "ZSTD":
		p.codec = newZstdPages()
	case "SNAPPY":
		p.codec = &snappy.Codec{}
	case "GZIP":
		p.codec = &gzip.Codec{Level: gzip.BestSpeed}
	case "UNCOMPRESSED":
		p.codec = &uncompressed.Codec{}
	default:
		return nil, fmt.Errorf("parquet: compression %q is not ZSTD, SNAPPY, GZIP or UNCOMPRESSED", cfg.Compression)
	}
	for _, name := range cfg.BloomFilters {
		if !slices.Contains(p.columns, name) {
			return nil, fmt.Errorf("parquet: bloom filter on %q, which is no column", name)
		}
	}
	return p, nil
}

var columnName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// checkFields fills names in and refuses what could not be told apart.
func checkFields(fields []Field) error {
	names := slices.Clone(coreColumns)
	names = append(names, restColumn)
	for i := range fields {
		f := &fields[i]
		f.Name = cmp.Or(f.Name, strings.ToLower(strings.Join(f.Path, "_")))
		switch {
		case len(f.Path) == 0:
			return fmt.Errorf("field %q has no path", f.Name)
		case !columnName.MatchString(f.Name):
			return fmt.Errorf("field name %q does not match %s", f.Name, columnName)
		case slices.Contains(names, f.Name):
			return fmt.Errorf("field name %q is taken", f.Name)
		case f.Type != String && f.Type != BigInt && f.Type != Double && f.Type != Boolean:
			return fmt.Errorf("field %s: type %q is not string, bigint, double or boolean", f.Name, f.Type)
		}
		names = append(names, f.Name)
		for _, other := range fields[:i] {
			short := min(len(f.Path), len(other.Path))
			if slices.Equal(f.Path[:short], other.Path[:short]) {
				return fmt.Errorf("field %s is field %s, or lies within it or around it", f.Name, other.Name)
			}
		}
	}
	return nil
}

// options are those of the library's writer.
func (p *Parquet) options() []parquet.WriterOption {
	options := []parquet.WriterOption{
		p.schema,
		parquet.Compression(p.codec),
		parquet.PageBufferSize(pageBytes),
		parquet.DictionaryMaxBytes(dictionaryBytes),
		parquet.DataPageVersion(1), // what every reader reads
		// Bounds are in the page index. SkipPageBounds would leave empty bounds
		// there, which say that no page holds anything.
		parquet.DataPageStatistics(false),
	}
	for _, name := range p.cfg.BloomFilters {
		options = append(options, parquet.BloomFilters(parquet.SplitBlockFilter(bloomBits, name)))
	}
	return options
}

// get is a writer with its buffers, new or used.
func (p *Parquet) get(dst io.Writer) *parquetEncoder {
	e, ok := p.writers.Get().(*parquetEncoder)
	if !ok {
		e = p.newEncoder()
	}
	e.file.Reset(dst)
	return e
}
