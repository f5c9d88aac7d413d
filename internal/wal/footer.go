package wal

import (
	"slices"
)

const (
	footerVersion = 1
	footerMagic   = 0x6c77_6674 // "tfwl"
	footerTail    = 56
	sectionEntry  = 24
	maxSections   = 257

	indexSection = 256 // the sparse index; indexers have IDs up to 255
	indexEvery   = 64 << 10
	indexEntry   = 16
)

// mark is an entry of the sparse index: a frame begins there.
type mark struct {
	seq uint64
	off int64
}

// section is a part of a footer, by its place in the file.
type section struct {
	id     uint32
	crc    uint32
	off    int64
	length int64
}

// footer is what a sealed segment says of itself, without the sections' bytes.
type footer struct {
	uuid, base, last uint64 // last = base-1: no frame
	start, end       int64  // the sequenced frames lie in [start, end)
	sections         []section
}

// contents is one section to be written.
type contents struct {
	id    uint32
	bytes []byte
}

// appendFooter appends a footer that will stand at offset at of the file.
func appendFooter(dst []byte, f footer, at int64, parts []contents) []byte {
	for _, p := range parts {
		dst = append(dst, p.bytes...)
	}
	directory := len(dst)
	off := at
	for _, p := range parts {
		dst = le.AppendUint64(dst, uint64(off))
		dst = le.AppendUint64(dst, uint64(len(p.bytes)))
		dst = le.AppendUint32(dst, checksumOf(p.bytes))
		dst = le.AppendUint32(dst, p.id)
		off += int64(len(p.bytes))
	}
	dst = le.AppendUint64(dst, f.uuid)
	dst = le.AppendUint64(dst, f.base)
	dst = le.AppendUint64(dst, f.last)
	dst = le.AppendUint64(dst, uint64(f.start))
	dst = le.AppendUint64(dst, uint64(f.end))
	dst = le.AppendUint32(dst, uint32(len(parts)))
	dst = le.AppendUint32(dst, footerVersion)
	dst = le.AppendUint32(dst, checksumOf(dst[directory:]))
	return le.AppendUint32(dst, footerMagic)
}

// parseFooter reads the footer at the end of b, which ends at offset size of its
// file. need > len(b) asks for that many bytes of the file's end instead.
func parseFooter(b []byte, size int64, uuid uint64) (f footer, need int, ok bool) {
	if len(b) < footerTail || int64(len(b)) > size {
		return f, 0, false
	}
	tail := b[len(b)-footerTail:]
	n := le.Uint32(tail[40:])
	if le.Uint32(tail[52:]) != footerMagic || le.Uint64(tail) != uuid || n > maxSections ||
		le.Uint32(tail[44:]) != footerVersion {
		return f, 0, false
	}
	whole := int(n)*sectionEntry + footerTail
	if whole > len(b) {
		return f, whole, int64(whole) <= size
	}
	directory := b[len(b)-whole:]
	if checksumOf(directory[:whole-8]) != le.Uint32(tail[48:]) {
		return f, 0, false
	}
	f = footer{
		uuid: uuid, base: le.Uint64(tail[8:]), last: le.Uint64(tail[16:]),
		start: int64(le.Uint64(tail[24:])), end: int64(le.Uint64(tail[32:])),
		sections: make([]section, n),
	}
	for i := range f.sections {
		e := directory[i*sectionEntry:]
		f.sections[i] = section{
			off: int64(le.Uint64(e)), length: int64(le.Uint64(e[8:])),
			crc: le.Uint32(e[16:]), id: le.Uint32(e[20:]),
		}
	}
	return f, whole, f.plausible(size - int64(whole))
}

// plausible guards the readers of a footer against any that a bug wrote.
func (f *footer) plausible(directory int64) bool {
	if f.base == 0 || f.last < f.base-1 || f.last > maxSeq ||
		f.start < headerSize || f.end < f.start || f.end > directory {
		return false
	}
	return !slices.ContainsFunc(f.sections, func(s section) bool {
		return s.off < f.end || s.length < 0 || s.off > directory || s.length > directory-s.off
	})
}

func (f *footer) section(id uint32) (section, bool) {
	i := slices.IndexFunc(f.sections, func(s section) bool { return s.id == id })
	if i < 0 {
		return section{}, false
	}
	return f.sections[i], true
}

func appendIndex(dst []byte, marks []mark) []byte {
	for _, m := range marks {
		dst = le.AppendUint64(dst, m.seq)
		dst = le.AppendUint64(dst, uint64(m.off))
	}
	return dst
}

// parseIndex returns the marks of a sparse index if they ascend within the footer's bounds.
func parseIndex(b []byte, f *footer) ([]mark, bool) {
	if len(b)%indexEntry != 0 {
		return nil, false
	}
	marks := make([]mark, 0, len(b)/indexEntry)
	seq, off := f.base-1, f.start-1
	for ; len(b) > 0; b = b[indexEntry:] {
		m := mark{le.Uint64(b), int64(le.Uint64(b[8:]))}
		if m.seq <= seq || m.seq > f.last || m.off <= off || m.off >= f.end || m.off%frameAlign != 0 {
			return nil, false
		}
		seq, off = m.seq, m.off
		marks = append(marks, m)
	}
	return marks, true
}
