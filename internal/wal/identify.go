package wal

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"sluice/internal/vfs"
)

// identity is what a segment file's beginning tells.
type identity uint8

const (
	readable   identity = iota // the header is good
	unreadable                 // it is damaged, and the name says where the segment begins
	headless                   // it is not there, and footer or frames say where the segment begins
	notBegun                   // the file was made ahead, and no frame was ever durable in it
	foreign                    // it is of another log, or another file's
)

// identifyAll opens each file for a look at its beginning, and leaves out those
// that no segment began in. What it returns ascends by bases.
func identifyAll(segments []*segment, shard uint32, open func(name string) (vfs.File, error)) (begun, blank []*segment, err error) {
	for _, s := range segments {
		f, err := open(s.name)
		if err != nil {
			return nil, nil, err
		}
		err = s.identify(f, shard)
		f.Close() // only read
		if err != nil {
			return nil, nil, err
		}
		if s.id == notBegun {
			blank = append(blank, s)
			continue
		}
		begun = append(begun, s)
	}
	slices.SortFunc(begun, func(a, b *segment) int {
		if a.base != b.base {
			return cmp(a.base, b.base)
		}
		return cmp(a.uuid, b.uuid)
	})
	return begun, blank, nil
}

// identify reads the header, and finds the base of a segment whose name does not
// have it (laterBase). Where the header is damaged it trusts the name, and what
// else says it.
func (s *segment) identify(f vfs.File, shard uint32) error {
	b := make([]byte, headerSize)
	n, err := readFull(f, b, 0)
	if err != nil {
		return err
	}
	b = b[:n]
	h, ok, err := parseHeader(b)
	later := s.uuid&laterBase != 0
	switch {
	case err != nil:
		return err
	case ok && (h.shard != shard || h.uuid != s.uuid || h.base < s.base || h.base > s.base && !later):
		s.id = foreign
	case ok:
		s.base, s.id = h.base, readable
	case !later:
		s.id = unreadable
	default:
		found, err := s.findBase(f)
		switch {
		case err != nil:
			return err
		case found:
			s.id = headless
		case unfinished(b):
			s.id = notBegun
		default:
			s.id = unreadable
		}
	}
	return nil
}

// unfinished tells of a header that was never written, or not to its end: after a
// crash that is no damage.
func unfinished(b []byte) bool {
	written := string(bytes.TrimRight(b, "\x00"))
	return strings.HasPrefix(headerMagic, written) || strings.HasPrefix(written, headerMagic)
}

// findBase takes a segment's base from its footer or its first whole frame: a
// snapshot has the base for its sequence, and the first frames are of a commit
// block that began with it.
func (s *segment) findBase(f vfs.File) (found bool, err error) {
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	if foot, ok, err := s.readFooter(f, size); ok || err != nil {
		s.base = max(s.base, foot.base)
		return ok, err
	}
	var first parsed
	take := func(p parsed) bool {
		first, found = p, true
		return true
	}
	sc := &scanner{file: f, uuid: s.uuid, off: headerSize, limit: size}
	switch p, _, err := sc.next(); err {
	case nil:
		take(p)
	case io.EOF:
	case errNoFrame:
		if err := sc.resync(take); err != nil {
			return false, err
		}
	default:
		return false, err
	}
	if found {
		s.base = max(s.base, first.blockFirst())
	}
	return found, nil
}
