package wal

import (
	"errors"
	"path/filepath"
	"slices"
	"sort"

	"sluice/internal/vfs"
)

// segment is one file of the log. The log's lock guards it, except for the
// fields that never change once set.
type segment struct {
	name  string // file name within Config.Dir; fixed, as are base, uuid and start
	base  uint64 // sequence of the first frame
	uuid  uint64
	start int64 // where the first frame stands, behind header and snapshots

	file     vfs.File // open from the making until the footer is durable
	around   vfs.File // the same for frames, around the page cache; nil: they go by file
	direct   bool     // around was there: chunks begin on blocks of the file. Fixed
	pieces   [][]byte // scratch of whoever writes around
	preamble []byte   // the end of what stands before start, for the first chunk
	limit    int64    // frames must end before it
	end      int64    // where the next frame goes; of a sealed one where frames end
	last     uint64   // last sequenced frame, base-1 if none
	durable  int64    // frames before it can be read
	full     bool     // takes no more frames
	sealed   bool     // its footer is on disk, or never will be
	alone    bool     // no file could be made ahead for the one after it
	proven   uint64   // of one without a footer at Open: the last sequence that was durable for sure
	id       identity // what the file began with at Open

	followed followed // by readers behind the tail cache

	marks    []mark     // sparse index; of a sealed one nil until it is used
	sections []section  // what the footer on disk holds
	footer   []byte     // not yet on disk; stands at end
	parts    []contents // the sections of footer
}

// place is where to begin reading: a frame of sequence seq stands at off.
type place = mark

// note remembers a frame in the sparse index if the last entry is far enough away.
func (s *segment) note(seq uint64, off int64) {
	if n := len(s.marks); n == 0 || off-s.marks[n-1].off >= indexEvery {
		s.marks = append(s.marks, mark{seq, off})
	}
}

// search returns the last mark at or before seq.
func search(marks []mark, seq uint64, otherwise mark) mark {
	i := following(marks, seq)
	if i == 0 {
		return otherwise
	}
	return marks[i-1]
}

// following is the index of the first mark after seq.
func following(marks []mark, seq uint64) int {
	return sort.Search(len(marks), func(i int) bool { return marks[i].seq > seq })
}

// describe returns the footer's fields.
func (s *segment) describe() footer {
	return footer{uuid: s.uuid, base: s.base, last: s.last, start: s.start, end: s.end, sections: s.sections}
}

// buildFooter ends the segment: the indexers hand over what they gathered.
func (s *segment) buildFooter(indexers []Indexer) {
	s.parts = append(s.parts, contents{indexSection, appendIndex(nil, s.marks)})
	for _, ix := range indexers {
		s.parts = append(s.parts, contents{uint32(ix.ID()), ix.AppendSegmentIndex(nil)})
	}
	s.footer = appendFooter(nil, s.describe(), s.end, s.parts)
	s.full = true
}

// closeFiles lets go of the files. Whatever counts was synced.
func (s *segment) closeFiles() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.around != nil {
		err = errors.Join(err, s.around.Close())
	}
	s.file, s.around = nil, nil
	return err
}

// giveUpDirect goes on without what the file system cannot do. Only a leader may
// call it.
func (s *segment) giveUpDirect() {
	s.around.Close() // nothing was written
	s.around = nil
}

// writeFooter puts the footer where the frames end, which is where the file
// ends then, and makes it durable.
func (s *segment) writeFooter() error {
	if _, err := s.file.WriteAt(s.footer, s.end); err != nil {
		return err
	}
	if err := s.file.Truncate(s.end + int64(len(s.footer))); err != nil {
		return err
	}
	return s.file.Sync()
}

// footerWritten replaces the footer in memory by where it stands on disk.
func (s *segment) footerWritten() {
	off := s.end
	for _, p := range s.parts {
		sec := section{id: p.id, off: off, length: int64(len(p.bytes))}
		sec.crc = checksumOf(p.bytes)
		s.sections = append(s.sections, sec)
		off += sec.length
	}
	s.footer, s.parts, s.sealed = nil, nil, true
}

// worthKeeping tells whether a trimmed segment's blocks serve the next segment.
func (s *segment) worthKeeping(size int64) bool { return s.end >= size/2 && s.end <= 2*size }

// SegmentStat describes a segment.
type SegmentStat struct {
	First, Last uint64 // its sequences; Last < First: it holds no frame
	Bytes       int64  // what its frames and its header take
	Sealed      bool   // it takes no more frames and Section answers
}

// Segments returns the segments, oldest first.
func (l *Log) Segments() []SegmentStat {
	l.mu.Lock()
	defer l.mu.Unlock()
	stats := make([]SegmentStat, 0, len(l.segments))
	for _, s := range l.segments {
		if s.base < l.trimmed {
			continue
		}
		stats = append(stats, SegmentStat{First: s.base, Last: s.last, Bytes: s.end, Sealed: s.full})
	}
	return stats
}

// Section returns what an indexer wrote about the sealed segment that begins
// with sequence first. After a *CorruptError the caller can make it again with
// a Reader over the segment.
func (l *Log) Section(first uint64, indexer uint8) ([]byte, error) {
	l.mu.Lock()
	s := l.segmentOf(first)
	switch {
	case l.closed:
		l.mu.Unlock()
		return nil, ErrClosed
	case first < l.firstLocked():
		l.mu.Unlock()
		return nil, ErrTrimmed
	case s == nil || s.base != first:
		l.mu.Unlock()
		return nil, ErrBeyond
	case !s.full:
		l.mu.Unlock()
		return nil, ErrNotSealed
	case s.parts != nil:
		defer l.mu.Unlock()
		i := slices.IndexFunc(s.parts, func(p contents) bool { return p.id == uint32(indexer) })
		if i < 0 {
			return nil, ErrNoSection
		}
		return slices.Clone(s.parts[i].bytes), nil
	}
	f := s.describe()
	l.mu.Unlock()
	sec, ok := f.section(uint32(indexer))
	if !ok {
		return nil, ErrNoSection
	}
	b, err := l.readSection(s.name, sec)
	if err != nil && l.First() > first {
		return nil, ErrTrimmed
	}
	var damage *CorruptError
	if errors.As(err, &damage) {
		l.report(damage.Damage)
	}
	return b, err
}

func (l *Log) readSection(name string, sec section) ([]byte, error) {
	f, err := vfs.Open(l.fs, l.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	b := make([]byte, sec.length)
	n, err := readFull(f, b, sec.off)
	if err != nil {
		return nil, err
	}
	if n < len(b) || checksumOf(b) != sec.crc {
		return nil, &CorruptError{Damage{Segment: name, Offset: sec.off, Length: sec.length, FirstSeq: 1, Reason: "footer"}}
	}
	return b, nil
}

// segmentOf returns the segment whose range holds seq, or the one before a gap;
// nil when seq lies before all. mu is held.
func (l *Log) segmentOf(seq uint64) *segment {
	i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].base > seq })
	if i == 0 {
		return nil
	}
	return l.segments[i-1]
}

func (l *Log) path(name string) string { return filepath.Join(l.cfg.Dir, name) }
