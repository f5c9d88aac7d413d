package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// countObjects counts the events in all objects of a bucket's folder.
func countObjects(dir, format string) (events, size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), "_sluice") || strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir // sluice's own, and the gateway's
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n, err := countEvents(path, format)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		events, size = events+n, size+info.Size()
		return nil
	})
	return events, size, err
}

func countEvents(path, format string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var in io.Reader
	switch format {
	case "parquet":
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		table, err := parquet.OpenFile(f, info.Size())
		if err != nil {
			return 0, err
		}
		return table.NumRows(), nil
	case "zstd":
		z, err := zstd.NewReader(f)
		if err != nil {
			return 0, err
		}
		defer z.Close()
		in = z
	default:
		if in, err = gzip.NewReader(f); err != nil {
			return 0, err
		}
	}
	return countLines(in)
}

func countLines(in io.Reader) (n int64, err error) {
	r := bufio.NewReaderSize(in, 1<<20)
	for {
		_, err := r.ReadSlice('\n')
		switch {
		case err == nil:
			n++
		case errors.Is(err, io.EOF):
			return n, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return n, err
		}
	}
}
