package cores

import "syscall"

// haveNiceness says that a thread can have a priority of its own.
const haveNiceness = true

// steps are how much nicer background work is than the rest of the process: a
// third of the weight, and whoever wakes up runs at once. More would let it starve
// where the rest takes all there is.
const steps = 5

// giveWay lowers the calling thread's priority. There is no way back.
func giveWay() error {
	tid := syscall.Gettid()
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, tid)
	if err != nil {
		return err
	}
	nice := 20 - raw // as the system call has it
	return syscall.Setpriority(syscall.PRIO_PROCESS, tid, min(nice+steps, 19))
}
