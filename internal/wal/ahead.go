package wal

import (
	"fmt"
	"sync"

	"sluice/internal/vfs"
)

// Prepare does what a change of segments would otherwise do while frames wait:
// it ends those that are full, and makes the file of the next one. Config.Due
// says when there is something to do. A log whose Prepare nobody calls does the
// same at each change. ErrClosed ends it.
func (l *Log) Prepare() error {
	l.preparing.Lock()
	defer l.preparing.Unlock()
	l.mu.Lock()
	l.asked = false
	l.mu.Unlock()
	if err := l.endSegments(); err != nil {
		return err
	}
	if err := l.makeAhead(); err != nil {
		return l.rollError(err)
	}
	return nil
}

// endSegments writes all footers that are due. preparing is held.
func (l *Log) endSegments() error {
	for {
		s, err := l.oldestEnded()
		if s == nil || err != nil {
			return err
		}
		if err := l.endSegment(s); err != nil {
			return fmt.Errorf("end log segment %s: %w", s.name, err)
		}
	}
}

// mostEnded is how many segments may wait for their footers before a change of
// segments writes them: somebody called Prepare, and does not any more.
const mostEnded = 4

// catchUp does what Prepare would have done long ago, if nobody is at it.
func (l *Log) catchUp() {
	if l.preparing.TryLock() {
		defer l.preparing.Unlock()
		l.endSegments() // an error ends writing, and all calls say so
	}
}

// oldestEnded returns the oldest segment whose frames are durable and whose footer
// is not. Footers become durable in their order: each proves those before it.
func (l *Log) oldestEnded() (*segment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.writable(); err != nil {
		return nil, err
	}
	if !l.endDue() {
		return nil, nil
	}
	return l.ended[0], nil
}

// endDue tells whether a footer is to be written. mu is held.
func (l *Log) endDue() bool { return len(l.ended) > 0 && l.ended[0].durable == l.ended[0].end }

// endSegment writes a footer. Nobody else touches the files of a segment whose
// frames are all durable.
func (l *Log) endSegment(s *segment) error {
	err := s.writeFooter()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		if l.err == nil {
			l.err = fmt.Errorf("%w: %w", ErrReadOnly, err)
		}
		l.changed.broadcast()
		return l.err
	}
	l.ended = l.ended[1:]
	l.letGo(s)
	return nil
}

// letGo ends what a segment needed for being written, as its footer is durable.
// mu is held.
func (l *Log) letGo(s *segment) {
	s.footerWritten()
	l.keepMarks(s)
	s.closeFiles() // synced and never written again: nothing to learn from it
}

// ahead is the file of a segment that is still to begin. Its first block is zero
// until then, and its name has a sequence that none of its frames will be before.
type ahead struct {
	name         string
	uuid         uint64
	size         int64
	file, around vfs.File // as a segment's
}

// aheadPart is the part of a segment, one in so many, after which the next one's
// file is made.
const aheadPart = 8

// aheadDue tells whether the next segment's file is to be made now. What stands
// before it has a frame, so that no two names have the same sequence. mu is held.
func (l *Log) aheadDue() bool {
	a := l.active
	return l.ahead == nil && a != nil && !l.rolling && !a.full && !a.alone && a.last >= a.base && a.end-a.start >= (a.limit-a.start)/aheadPart
}

// tellDue asks for a Prepare, and not again until it is called. mu is held.
func (l *Log) tellDue() {
	if l.cfg.Due != nil && !l.asked && (l.endDue() || l.aheadDue()) {
		l.asked = true
		l.cfg.Due()
	}
}

// makeAhead makes the next segment's file, if it is time for it.
func (l *Log) makeAhead() error {
	l.mu.Lock()
	before := l.active
	if l.writable() != nil || !l.aheadDue() {
		l.mu.Unlock()
		return nil
	}
	a := &ahead{uuid: newUUID() | laterBase, size: alignUp(l.cfg.SegmentBytes)}
	a.name = segmentName(l.next, a.uuid)
	l.mu.Unlock()

	var err error
	a.file, a.around, err = l.makeFile(a.name, l.takeSpare(), a.blank)

	l.mu.Lock()
	late := l.rolling || l.active != before // a segment begins whose name stands behind this one's
	switch {
	case err != nil:
		before.alone = true
	case !late:
		l.ahead = a
	}
	l.mu.Unlock()
	if err == nil && late {
		a.close()
		l.recycle(a.name)
	}
	return err
}

// blank makes a file as it must be before its segment begins. What was never
// written is: a commit there would otherwise have to tell the file system so, and
// wait for all else that it writes down at that moment.
func (a *ahead) blank(file, around vfs.File) error {
	written, err := file.Size()
	if err != nil {
		return err
	}
	if err := file.Preallocate(a.size); err != nil {
		return err
	}
	if around != nil {
		err := zero(around, alignDown(written), a.size)
		if err == nil || !refused(err) {
			return err
		}
	}
	return zero(file, alignDown(written), a.size)
}

// zero writes zeros over a file's first block and over all between from and to.
func zero(f vfs.File, from, to int64) error {
	b := zeros()
	if _, err := f.WriteAt(b[:directBlock], 0); err != nil {
		return err
	}
	for from = max(from, directBlock); from < to; from += int64(len(b)) {
		if _, err := f.WriteAt(b[:min(int64(len(b)), to-from)], from); err != nil {
			return err
		}
	}
	return nil
}

// zeros is what files are blanked with.
var zeros = sync.OnceValue(func() []byte { return vfs.DirectMemory(1 << 20) })

// begin writes what stands before a segment's frames into the file made for it.
// That is all that the frames have to wait for. What it leaves when it fails,
// recovery takes for an empty segment.
func (a *ahead) begin(preamble []byte) error {
	if a.around != nil {
		b := vfs.DirectMemory(alignUp(len(preamble)))
		copy(b, preamble)
		err := vfs.Commit(a.around, 0, b)
		if err == nil || !refused(err) {
			return err
		}
		a.around.Close() // nothing was written
		a.around = nil
	}
	if _, err := a.file.WriteAt(preamble, 0); err != nil {
		return err
	}
	return a.file.Sync()
}

// close lets go of the files.
func (a *ahead) close() {
	a.file.Close()
	if a.around != nil {
		a.around.Close()
	}
}

// dropAhead gives the next segment's file up: it becomes a spare, or goes. What
// cannot be done now the next Open does. preparing is held, mu is not.
func (l *Log) dropAhead() {
	l.mu.Lock()
	a := l.ahead
	l.ahead = nil
	l.mu.Unlock()
	if a != nil {
		a.close()
		l.recycle(a.name)
	}
}

// recycle makes a file without frames that count a spare, or removes it. A spare has
// its name for good before it is used: else a crash could give it back the old one,
// with another segment in it.
func (l *Log) recycle(name string) {
	l.mu.Lock()
	keep := len(l.spares) < l.cfg.Spares
	l.mu.Unlock()
	if !keep {
		l.fs.Remove(l.path(name))
		return
	}
	spare := spareName(name)
	if l.fs.Rename(l.path(name), l.path(spare)) == nil && l.fs.SyncDir(l.cfg.Dir) == nil {
		l.addSpare(spare)
	}
}
