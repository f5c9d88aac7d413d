package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"sluice/internal/crc32c"
	"sluice/internal/vfs"
)

const (
	// pageBytes is how much of a file is read for one series at least.
	pageBytes   = 16 << 10
	fileMagic   = "sluicemx"
	fileVersion = 1
	trailerSize = 8 + 8 + 8 + 4 + 4 + 4 + 8
	pageHeader  = 8
)

// writer writes a file of series in the order of their keys. A file without
// its trailer counts for nothing.
type writer struct {
	fs   vfs.FS
	name string
	file vfs.File
	off  int64

	page  []byte // being filled, behind room for its header
	first string // key of its first series
	index []byte
	names []byte
	days  []int64
	empty bool
}

func create(fsys vfs.FS, name string) (*writer, error) {
	f, err := vfs.Create(fsys, name)
	if err != nil {
		return nil, err
	}
	return &writer{fs: fsys, name: name, file: f, page: make([]byte, pageHeader, pageBytes+4096), empty: true}, nil
}

// add appends a series with its buckets.
func (w *writer) add(key string, seen int64, buckets []bucket) error {
	if len(buckets) == 0 {
		return nil
	}
	w.empty = false
	if len(w.page) == pageHeader {
		w.first = key
	}
	w.page = appendText(w.page, key)
	w.page = binary.AppendUvarint(w.page, uint64(len(buckets)))
	for i := range buckets {
		w.page = buckets[i].append(w.page)
		w.note(dayOf(buckets[i].start))
	}
	w.names = binary.AppendVarint(appendText(w.names, key), seen)
	if len(w.page) >= pageBytes {
		return w.flush()
	}
	return nil
}

func (w *writer) note(day int64) {
	if n := len(w.days); n > 0 && w.days[n-1] == day {
		return
	}
	if i, found := slices.BinarySearch(w.days, day); !found {
		w.days = slices.Insert(w.days, i, day)
	}
}

func (w *writer) flush() error {
	if len(w.page) == pageHeader {
		return nil
	}
	body := w.page[pageHeader:]
	binary.LittleEndian.PutUint32(w.page, uint32(len(body)))
	binary.LittleEndian.PutUint32(w.page[4:], crc32c.Sum(body))
	w.index = binary.AppendUvarint(appendText(w.index, w.first), uint64(w.off))
	if err := w.write(w.page); err != nil {
		return err
	}
	w.page = w.page[:pageHeader]
	return nil
}

func (w *writer) write(b []byte) error {
	n, err := w.file.Write(b)
	w.off += int64(n)
	return err
}

// finish makes the file durable but for its name.
func (w *writer) finish() (bytes int64, err error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	trailer := le.AppendUint64(nil, uint64(w.off))
	trailer = le.AppendUint64(trailer, uint64(len(w.index)))
	trailer = le.AppendUint64(trailer, uint64(len(w.names)))
	trailer = le.AppendUint32(trailer, crc32c.Sum(w.index))
	trailer = le.AppendUint32(trailer, crc32c.Sum(w.names))
	trailer = append(le.AppendUint32(trailer, fileVersion), fileMagic...)
	for _, part := range [...][]byte{w.index, w.names, trailer} {
		if err := w.write(part); err != nil {
			return 0, err
		}
	}
	err = w.file.Sync()
	return w.off, errors.Join(err, w.file.Close())
}

// discard gives up.
func (w *writer) discard() {
	w.file.Close()          // what failed was told already
	_ = w.fs.Remove(w.name) // the next start removes what no manifest lists
}

func dayOf(seconds int64) int64 { return floor(seconds, secondsPerDay) / secondsPerDay }

const secondsPerDay = 24 * 3600

func damaged(name, what string) error { return fmt.Errorf("%w: %s: %s", ErrCorrupt, name, what) }
