package vfs

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// Sync: os.File.Sync issues F_FULLFSYNC here; a plain fsync would leave the
// bytes in the drive's cache.
func (f osFile) Sync() error { return f.File.Sync() }

// fstore is struct fstore of <sys/fcntl.h>.
type fstore struct {
	flags, posmode uint32
	offset, length int64
	bytesalloc     int64
}

const (
	allocateAll = 4 // F_ALLOCATEALL: all of it or nothing
	peofPosMode = 3 // F_PEOFPOSMODE: counted from the physical end of the file
)

// allocate reserves the bytes from now to size and makes the file that long.
func allocate(f *os.File, now, size int64) error {
	st := fstore{flags: allocateAll, posmode: peofPosMode, length: size - now}
	err := control(f, "preallocate", func(fd int) error {
		_, _, e := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_PREALLOCATE, uintptr(unsafe.Pointer(&st)))
		if e != 0 {
			return e
		}
		return nil
	})
	if err != nil && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return f.Truncate(size)
}
