package filter_test

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// A frame that the log vouches for and that no version here can read must not
// end the dispatcher, now and at every start.
func TestDispatcherPassesOverABatchThatDoesNotDecode(t *testing.T) {
	defs := &definitions{}
	defs.set(version(1, 10, 100, "ERROR", 0))
	b := start(t, vfs.NewMem(), defs)
	b.put(10, "ERROR before")
	if _, err := b.log.Append(t.Context(), wal.TypeBatch, 10, []byte("of another version")); err != nil {
		t.Fatal(err)
	}
	b.put(10, "ERROR after")
	for len(b.delivered()[100]) < 2 {
		b.await(1)
	}
	want(t, b.delivered()[100], "ERROR before", "ERROR after")
}

// Descriptors that run out, when the dispatcher needs the next segment or reads
// an old one: it goes on when there are some again.
func TestDispatcherSurvivesAFileSystemThatFailsForAWhile(t *testing.T) {
	f := func(kind vfs.OpKind) {
		t.Helper()
		defs := &definitions{}
		mem := vfs.NewMem()
		cfg := wal.Config{SegmentBytes: 64 << 10, TailBytes: 1, BlockBytes: 8 << 10}
		b := startOn(t, mem, 0, defs, cfg)
		for range 5 {
			b.put(10, "ERROR "+strings.Repeat("e", 10<<10), strings.Repeat("i", 30<<10))
		}
		b.stop()
		defs.set(version(1, 10, 100, "ERROR", 0), version(2, 10, 101, "ERROR", 0))
		var failing atomic.Int64 // operations still to fail
		fsys := vfs.Fault(mem.CrashClone(vfs.CrashOptions{}), func(op vfs.Op) error {
			if op.Kind == kind && strings.HasPrefix(op.Name, "/wal/") && failing.Add(-1) >= 0 {
				return syscall.EMFILE
			}
			return nil
		})
		b = startFS(t, fsys, 0, defs, cfg, func() { failing.Store(1) })
		for b.await(1); len(b.delivered()[101]) < 5; {
			b.await(1)
		}
	}
	f(vfs.OpCreate)
	f(vfs.OpOpen)
}
