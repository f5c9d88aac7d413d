package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const scanWindow = 1 << 20

// scanner walks over the frames of a segment file and over what is not one.
type scanner struct {
	file   io.ReaderAt
	uuid   uint64
	off    int64 // of the next frame
	limit  int64 // nothing is read from here on
	window []byte
	at     int64 // where the window stands
}

// errNoFrame: the bytes at the scanner's offset are no frame of its segment.
var errNoFrame = errors.New("no frame")

// need returns n bytes at off, fewer at the limit. They are good until the next call.
func (s *scanner) need(off, n int64) ([]byte, error) {
	if off >= s.limit {
		return nil, nil
	}
	n = min(n, s.limit-off)
	if off < s.at || off+n > s.at+int64(len(s.window)) {
		size := min(max(n, scanWindow), s.limit-off)
		if int64(cap(s.window)) < size {
			s.window = make([]byte, size)
		}
		s.window, s.at = s.window[:size], off
		got, err := readFull(s.file, s.window, off)
		s.window = s.window[:got]
		if err != nil {
			return nil, err
		}
	}
	b := s.window[min(off-s.at, int64(len(s.window))):] // shorter where the file ends early
	return b[:min(n, int64(len(b)))], nil
}

// frameAt verifies the frame at off.
func (s *scanner) frameAt(off int64) (p parsed, size int64, err error) {
	size = frameHeader
	for {
		b, err := s.need(off, size)
		if err != nil {
			return p, 0, err
		}
		p, n, v := parseFrame(b, s.uuid)
		switch {
		case v == frameGood:
			return p, n, nil
		case v == frameBad || n > s.limit-off || int64(len(b)) < size:
			return p, 0, errNoFrame
		}
		size = n
	}
}

// next returns the frame at the offset and moves behind it; io.EOF at the
// limit, errNoFrame where there is none. The payload is good until the next call.
func (s *scanner) next() (p parsed, off int64, err error) {
	if s.off >= s.limit {
		return p, s.off, io.EOF
	}
	p, size, err := s.frameAt(s.off)
	if err != nil {
		return p, s.off, err
	}
	off = s.off
	s.off += size
	return p, off, nil
}

// resync moves to the next frame after the offset, or to the limit. It looks
// only where the segment's uuid stands at the right place.
func (s *scanner) resync(accept func(parsed) bool) error {
	var uuid [8]byte
	le.PutUint64(uuid[:], s.uuid)
	for off := s.off + frameAlign; ; {
		b, err := s.need(off+8, scanWindow)
		if err != nil {
			return err
		}
		i := bytes.Index(b, uuid[:])
		switch {
		case i < 0 && int64(len(b)) < scanWindow:
			s.off = s.limit
			return nil
		case i < 0:
			off += int64(len(b)) - int64(len(uuid))
			off &^= frameAlign - 1
			continue
		}
		off += int64(i)
		if off%frameAlign == 0 {
			p, _, err := s.frameAt(off)
			if err == nil && accept(p) {
				s.off = off
				return nil
			}
			if err != nil && err != errNoFrame {
				return err
			}
		}
		off++ // not a frame: look on behind it
	}
}

// readFull reads len(b) bytes at off, fewer only at the end of the file.
func readFull(f io.ReaderAt, b []byte, off int64) (int, error) {
	n, err := f.ReadAt(b, off)
	if err == io.EOF {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("read log segment: %w", err)
	}
	return n, err
}

// hole is a range of a segment without an acceptable frame.
type hole struct {
	off, length int64
	first, last uint64 // the missing sequences; last < first: none
}

// survey is what a scan of a whole segment found.
type survey struct {
	start   int64  // behind the header and the last whole snapshot
	end     int64  // behind the last whole frame
	last    uint64 // its sequence, base-1 if there is none
	durable uint64 // every sequence up to this one was durable before the crash
	holes   []hole // before end; hole.last is known, as a frame follows
}

// surveySegment reads all of a segment. visit sees every whole frame with a
// higher sequence than the one before, up to most.
func surveySegment(s *scanner, base, most uint64, visit func(p parsed, off int64)) (survey, error) {
	v := survey{start: s.off, end: s.off, last: base - 1}
	higher := func(p parsed) bool {
		if p.Type >= typeReserved { // snapshots stand before all frames
			return v.last < base
		}
		return p.Seq > v.last && p.Seq <= most
	}
	open := int64(-1) // where a hole began
	for {
		p, off, err := s.next()
		switch {
		case err == io.EOF:
			return v, nil
		case err == errNoFrame || err == nil && !higher(p):
			if open < 0 {
				open = off
			}
			s.off = off
			if err := s.resync(higher); err != nil {
				return v, err
			}
			continue
		case err != nil:
			return v, err
		}
		if open >= 0 || p.Type < typeReserved && p.Seq != v.last+1 {
			v.addHole(open, off, p)
			open = -1
		}
		if p.Type >= typeReserved {
			v.start, v.end = s.off, s.off
			continue
		}
		v.end, v.last = s.off, p.Seq
		v.durable = max(v.durable, p.blockFirst()-1)
		visit(p, off)
	}
}

func (v *survey) addHole(open, off int64, p parsed) {
	if open < 0 {
		open = off
	}
	h := hole{off: open, length: off - open, first: v.last + 1, last: p.Seq - 1}
	if p.Type >= typeReserved {
		h.last = v.last
	}
	v.holes = append(v.holes, h)
}

// cut decides what of the survey counts: everything durable, and of the rest
// the frames that follow without a gap. It returns where the frames end, the
// last sequence that counts as written, and the holes that are real damage.
func (v *survey) cut(floor uint64) (end int64, last uint64, damage []hole) {
	durable := max(v.durable, floor)
	for i, h := range v.holes {
		if h.last > durable && h.last >= h.first {
			last = h.first - 1
			if durable > last { // the durable part of the hole is damage
				last = durable
				damage = append(v.holes[:i:i], hole{h.off, h.length, h.first, durable})
			} else {
				damage = v.holes[:i]
			}
			return h.off, last, damage
		}
	}
	damage, last = v.holes, v.last
	if floor > v.last { // frames at the end are missing, and later segments prove that they were there
		damage = append(damage, hole{off: v.end, first: v.last + 1, last: floor})
		last = floor
	}
	return v.end, last, damage
}
