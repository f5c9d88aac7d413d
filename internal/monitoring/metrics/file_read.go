package metrics

import (
	"encoding/binary"
	"errors"
	"io"
	"sort"
	"strings"

	"sluice/internal/crc32c"
	"sluice/internal/vfs"
)

// page is where a page of a file begins, and the first key in it.
type page struct {
	first string
	off   int64
}

// layout is what is kept in memory of a file.
type layout struct {
	pages []page
	end   int64 // of the last page
}

// readAt reads exactly that much.
func readAt(f vfs.File, off int64, size int64) ([]byte, error) {
	b := make([]byte, size)
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return b, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

// openLayout reads a file's index, and visits the names of its series unless
// visit is nil.
func openLayout(fsys vfs.FS, path string, visit func(key []byte, seen int64)) (*layout, error) {
	f, err := vfs.Open(fsys, path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size < trailerSize {
		return nil, damaged(path, "too short")
	}
	t, err := readAt(f, size-trailerSize, trailerSize)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	end, index, names := int64(le.Uint64(t)), int64(le.Uint64(t[8:])), int64(le.Uint64(t[16:]))
	if string(t[trailerSize-8:]) != fileMagic || le.Uint32(t[32:]) != fileVersion ||
		end < 0 || index < 0 || names < 0 || end > size || index > size || names > size || end+index+names+trailerSize != size {
		return nil, damaged(path, "trailer")
	}
	b, err := readAt(f, end, index+names)
	if err != nil {
		return nil, err
	}
	if crc32c.Sum(b[:index]) != le.Uint32(t[24:]) || crc32c.Sum(b[index:]) != le.Uint32(t[28:]) {
		return nil, damaged(path, "index")
	}
	return parseLayout(path, b[:index], b[index:], end, visit)
}

func parseLayout(path string, index, names []byte, end int64, visit func(key []byte, seen int64)) (*layout, error) {
	l := &layout{end: end}
	r := source{b: index}
	for len(r.b) > 0 {
		p := page{first: string(r.text()), off: int64(r.uvarint())}
		if n := len(l.pages); r.failed || p.off > end || n > 0 && p.off <= l.pages[n-1].off {
			return nil, damaged(path, "index")
		}
		l.pages = append(l.pages, p)
	}
	r = source{b: names}
	for len(r.b) > 0 {
		key, seen := r.text(), r.varint()
		if r.failed {
			return nil, damaged(path, "names")
		}
		if visit != nil {
			visit(key, seen)
		}
	}
	return l, nil
}

// read returns a page's content.
func (l *layout) read(f vfs.File, i int) ([]byte, error) {
	end := l.end
	if i+1 < len(l.pages) {
		end = l.pages[i+1].off
	}
	b, err := readAt(f, l.pages[i].off, end-l.pages[i].off)
	if err != nil {
		return nil, err
	}
	if len(b) < pageHeader || int(binary.LittleEndian.Uint32(b)) != len(b)-pageHeader ||
		crc32c.Sum(b[pageHeader:]) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, damaged(f.Name(), "page")
	}
	return b[pageHeader:], nil
}

// from is the first page that may hold a key with the prefix.
func (l *layout) from(prefix string) int {
	return max(0, sort.Search(len(l.pages), func(i int) bool { return l.pages[i].first > prefix })-1)
}

// scanFile visits the buckets of all series whose keys begin with prefix. A page
// that is damaged costs what is in it.
func (s *Store) scanFile(f file, prefix string, visit func(key string, b *bucket)) error {
	r, err := vfs.Open(s.cfg.FS, s.path(f.Name))
	if err != nil {
		return err
	}
	defer r.Close() // only read
	for i := f.layout.from(prefix); i < len(f.layout.pages); i++ {
		if first := f.layout.pages[i].first; first > prefix && !strings.HasPrefix(first, prefix) {
			break
		}
		body, err := f.layout.read(r, i)
		if err == nil {
			err = readPage(body, prefix, visit)
		}
		if errors.Is(err, ErrCorrupt) {
			s.damages.Add(1)
			s.cfg.Logger.Error("metrics go around a damaged page", "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readPage visits the buckets of a page whose keys begin with prefix.
func readPage(body []byte, prefix string, visit func(key string, b *bucket)) error {
	r := source{b: body}
	var scratch bucket
	for len(r.b) > 0 {
		key := r.text()
		n := r.uvarint()
		if r.failed || n > uint64(len(r.b)) {
			return ErrCorrupt
		}
		wanted := len(key) >= len(prefix) && string(key[:len(prefix)]) == prefix
		name := ""
		if wanted {
			name = string(key)
		}
		for range n {
			var err error
			if r.b, err = scratch.read(r.b); err != nil {
				return err
			}
			if wanted {
				visit(name, &scratch)
			}
		}
	}
	return nil
}
