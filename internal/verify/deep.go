package verify

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"sluice/internal/format"
	"sluice/internal/objput"
)

// errEncoding says that nobody knows how an object is encoded.
var errEncoding = errors.New("unknown Content-Encoding")

// deep reads an object and compares the hash and the size of what is in it.
func (v *verifier) deep(ctx context.Context, bucket string, o *entry, at objput.Attributes) error {
	r, err := v.cfg.Store.Get(ctx, bucket, o.Key)
	if err != nil {
		return err
	}
	defer r.Close() // only read
	sum := &tally{}
	sum.hash.Reset()
	if exported := at.Meta[exportMeta] != "" && strings.HasSuffix(o.Key, format.ParquetExtension); exported {
		at.ContentType = format.ParquetContentType // tasks did not always say so
	}
	err = decode(sum, r, at)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errEncoding):
		v.find(UnreadableItem, o.Key, "%v", err)
	case err != nil:
		v.find(DamagedObject, o.Key, "%v", err)
	case fmt.Sprintf("%016x", sum.hash.Sum64()) != o.XXH64 || sum.bytes != o.Bytes || sum.rows > 0 && sum.rows != o.Records:
		v.find(DamagedObject, o.Key, "%d bytes of records with hash %016x, the manifest says %d with %s", sum.bytes, sum.hash.Sum64(), o.Bytes, o.XXH64)
	}
	return nil
}

// tally hashes and counts what is written to it.
type tally struct {
	hash  xxhash.Digest
	bytes int64
	rows  int64
}

func (t *tally) Write(p []byte) (int, error) {
	t.bytes += int64(len(p))
	return t.hash.Write(p)
}

// decode writes the records of an object, as they were before the codec.
func decode(to *tally, from io.Reader, at objput.Attributes) error {
	if at.ContentType == format.ParquetContentType {
		return messages(to, from)
	}
	switch at.ContentEncoding {
	case "":
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return err
		}
		from = z
	case "zstd":
		z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer z.Close()
		from = z
	case "zip":
		return unzip(to, from)
	case "snappy-java":
		b, err := io.ReadAll(from)
		if err == nil {
			b, err = xerial.Decode(b)
		}
		if err != nil {
			return err
		}
		from = bytes.NewReader(b)
	case "hadoop-snappy":
		return hadoop(to, from)
	default:
		return fmt.Errorf("%w %s", errEncoding, at.ContentEncoding)
	}
	_, err := io.Copy(to, from)
	return err
}

func unzip(to *tally, from io.Reader) error {
	b, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		if _, err = io.Copy(to, r); err != nil {
			return errors.Join(err, r.Close())
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// maxHadoopBlock is more than any writer makes.
const maxHadoopBlock = 64 << 20

// hadoop reads blocks: length of the raw bytes, then compressed chunks, each
// behind its length, until there are so many.
func hadoop(to *tally, from io.Reader) error {
	next := func() (int, error) {
		var b [4]byte
		_, err := io.ReadFull(from, b[:])
		n := binary.BigEndian.Uint32(b[:])
		if err == nil && n > maxHadoopBlock {
			err = fmt.Errorf("block of %d bytes", n)
		}
		return int(n), err
	}
	for {
		raw, err := next()
		if err == io.EOF {
			return nil
		}
		for raw > 0 && err == nil {
			var n int
			if n, err = next(); err != nil {
				break
			}
			chunk := make([]byte, n)
			if _, err = io.ReadFull(from, chunk); err != nil {
				break
			}
			var plain []byte
			if plain, err = snappy.Decode(nil, chunk); err == nil {
				raw -= len(plain)
				_, err = to.Write(plain)
			}
		}
		if err != nil {
			return err
		}
	}
}

// messages writes the column message of a Parquet file, a line feed after each:
// what its hash is over.
func messages(to *tally, from io.Reader) error {
	b, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	column, ok := f.Schema().Lookup("message")
	if !ok {
		return errors.New("no column message")
	}
	values := make([]parquet.Value, 256)
	for _, g := range f.RowGroups() {
		if err := texts(to, g.ColumnChunks()[column.ColumnIndex], values); err != nil {
			return err
		}
	}
	to.rows = f.NumRows()
	return nil
}

func texts(to *tally, chunk parquet.ColumnChunk, values []parquet.Value) (err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for r := page.Values(); ; {
			n, err := r.ReadValues(values)
			for _, v := range values[:n] {
				to.Write(v.ByteArray())
				to.Write([]byte("\n"))
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		parquet.Release(page)
	}
}
