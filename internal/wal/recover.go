package wal

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"sluice/internal/vfs"
)

// Open recovers the log in Config.Dir, or begins one. It starts no goroutine,
// holds no file until the first Enqueue, and takes no lock against other
// processes: the data folder has one.
//
// Segments with a footer are opened by header and footer alone. What has no
// footer (after a crash the last segment, and those before it that Prepare had
// not ended yet) is read, cut at its torn end, and sealed: new frames always go
// to a new segment.
func Open(fsys vfs.FS, cfg Config) (*Log, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	l := &Log{fs: fsys, cfg: cfg, next: 1, reported: map[damageKey]bool{}}
	if err := l.recover(); err != nil {
		return nil, fmt.Errorf("open log %s: %w", cfg.Dir, err)
	}
	return l, nil
}

func (l *Log) recover() error {
	if err := l.makeDir(); err != nil {
		return err
	}
	if err := l.list(); err != nil {
		return err
	}
	if err := l.recoverSegments(); err != nil {
		return err
	}
	// A Trim of the process before may have removed a name without syncing it.
	if err := l.fs.SyncDir(l.cfg.Dir); err != nil {
		return err
	}
	if n := len(l.segments); n > 0 {
		last := l.segments[n-1]
		l.next = max(last.last+1, last.base)
	}
	l.durable = l.next - 1
	return l.restore()
}

// list reads the folder: segments, spares, and rests of interrupted work.
func (l *Log) list() error {
	entries, err := l.fs.ReadDir(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		base, uuid, ok := parseSegmentName(name)
		switch {
		case ok:
			l.segments = append(l.segments, &segment{name: name, base: base, uuid: uuid, full: true})
		case strings.HasSuffix(name, spareSuffix) && len(l.spares) < l.cfg.Spares:
			l.spares = append(l.spares, name)
		case strings.HasSuffix(name, spareSuffix), strings.HasSuffix(name, tempSuffix):
			if err := l.fs.Remove(l.path(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func cmp(a, b uint64) int {
	if a < b {
		return -1
	}
	return 1
}

// recoverSegments opens the segments from the newest to the oldest, then seals
// those without a footer from the oldest to the newest, so that at any moment a
// footer proves those before it.
func (l *Log) recoverSegments() error {
	if err := l.identify(); err != nil {
		return err
	}
	var after proof
	kept := 0
	for i, s := range slices.Backward(l.segments) {
		// An empty segment was made before a crash and nothing in it was ever
		// durable. But the sole rest of a trimmed log held a durable frame: it
		// is damaged, and its snapshot and its base are still good.
		sole := kept == 0 && i == 0 && s.base > 1
		if err := l.recoverSegment(s, after, sole); err != nil {
			return fmt.Errorf("segment %s: %w", s.name, err)
		}
		if s.last < s.base && !sole {
			if err := l.fs.Remove(l.path(s.name)); err != nil {
				return err
			}
			l.segments = slices.Delete(l.segments, i, i+1)
			continue
		}
		if after.floor > 0 && s.last > after.floor {
			return &CorruptError{Damage{Segment: s.name, FirstSeq: after.floor + 1, LastSeq: s.last, Reason: "overlapping segments"}}
		}
		after = after.with(s)
		kept++
	}
	for _, s := range l.segments {
		if s.sealed {
			continue
		}
		if err := l.rebuild(s); err != nil {
			return fmt.Errorf("segment %s: %w", s.name, err)
		}
	}
	l.reportGaps()
	return nil
}

// proof is what later segments say about those before them.
type proof struct {
	floor  uint64 // the last sequence that was durable before the crash; 0: nothing is known
	footer bool   // and their footers, too
}

func (p proof) with(s *segment) proof { return proof{s.base - 1, p.footer || s.sealed} }

// reportGaps reports segments that are gone.
func (l *Log) reportGaps() {
	for i, s := range l.segments {
		if i > 0 && s.base > l.segments[i-1].last+1 {
			l.report(Damage{Segment: s.name, FirstSeq: l.segments[i-1].last + 1, LastSeq: s.base - 1, Reason: "missing segment"})
		}
	}
}

// recoverSegment opens one segment, or finds out what in it counts.
func (l *Log) recoverSegment(s *segment, after proof, keep bool) error {
	f, err := l.fs.OpenFile(l.path(s.name), os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close() // what was written is synced
	size, err := f.Size()
	if err != nil {
		return err
	}
	switch s.id {
	case unreadable:
		l.report(Damage{Segment: s.name, Length: headerSize, FirstSeq: 1, Reason: "header"})
	case foreign:
		return fmt.Errorf("it is not of shard %d: %w", l.cfg.Shard,
			&CorruptError{Damage{Segment: s.name, Length: headerSize, FirstSeq: 1, Reason: "header of another segment"}})
	}
	ok, err := s.openByFooter(f, size)
	if ok && !after.footer { // a crash may have torn this footer, or left it in the page cache only
		if ok, err = s.sectionsWhole(f); ok {
			err = f.Sync()
		}
	}
	if err != nil {
		return err
	}
	if ok {
		l.reportHeadless(s)
		return nil
	}
	s.sections, s.sealed = nil, false
	sc := &scanner{file: f, uuid: s.uuid, off: headerSize, limit: size}
	v, err := surveySegment(sc, s.base, ceiling(after.floor), func(parsed, int64) {})
	if err != nil {
		return err
	}
	end, last, holes := v.cut(after.floor)
	s.start, s.end, s.durable, s.last = v.start, end, end, last
	if last < s.base && !keep {
		return nil
	}
	l.reportHeadless(s)
	// An Open that found the disk full cut it to its frames.
	if after.footer && size != end {
		l.report(Damage{Segment: s.name, Offset: end, Length: size - end, FirstSeq: 1, Reason: "footer"})
	}
	for _, h := range holes {
		l.report(Damage{Segment: s.name, Offset: h.off, Length: h.length, FirstSeq: h.first, LastSeq: h.last, Reason: "frames"})
	}
	s.proven = max(v.durable, after.floor)
	return nil
}

// reportHeadless reports a header that was lost. Of a segment without frames that
// is a crash's doing.
func (l *Log) reportHeadless(s *segment) {
	if s.id == headless {
		l.report(Damage{Segment: s.name, Length: headerSize, FirstSeq: 1, Reason: "header"})
	}
}

// identify finds out where each segment begins, and removes files that none began in.
func (l *Log) identify() error {
	begun, blank, err := identifyAll(l.segments, l.cfg.Shard, func(name string) (vfs.File, error) { return vfs.Open(l.fs, l.path(name)) })
	if err != nil {
		return err
	}
	l.segments = begun
	for _, s := range blank {
		if err := l.fs.Remove(l.path(s.name)); err != nil {
			return err
		}
	}
	return nil
}

// ceiling is the highest sequence that a segment can hold when later ones prove
// floor.
func ceiling(floor uint64) uint64 {
	if floor == 0 {
		return math.MaxUint64 - 1
	}
	return floor
}

// openByFooter reads no frame. A footer was written after the frames before it
// were durable, so it vouches for all of them.
func (s *segment) openByFooter(file vfs.File, size int64) (ok bool, err error) {
	f, ok, err := s.readFooter(file, size)
	if !ok || err != nil || f.base != s.base {
		return false, err
	}
	s.start, s.end, s.durable, s.last = f.start, f.end, f.end, f.last
	s.sections, s.sealed = f.sections, true
	return true, nil
}

// readFooter reads a footer without its sections.
func (s *segment) readFooter(file vfs.File, size int64) (f footer, ok bool, err error) {
	for want := int64(1 << 10); ; {
		b := make([]byte, min(want, size))
		n, err := readFull(file, b, size-int64(len(b)))
		if err != nil || n < len(b) {
			return f, false, err
		}
		f, need, ok := parseFooter(b, size, s.uuid)
		if ok && need > len(b) {
			want = int64(need)
			continue
		}
		return f, ok, nil
	}
}

// sectionsWhole reads all of a footer.
func (s *segment) sectionsWhole(f vfs.File) (bool, error) {
	for _, sec := range s.sections {
		b := make([]byte, sec.length)
		if n, err := readFull(f, b, sec.off); err != nil || n < len(b) || checksumOf(b) != sec.crc {
			return false, err
		}
	}
	return true, nil
}

// rebuild cuts a segment without a footer where the frames that count end, and
// seals it.
func (l *Log) rebuild(s *segment) error {
	f, err := l.fs.OpenFile(l.path(s.name), os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close() // what was written is synced
	s.marks = make([]mark, 0, (s.end-s.start)/indexEvery+1)
	sc := &scanner{file: f, uuid: s.uuid, off: headerSize, limit: s.end}
	unproven := s.end
	_, err = surveySegment(sc, s.base, s.last, func(p parsed, off int64) {
		s.note(p.Seq, off)
		for _, ix := range l.cfg.Indexers {
			ix.Index(p.Frame, off)
		}
		if p.Seq > s.proven {
			unproven = min(unproven, off)
		}
	})
	if err != nil {
		return err
	}
	s.buildFooter(l.cfg.Indexers)
	return s.sealRecovered(f, unproven)
}

// sealRecovered makes durable what recovery counts as durable, then the footer.
func (s *segment) sealRecovered(f vfs.File, unproven int64) error {
	if err := rewrite(f, unproven, s.end); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	s.file = f
	err := f.Preallocate(s.end + int64(len(s.footer)))
	if err == nil {
		err = s.writeFooter()
	}
	s.file, s.sealed = nil, true
	switch {
	case vfs.IsNoSpace(err): // a full disk must not keep the log from opening
		return errors.Join(f.Truncate(s.end), f.Sync())
	case err != nil:
		return err
	}
	s.footerWritten()
	return nil
}

// rewrite writes bytes of a file again as they are. After a sync that failed
// they may be in the page cache only, and held for clean there.
func rewrite(f vfs.File, from, to int64) error {
	b := make([]byte, min(to-from, scanWindow))
	for from < to {
		b = b[:min(to-from, int64(len(b)))]
		n, err := readFull(f, b, from)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(b[:n], from); err != nil {
			return err
		}
		from += int64(n)
		if n == 0 {
			return fmt.Errorf("log segment ends at %d", from)
		}
	}
	return nil
}

// restore brings the folders to the end of the log: for each its newest whole
// snapshot, then every frame after it.
func (l *Log) restore() error {
	if len(l.cfg.Folders) == 0 || len(l.segments) == 0 {
		return nil
	}
	from := make([]uint64, len(l.cfg.Folders)) // first sequence to fold; 0: no snapshot yet
	for _, s := range slices.Backward(l.segments) {
		if err := l.restoreFrom(s, from); err != nil {
			return err
		}
		if !slices.Contains(from, 0) {
			break
		}
	}
	for i := range from {
		from[i] = max(from[i], l.segments[0].base)
	}
	r, err := l.NewReader(slices.Min(from))
	if err != nil {
		return err
	}
	for {
		b, ok, err := r.TryNext()
		if err != nil || !ok {
			return err
		}
		for f := range b.All() {
			for i, folder := range l.cfg.Folders {
				if f.Seq >= from[i] {
					folder.Fold(f)
				}
			}
		}
	}
}

// restoreFrom restores the folders that still have no state from the snapshots
// of one segment.
func (l *Log) restoreFrom(s *segment, from []uint64) error {
	f, err := vfs.Open(l.fs, l.path(s.name))
	if err != nil {
		return err
	}
	defer f.Close() // only read
	sc := &scanner{file: f, uuid: s.uuid, off: headerSize, limit: s.start}
	for sc.off < sc.limit {
		p, off, err := sc.next()
		if err == errNoFrame {
			l.report(Damage{Segment: s.name, Offset: off, Length: s.start - off, FirstSeq: 1, Reason: "snapshot"})
			err = sc.resync(func(p parsed) bool { return p.Type == typeSnapshot })
			if err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		i := slices.IndexFunc(l.cfg.Folders, func(folder Folder) bool { return uint64(folder.ID()) == p.Key })
		if p.Type != typeSnapshot || i < 0 || from[i] > 0 {
			continue
		}
		if err := l.cfg.Folders[i].Restore(p.Payload); err != nil {
			return fmt.Errorf("restore state %d from segment %s: %w", p.Key, s.name, err)
		}
		from[i] = s.base
	}
	return nil
}
