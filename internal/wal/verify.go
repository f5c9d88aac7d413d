package wal

import (
	"errors"
	"fmt"
	"path/filepath"

	"sluice/internal/vfs"
)

// Verified says what Verify found.
type Verified struct {
	Segments    int
	Bytes       int64  // of the segment files
	First, Last uint64 // sequences that the log holds; Last < First: none
	Frames      uint64 // that can be read
	// Torn are bytes at the end of which nothing was acknowledged: the next Open
	// cuts them off.
	Torn int64
}

// Verify reads every frame of the log of a shard in a folder that no Log has
// open, and changes nothing. visit sees the frames that Open would keep, in
// their order; the payload is good until it returns. damage hears what Open
// would report, and what it would not notice behind an intact footer. The
// error is visit's or the file system's.
func Verify(fsys vfs.FS, dir string, shard uint32, visit func(segment string, f Frame) error, damage func(Damage)) (Verified, error) {
	v := verifier{fs: fsys, dir: dir, shard: shard, visit: visit, damage: damage}
	if err := v.list(); err != nil {
		return v.found, fmt.Errorf("verify log %s: %w", dir, err)
	}
	for i, s := range v.segments {
		if i > 0 && s.base > v.segments[i-1].last+1 {
			damage(Damage{Segment: s.name, FirstSeq: v.segments[i-1].last + 1, LastSeq: s.base - 1, Reason: "missing segment"})
		}
		if err := v.segment(s); err != nil {
			return v.found, fmt.Errorf("verify segment %s: %w", s.name, err)
		}
	}
	if n := len(v.segments); n > 0 {
		v.found.First, v.found.Last = v.segments[0].base, v.segments[n-1].last
	}
	return v.found, nil
}

// verifier is one Verify.
type verifier struct {
	fs       vfs.FS
	dir      string
	shard    uint32
	visit    func(segment string, f Frame) error
	damage   func(Damage)
	segments []*suspect // oldest first
	found    Verified
}

// suspect is a segment with what recovery would make of it.
type suspect struct {
	*segment
	size   int64
	after  proof
	footer bool   // it has one
	holes  []hole // damage, of a segment without a footer
}

// list finds the segments and, from the newest to the oldest, where each ends:
// what a later one proves decides what counts as damage in those before it.
// Empty ones that recovery would remove are left out.
func (v *verifier) list() error {
	var all []*segment
	entries, err := v.fs.ReadDir(v.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, uuid, ok := parseSegmentName(e.Name())
		if ok {
			all = append(all, &segment{name: e.Name(), base: base, uuid: uuid})
		}
	}
	if all, _, err = identifyAll(all, v.shard, v.open); err != nil {
		return err
	}
	var after proof
	for i := len(all) - 1; i >= 0; i-- {
		s := &suspect{segment: all[i], after: after}
		if err := v.measure(s); err != nil {
			return fmt.Errorf("segment %s: %w", s.name, err)
		}
		sole := len(v.segments) == 0 && i == 0 && s.base > 1
		if s.last < s.base && !sole {
			continue
		}
		if after.floor > 0 && s.last > after.floor {
			v.damage(Damage{Segment: s.name, FirstSeq: after.floor + 1, LastSeq: s.last, Reason: "overlapping segments"})
		}
		after = after.with(s.segment)
		v.segments = append([]*suspect{s}, v.segments...)
	}
	return nil
}

func (v *verifier) open(name string) (vfs.File, error) {
	return vfs.Open(v.fs, filepath.Join(v.dir, name))
}

// measure finds the end of a segment, by its footer or by its frames.
func (v *verifier) measure(s *suspect) error {
	f, err := v.open(s.name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	if s.size, err = f.Size(); err != nil {
		return err
	}
	v.found.Segments++
	v.found.Bytes += s.size
	s.footer, err = s.openByFooter(f, s.size)
	if s.footer && !s.after.footer { // a crash may have torn it, as recovery knows
		s.footer, err = s.sectionsWhole(f)
	}
	s.sealed = s.footer
	if s.footer || err != nil {
		return err
	}
	s.sections = nil
	sc := &scanner{file: f, uuid: s.uuid, off: headerSize, limit: s.size}
	found, err := surveySegment(sc, s.base, ceiling(s.after.floor), func(parsed, int64) {})
	if err != nil {
		return err
	}
	s.end, s.last, s.holes = found.cut(s.after.floor)
	s.start = found.start
	if s.after.floor == 0 {
		v.found.Torn += max(found.end-s.end, 0)
	}
	if s.after.footer && s.size != s.end {
		v.damage(Damage{Segment: s.name, Offset: s.end, Length: s.size - s.end, FirstSeq: 1, Reason: "footer"})
	}
	return nil
}

// segment reads all of a segment.
func (v *verifier) segment(s *suspect) error {
	f, err := v.open(s.name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	switch s.id {
	case unreadable, headless:
		v.damage(Damage{Segment: s.name, Length: headerSize, FirstSeq: 1, Reason: "header"})
	case foreign:
		v.damage(Damage{Segment: s.name, Length: headerSize, FirstSeq: 1, Reason: "header of another segment"})
	}
	var visitErr error
	sc := &scanner{file: f, uuid: s.uuid, off: headerSize, limit: s.end}
	found, err := surveySegment(sc, s.base, s.last, func(p parsed, _ int64) {
		v.found.Frames++
		if visitErr == nil {
			visitErr = v.visit(s.name, p.Frame)
		}
	})
	if err != nil || visitErr != nil {
		return errors.Join(err, visitErr)
	}
	holes := s.holes
	if s.footer {
		_, _, holes = found.cut(s.last)
	}
	for _, h := range holes {
		v.damage(Damage{Segment: s.name, Offset: h.off, Length: h.length, FirstSeq: h.first, LastSeq: h.last, Reason: "frames"})
	}
	if s.footer && found.start < s.start && len(found.holes) == 0 {
		v.damage(Damage{Segment: s.name, Offset: found.start, Length: s.start - found.start, FirstSeq: 1, Reason: "snapshot"})
	}
	return v.sections(s, f)
}

// sections reads what lies between the frames and the footer's directory.
func (v *verifier) sections(s *suspect, f vfs.File) error {
	if !s.footer {
		return nil
	}
	for _, sec := range s.sections {
		b := make([]byte, sec.length)
		n, err := readFull(f, b, sec.off)
		if err != nil {
			return err
		}
		if n < len(b) || checksumOf(b) != sec.crc {
			v.damage(Damage{Segment: s.name, Offset: sec.off, Length: sec.length, FirstSeq: 1, Reason: "footer"})
		}
	}
	return nil
}
