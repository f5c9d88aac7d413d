package wal

import (
	"errors"
	"sync"
	"syscall"

	"sluice/internal/vfs"
)

// directBlock is what writes around the page cache are aligned to.
const directBlock = vfs.DirectBlock

func alignDown[T int | int64](n T) T { return n &^ (directBlock - 1) }
func alignUp[T int | int64](n T) T   { return alignDown(n + directBlock - 1) }

// write adds frames to a segment. No lock is held: only the leader touches taken
// regions and, while there are any, the files of their segment.
func write(regions []region) error {
	seg := regions[0].seg
	if regions[0].chunk == nil {
		return seg.writeFooter()
	}
	if seg.around != nil {
		err := seg.writeAround(regions)
		if !refused(err) {
			return err
		}
		seg.giveUpDirect()
	}
	for _, r := range regions {
		if _, err := seg.file.WriteAt(r.buf[r.from:r.to], r.chunk.off+int64(r.from)); err != nil {
			return err
		}
	}
	return seg.file.Sync()
}

// refused tells of a file system that opens a file for direct writes and then does
// not do them.
func refused(err error) bool { return errors.Is(err, syscall.EINVAL) }

// writeAround writes regions by whole blocks of the file and syncs them. A block
// that begins before a region holds frames that are durable already: they are
// written again as they are, as the page cache would. The end of a block behind a
// region is zero on the disk, whatever the next frames in memory are: none may be
// written before this commit is synced.
func (s *segment) writeAround(regions []region) error {
	s.pieces = s.pieces[:0]
	defer func() { clear(s.pieces) }() // let the GC have them
	bounce := bounces.Get().(*[]byte)
	defer bounces.Put(bounce)
	for i, r := range regions {
		from, to := alignDown(r.from), r.to
		switch {
		case i+1 < len(regions):
			to = alignDown(to) // the rest is in the lead of the next chunk
		case r.alone:
			to = alignUp(to)
			clear(r.buf[len(r.buf):to])
			r.buf = r.buf[:to]
		}
		whole := alignDown(to)
		if from < whole {
			s.pieces = append(s.pieces, r.buf[from:whole])
		}
		if whole < to { // frames are appended to the rest of that block meanwhile
			clear((*bounce)[copy(*bounce, r.buf[whole:to]):])
			s.pieces = append(s.pieces, *bounce)
		}
	}
	first := regions[0]
	return vfs.Commit(s.around, first.chunk.off+int64(alignDown(first.from)), s.pieces...)
}

// bounces are a block each, in which the last one of a commit is completed.
var bounces = sync.Pool{New: func() any {
	b := vfs.DirectMemory(directBlock)
	return &b
}}
