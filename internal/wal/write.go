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

// write is the only place that adds to a segment. No lock is held: only the
// leader touches taken regions and the files of their segment.
func write(regions []region) error {
	seg := regions[0].seg
	if regions[0].chunk == nil {
		return seg.writeFooter()
	}
	if seg.around != nil {
		err := writeAround(seg.around, regions)
		if err == nil {
			return seg.around.Sync()
		}
		if !errors.Is(err, syscall.EINVAL) {
			return err
		}
		seg.giveUpDirect() // a file system that opens a file so and then will not write
	}
	for _, r := range regions {
		if _, err := seg.file.WriteAt(r.buf[r.from:r.to], r.chunk.off+int64(r.from)); err != nil {
			return err
		}
	}
	return seg.file.Sync()
}

// writeAround writes regions by whole blocks of the file. A block that begins
// before a region holds frames that are durable already: they are written again
// as they are, as the page cache would. The end of a block behind a region is
// zero on the disk, whatever the next frames in memory are: none may be written
// before this commit is synced.
func writeAround(file vfs.File, regions []region) error {
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
		if from == to {
			continue
		}
		if err := writeBlocks(file, r.buf, from, to, r.chunk.off); err != nil {
			return err
		}
	}
	return nil
}

// bounceBytes is up to what blocks are copied, rather than written in two pieces
// because the last one is not whole.
const bounceBytes = 64 << 10

var bounces = sync.Pool{New: func() any {
	b := vfs.DirectMemory(bounceBytes)
	return &b
}}

// writeBlocks writes buf[from:to] to where buf stands at off, with zeros up to
// the end of the block.
func writeBlocks(file vfs.File, buf []byte, from, to int, off int64) error {
	whole := alignDown(to)
	if whole < to && to-from <= bounceBytes {
		whole = from
	}
	if whole > from {
		if _, err := file.WriteAt(buf[from:whole], off+int64(from)); err != nil {
			return err
		}
	}
	if whole == to {
		return nil
	}
	bounce := bounces.Get().(*[]byte)
	defer bounces.Put(bounce)
	b := (*bounce)[:alignUp(to-whole)]
	clear(b[copy(b, buf[whole:to]):])
	_, err := file.WriteAt(b, off+int64(whole))
	return err
}
