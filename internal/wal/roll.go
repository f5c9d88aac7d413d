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

// roll ends the active segment and makes the next one, with room for a frame of
// the given size, before that frame is sequenced: a full disk is an error of
// this one call and leaves nothing half done. Called with mu held and returns
// with it; meanwhile nobody else sequences.
func (l *Log) roll(size int64) error {
	old := l.active
	if old != nil && !old.full {
		old.buildFooter(l.cfg.Indexers)
	}
	l.rolling = true
	base := l.next
	uuid := newUUID()
	preamble := l.preamble(header{shard: l.cfg.Shard, uuid: uuid, base: base})
	spare := l.takeSpare()
	l.mu.Unlock()

	seg, err := l.prepare(old, base, uuid, preamble, size, spare)

	l.mu.Lock()
	l.rolling = false
	l.changed.broadcast()
	if err != nil {
		return l.rollError(err)
	}
	if old != nil {
		l.pending = append(l.pending, region{seg: old})
	}
	l.active = seg
	l.collectIn(nil)
	l.segments = append(l.segments, seg)
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

// prepare does roll's I/O: space for the old segment's footer, then the file.
func (l *Log) prepare(old *segment, base, uuid uint64, preamble []byte, size int64, spare string) (*segment, error) {
	if old != nil {
		if err := old.file.Preallocate(old.end + int64(len(old.footer))); err != nil {
			l.giveBack(spare)
			return nil, err
		}
	}
	start := int64(len(preamble))
	seg := &segment{
		name: segmentName(base, uuid), base: base, uuid: uuid, start: start,
		limit: max(l.cfg.SegmentBytes, start*snapshotShare, start+size), end: start, durable: start, last: base - 1,
	}
	seg.marks = make([]mark, 0, seg.limit/indexEvery+1)
	return seg, l.makeFile(seg, preamble, spare)
}

// makeFile makes the segment's file durable under a temporary or a spare name
// and only then gives it its own.
func (l *Log) makeFile(seg *segment, preamble []byte, spare string) (err error) {
	name, flag := seg.name+tempSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC
	if spare != "" {
		name, flag = spare, os.O_RDWR
	}
	f, err := l.fs.OpenFile(l.path(name), flag)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // what cannot be removed now is removed by the next Open
			f.Close()
			l.fs.Remove(l.path(name))
		}
	}()
	if err := f.Preallocate(alignUp(seg.limit)); err != nil {
		return err
	}
	if _, err := f.WriteAt(preamble, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := l.fs.Rename(l.path(name), l.path(seg.name)); err != nil {
		return err
	}
	name = seg.name
	if err := l.fs.SyncDir(l.cfg.Dir); err != nil {
		return err
	}
	seg.file = f
	l.openAround(seg, preamble)
	return nil
}

// openAround readies a segment for writing frames around the page cache. Where
// that cannot be, for whatever reason, frames go through it.
func (l *Log) openAround(seg *segment, preamble []byte) {
	around, err := vfs.OpenDirect(l.fs, l.path(seg.name))
	if err != nil {
		return
	}
	seg.around, seg.direct = around, true
	seg.preamble = bytes.Clone(preamble[alignDown(len(preamble)):])
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
	n := len(l.spares)
	if n == 0 {
		return ""
	}
	spare := l.spares[n-1]
	l.spares = l.spares[:n-1]
	return spare
}

func (l *Log) giveBack(spare string) {
	if spare == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spares = append(l.spares, spare)
}

func newUUID() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails
		if u := binary.LittleEndian.Uint64(b[:]); u != 0 {
			return u
		}
	}
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
