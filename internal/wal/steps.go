package wal

import "sluice/internal/vfs"

// readStep is how much of a segment is asked of the disk at once. Whoever follows
// the log reads what was written long ago, and a commit that comes meanwhile has to
// wait for it: for a step or two, less than it takes itself.
const readStep = 512 << 10

// readSteps is readFull, step by step, the next one being read while one is copied;
// after is how much is wanted behind b.
func readSteps(f vfs.File, b []byte, off, after int64) (int, error) {
	n := 0
	for n < len(b) {
		step := b[n:min(n+readStep, len(b))]
		at := off + int64(n)
		next := at + int64(len(step))
		if ahead := min(off+int64(len(b))+after-next, readStep); ahead > 0 {
			vfs.Prefetch(f, next, ahead) // or it is read when it is asked for
		}
		got, err := readFull(f, step, at)
		if n += got; err != nil || got < len(step) {
			return n, err
		}
	}
	return n, nil
}
