package bench

import (
	"os"
	"syscall"
	"time"
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

// sleepUntil is exact to some 60 µs, where time.Sleep waits for whole milliseconds
// in a process that has nothing else to do. A load generator is not to be late.
func sleepUntil(t time.Time) {
	for left := time.Until(t); left > 0; left = time.Until(t) {
		ts := syscall.NsecToTimespec(int64(left))
		syscall.Nanosleep(&ts, nil) // a signal ends it early
	}
}
