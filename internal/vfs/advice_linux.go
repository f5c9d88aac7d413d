package vfs

import (
	"errors"
	"runtime"
	"syscall"
)

// What posix_fadvise takes.
const (
	adviceRandom   = 1
	adviceWillNeed = 3
)

func (f osFile) ReadExactly() error { return f.advise(0, 0, adviceRandom) }

// prefetchPiece is asked for at once: a system reads no more than the disk takes in
// one request, however much it is asked for, and says nothing of the rest.
const prefetchPiece = 256 << 10

func (f osFile) Prefetch(off, n int64) error {
	for n > 0 {
		piece := min(n, prefetchPiece)
		if err := f.advise(off, piece, adviceWillNeed); err != nil {
			return err
		}
		off, n = off+piece, n-piece
	}
	return nil
}

// advise is posix_fadvise; 0 bytes are all.
func (f osFile) advise(off, n int64, advice uintptr) error {
	var number uintptr
	switch runtime.GOARCH {
	case "amd64":
		number = 221
	case "arm64":
		number = 223
	default: // of 32 bits, and then two words an offset
		return errors.ErrUnsupported
	}
	return control(f.File, "fadvise", func(fd int) error {
		_, _, failed := syscall.Syscall6(number, uintptr(fd), uintptr(off), uintptr(n), advice, 0, 0)
		if failed != 0 {
			return failed
		}
		return nil
	})
}
