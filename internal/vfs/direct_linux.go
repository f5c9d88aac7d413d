package vfs

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

func (osFS) OpenDirect(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_DIRECT, 0)
	if err != nil {
		return nil, err
	}
	return directFile{osFile{f}}, nil
}

type directFile struct{ osFile }

// Commit is pwritev2 with RWF_DSYNC.
func (f directFile) Commit(off int64, pieces ...[]byte) error {
	var room [8]syscall.Iovec
	vector, size := room[:0], 0
	for _, p := range pieces {
		v := syscall.Iovec{Base: unsafe.SliceData(p)}
		v.SetLen(len(p))
		vector, size = append(vector, v), size+len(p)
	}
	n := 0
	err := control(f.File, "pwritev2", func(fd int) (err error) {
		n, err = pwritev2(fd, vector, off)
		return err
	})
	runtime.KeepAlive(pieces)
	switch {
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
		return writeAndSync(f, off, pieces) // an old system, or some other file system
	case err != nil:
		return err
	case n < size: // the disk became full, or something else that the rest will tell
		return f.rest(off, pieces, n)
	}
	return nil
}

// rest writes what is missing after n bytes, and syncs it all.
func (f directFile) rest(off int64, pieces [][]byte, n int) error {
	if n == 0 {
		return io.ErrShortWrite
	}
	for len(pieces) > 0 && n >= len(pieces[0]) {
		n, off, pieces = n-len(pieces[0]), off+int64(len(pieces[0])), pieces[1:]
	}
	// A piece is written again from its start: the rest of it need not begin on a
	// block.
	return writeAndSync(f, off, pieces)
}

// dsync is RWF_DSYNC.
const dsync = 2

// pwritev2 has no name in package syscall.
func pwritev2(fd int, vector []syscall.Iovec, off int64) (n int, err error) {
	var number uintptr
	switch runtime.GOARCH {
	case "amd64":
		number = 328
	case "arm64":
		number = 287
	default:
		return 0, syscall.ENOSYS
	}
	r, _, failed := syscall.Syscall6(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(vector))), uintptr(len(vector)), uintptr(off), 0, dsync)
	if failed != 0 {
		return 0, failed
	}
	return int(r), nil
}
