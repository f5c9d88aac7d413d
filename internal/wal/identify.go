package wal

import (
	"bytes"

	"sluice/internal/vfs"
)

// identity is what a segment file's beginning tells.
type identity uint8

const (
	readable   identity = iota // the header is good
	unreadable                 // it is damaged: name, footer or frames say where the segment begins
	notBegun                   // the file was made ahead, and no frame was ever durable in it
	foreign                    // it is of another log, or another file's
)

// identify reads the header, and finds the base of a segment whose name does not
// have it (laterBase). It trusts the name, and what else says it, where the header
// is damaged.
func (s *segment) identify(f vfs.File, shard uint32, after proof) (identity, error) {
	b := make([]byte, directBlock)
	n, err := readFull(f, b, 0)
	if err != nil {
		return unreadable, err
	}
	h, ok, err := parseHeader(b[:n])
	later := s.uuid&laterBase != 0
	switch {
	case err != nil:
		return unreadable, err
	case !ok && !later:
		return unreadable, nil
	case !ok:
		// Several damaged files would be needed for frames behind a block of zeros,
		// unless there are later segments.
		untouched := n == len(b) && bytes.Count(b, []byte{0}) == n
		if untouched && after.floor == 0 {
			return notBegun, nil
		}
		return s.findBase(f)
	case h.shard != shard, h.uuid != s.uuid, h.base < s.base, h.base > s.base && !later:
		return foreign, nil
	}
	s.base = h.base
	return readable, nil
}

// findBase takes a segment's base from its footer or its first whole frame: a
// snapshot has the base for its sequence, and the first frames are of a commit
// block that began with it.
func (s *segment) findBase(f vfs.File) (identity, error) {
	size, err := f.Size()
	if err != nil {
		return unreadable, err
	}
	if foot, ok, err := s.readFooter(f, size); ok || err != nil {
		s.base = max(s.base, foot.base)
		return unreadable, err
	}
	sc := &scanner{file: f, uuid: s.uuid, off: headerSize, limit: size}
	p, _, err := sc.next()
	if err == errNoFrame {
		found := false
		err = sc.resync(func(first parsed) bool { p, found = first, true; return true })
		if err == nil && !found {
			return notBegun, nil
		}
	}
	if err != nil {
		return unreadable, err
	}
	s.base = max(s.base, p.blockFirst())
	return unreadable, nil
}
