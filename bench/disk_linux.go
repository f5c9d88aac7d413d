package bench

import (
	"os"
	"syscall"
)

// syncContent is fdatasync.
func syncContent(f *os.File) error {
	var err error
	raw, rawErr := f.SyscallConn()
	if rawErr != nil {
		return rawErr
	}
	if rawErr := raw.Control(func(fd uintptr) { err = syscall.Fdatasync(int(fd)) }); rawErr != nil {
		return rawErr
	}
	return err
}
