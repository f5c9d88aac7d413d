package embedded

import (
	"encoding/binary"
	"iter"
)

const (
	// mostListed bounds the list of an entry's frames, in bytes: one or two a frame.
	// An entry that is merged out of more does not know them any more.
	mostListed = 64
	// sparse is from how much log to a frame on it is less work to look for each of
	// the frames than to read all that lies between them.
	sparse = 64 << 10
)

// exact tells whether an entry knows its frames, and not only what they lie between.
func (e *entry) exact() bool { return e.end == e.first+1 || e.frames != "" }

// places are the positions of an exact entry's frames.
func (e *entry) places() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		at := e.first
		if !yield(at) {
			return
		}
		for list := e.frames; list != ""; {
			var more uint64
			more, list = difference(list)
			if at += more; !yield(at) {
				return
			}
		}
	}
}

// difference takes the first one off a list.
func difference(list string) (n uint64, rest string) {
	for i := 0; i < len(list); i++ {
		n |= uint64(list[i]&0x7f) << (7 * i)
		if list[i] < 0x80 {
			return n, list[i+1:]
		}
	}
	return n, ""
}

// listBoth is the list of an entry that is merged out of a and b, where b's frames
// follow, or begin with a's last one; "" if it is not known, or too long.
func listBoth(a, b *entry) string {
	if !a.exact() || !b.exact() || len(a.frames)+len(b.frames) > mostListed {
		return ""
	}
	last := a.first
	for at := range a.places() {
		last = at
	}
	var list [mostListed + binary.MaxVarintLen64]byte
	n := copy(list[:], a.frames)
	if b.first > last {
		n += binary.PutUvarint(list[n:], b.first-last)
	}
	if n += copy(list[n:], b.frames); n > mostListed {
		return ""
	}
	return string(list[:n])
}

// frameCount is how many frames an exact entry has.
func (e *entry) frameCount() int64 {
	n := int64(1)
	for i := range len(e.frames) {
		if e.frames[i] < 0x80 {
			n++
		}
	}
	return n
}

// cut parts an entry's frames at a position; either part may be empty, which is
// where it begins and ends at the same position. What the parts hold is not known.
func (e *entry) cut(at uint64) (before, behind entry) {
	switch {
	case at <= e.first:
		return entry{}, entry{first: e.first, end: e.end, frames: e.frames}
	case !e.exact() && at < e.end:
		return entry{first: e.first, end: at}, entry{first: at, end: e.end}
	}
	for place, list := e.first, e.frames; list != ""; {
		more, rest := difference(list)
		if place+more >= at {
			before = entry{first: e.first, end: place + 1, frames: e.frames[:len(e.frames)-len(list)]}
			return before, entry{first: place + more, end: e.end, frames: rest}
		}
		place, list = place+more, rest
	}
	return entry{first: e.first, end: e.end, frames: e.frames}, entry{}
}

// within is the part of an entry that lies in [from, limit), with what all of it
// holds; false if nothing does.
func (e entry) within(from, limit uint64) (entry, bool) {
	_, part := e.cut(from)
	part, _ = part.cut(limit)
	e.first, e.end, e.frames = part.first, part.end, part.frames
	return e, e.first < e.end
}
