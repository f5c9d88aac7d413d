package vfs

import (
	"errors"
	"unsafe"
)

// DirectFS is a file system that can write and read around the machine's page
// cache. That saves the processor a copy and the machine a page for each page,
// and makes the disk's pace the caller's.
type DirectFS interface {
	// OpenDirect opens an existing file for ReadAt, WriteAt and Sync alone. Offset,
	// length and memory of each must be multiples of DirectBlock; the memory must
	// not change during a WriteAt. What is written can be read through any other
	// File at once, and is durable with a Sync of any.
	OpenDirect(name string) (File, error)
}

// DirectBlock is what direct reads and writes are aligned to: the largest sector
// of disks in use.
const DirectBlock = 4096

// OpenDirect opens a file of a DirectFS; errors.ErrUnsupported of any other.
// That it succeeds does not mean that reads and writes will: some file systems
// refuse them, with EINVAL.
func OpenDirect(fsys FS, name string) (File, error) {
	if d, ok := fsys.(DirectFS); ok {
		return d.OpenDirect(name)
	}
	return nil, errors.ErrUnsupported
}

// Committer is a File of OpenDirect that can write and sync in one system call,
// which stops the caller's thread once in place of twice.
type Committer interface {
	// Commit writes pieces one behind the other from off on and makes them durable,
	// but not what was written by WriteAt before. Each is as WriteAt wants it.
	Commit(off int64, pieces ...[]byte) error
}

// Commit does what a Committer does by a File of OpenDirect, whether it is one or
// not.
func Commit(f File, off int64, pieces ...[]byte) error {
	if c, ok := f.(Committer); ok {
		return c.Commit(off, pieces...)
	}
	return writeAndSync(f, off, pieces)
}

func writeAndSync(f File, off int64, pieces [][]byte) error {
	for _, p := range pieces {
		if _, err := f.WriteAt(p, off); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return f.Sync()
}

// DirectMemory returns n bytes of memory that direct reads and writes may begin in.
func DirectMemory(n int) []byte {
	b := make([]byte, n) // a large one begins on a page
	if misaligned(b) == 0 {
		return b
	}
	b = make([]byte, n+DirectBlock)
	from := DirectBlock - misaligned(b)
	return b[from : from+n : from+n]
}

// misaligned is how far the memory's start is beyond a multiple of DirectBlock.
// The address is only looked at: heap memory does not move.
func misaligned(b []byte) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % DirectBlock)
}
