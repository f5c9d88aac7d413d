package embedded

import "sluice/internal/wal"

// Wants tells whether a frame holds something, for any key, that no commit
// covers yet: it must outlive its segment of the log.
func (x *Index) Wants(f wal.Frame) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	wanted := false
	held(f, func(key uint64, _ entry) {
		k := x.keys[key]
		wanted = wanted || k != nil && f.Seq >= k.committed
	})
	return wanted
}
