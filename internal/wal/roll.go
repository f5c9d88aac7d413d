package wal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sluice/internal/vfs"
)

// roll ends the active segment and begins the next one, with room for a frame of
// the given size, before that frame is sequenced: a full disk is an error of
// this one call and leaves nothing half done. Called with mu held and returns
// with it; meanwhile nobody else sequences.
func (l *Log) roll(size int64) error {
	old := l.active
	if old != nil && !old.full {
		old.buildFooter(l.cfg.Indexers)
	}
	l.rolling = true
	seg := &segment{base: l.next, uuid: newUUID() &^ laterBase}
	made := l.ahead
	if l.ahead = nil; made != nil {
		seg.uuid = made.uuid
	}
	preamble := l.preamble(header{shard: l.cfg.Shard, uuid: seg.uuid, base: seg.base})
	// Somebody calls Prepare, which writes footers in their order.
	later := made != nil || len(l.ended) > 0
	neglected := len(l.ended) > mostEnded
	l.mu.Unlock()

	if neglected {
		l.catchUp()
	}
	err := l.begin(seg, old, preamble, size, made)

	l.mu.Lock()
	l.rolling = false
	l.changed.broadcast()
	if err != nil {
		return l.rollError(err)
	}
	switch {
	case old != nil && later:
		l.ended = append(l.ended, old)
	case old != nil:
		l.pending = append(l.pending, region{seg: old})
	}
	l.active = seg
	l.collectIn(nil)
	l.segments = append(l.segments, seg)
	l.tellDue()
	return nil
}

func (l *Log) rollError(err error) error {
	if vfs.IsNoSpace(err) {
		return fmt.Errorf("%w: %w: %w", ErrNoSegment, ErrNoSpace, err)
	}
	return fmt.Errorf("%w: %w", ErrNoSegment, err)
}

// snapshotShare bounds what of a log may be snapshots: a segment grows beyond
// SegmentBytes rather than be full of them, for then every frame would need a
// segment of its own.
const snapshotShare = 4

// begin does roll's I/O: space for the old segment's footer, then the new one's
// file, in the one that was made ahead if there is one.
func (l *Log) begin(seg, old *segment, preamble []byte, size int64, made *ahead) (err error) {
	start := int64(len(preamble))
	seg.start, seg.end, seg.durable, seg.last = start, start, start, seg.base-1
	seg.limit = max(l.cfg.SegmentBytes, start*snapshotShare, start+size)
	seg.marks = make([]mark, 0, seg.limit/indexEvery+1)
	if old != nil {
		err = old.file.Preallocate(old.end + int64(len(old.footer)))
	}
	switch {
	case err != nil && made != nil:
		made.close()
		l.recycle(made.name)
		return err
	case err != nil:
		return err
	case made != nil && seg.limit <= made.size:
		return l.beginAhead(seg, preamble, made)
	case made != nil: // too small
		made.close()
		l.recycle(made.name)
	}
	seg.name = segmentName(seg.base, seg.uuid)
	seg.file, seg.around, err = l.makeFile(seg.name, l.takeSpare(), func(file, _ vfs.File) error {
		if err := file.Preallocate(alignUp(seg.limit)); err != nil {
			return err
		}
		_, err := file.WriteAt(preamble, 0)
		return err
	})
	seg.writeAroundFrom(preamble)
	return err
}

// beginAhead begins a segment in a file that has its name and its space already.
func (l *Log) beginAhead(seg *segment, preamble []byte, made *ahead) error {
	if err := made.begin(preamble); err != nil {
		made.close()
		l.fs.Remove(l.path(made.name)) // or the next Open does: it is a segment without frames
		return err
	}
	seg.name, seg.file, seg.around = made.name, made.file, made.around
	seg.writeAroundFrom(preamble)
	return nil
}

// makeFile makes a file durable under a temporary or a spare name, as fill leaves
// it, and only then gives it its own. Where the file system can, it is open twice:
// frames are written around the page cache then.
func (l *Log) makeFile(name, spare string, fill func(file, around vfs.File) error) (file, around vfs.File, err error) {
	from, flag := name+tempSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC
	if spare != "" {
		from, flag = spare, os.O_RDWR
	}
	if file, err = l.fs.OpenFile(l.path(from), flag); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil { // what cannot be removed now is removed by the next Open
			file.Close()
			if around != nil {
				around.Close()
			}
			l.fs.Remove(l.path(from))
			file, around = nil, nil
		}
	}()
	if around, err = vfs.OpenDirect(l.fs, l.path(from)); err != nil {
		around = nil // for whatever reason: frames go through the page cache
	}
	if err = fill(file, around); err != nil {
		return file, around, err
	}
	if err = file.Sync(); err != nil {
		return file, around, err
	}
	if err = l.fs.Rename(l.path(from), l.path(name)); err != nil {
		return file, around, err
	}
	from = name
	return file, around, l.fs.SyncDir(l.cfg.Dir)
}

// writeAroundFrom readies a segment for frames that are written around the page
// cache, by whole blocks of the file.
func (s *segment) writeAroundFrom(preamble []byte) {
	if s.around != nil {
		s.direct = true
		s.preamble = bytes.Clone(preamble[alignDown(len(preamble)):])
	}
}

// preamble returns a segment's header and the snapshots of all folders, each
// twice, so that no single damaged byte costs a state.
func (l *Log) preamble(h header) []byte {
	b := appendHeader(nil, h)
	if h.base == 1 {
		return b // nothing was folded yet
	}
	var snapshot []byte
	for _, f := range l.cfg.Folders {
		snapshot = f.AppendSnapshot(snapshot[:0])
		for range 2 {
			b = appendFrame(b, stamp{uuid: h.uuid, seq: h.base}, typeSnapshot, uint64(f.ID()), snapshot)
		}
	}
	return b
}

func (l *Log) takeSpare() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.spares)
	if n == 0 {
		return ""
	}
	spare := l.spares[n-1]
	l.spares = l.spares[:n-1]
	return spare
}

func (l *Log) addSpare(spare string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spares = append(l.spares, spare)
}

// laterBase is the bit of the uuid of files that were made before their segment's
// base was known: the one in their name is not after it.
const laterBase = 1

func newUUID() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails
		if u := binary.LittleEndian.Uint64(b[:]); u > laterBase {
			return u
		}
	}
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
