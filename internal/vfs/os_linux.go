package vfs

import (
	"errors"
	"os"
	"syscall"
)

func (f osFile) Sync() error { return control(f.File, "fdatasync", syscall.Fdatasync) }

// allocate reserves the bytes from now to size and makes the file that long.
func allocate(f *os.File, now, size int64) error {
	err := control(f, "fallocate", func(fd int) error { return syscall.Fallocate(fd, 0, now, size-now) })
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return f.Truncate(size) // nfs, some fuse: no reservation to be had there
	}
	return err
}
