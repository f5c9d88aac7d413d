package vfs

import "syscall"

// What posix_fadvise takes.
const (
	adviceRandom   = 1
	adviceWillNeed = 3
)

func (f osFile) ReadExactly() error { return f.advise(0, 0, adviceRandom) }

func (f osFile) Prefetch(off, n int64) error { return f.advise(off, n, adviceWillNeed) }

// advise is posix_fadvise; 0 bytes are all.
func (f osFile) advise(off, n int64, advice uintptr) error {
	return control(f.File, "fadvise", func(fd int) error {
		_, _, failed := syscall.Syscall6(syscall.SYS_FADVISE64, uintptr(fd), uintptr(off), uintptr(n), advice, 0, 0)
		if failed != 0 {
			return failed
		}
		return nil
	})
}
