package wal_test

import (
	"bytes"
	"runtime"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// TestBorrowedMemoryIsUsedAgain follows a log's end with readers that borrow,
// readers that keep everything, and reads of single frames. Under the race detector
// memory that was given back is overwritten, so that nobody reads on in it unseen.
func TestBorrowedMemoryIsUsedAgain(t *testing.T) {
	either(t, func(t *testing.T, on func(vfs.FS) vfs.FS) {
		const size, frames = 20_000, 300
		l := open(t, on(vfs.NewMem()), wal.Config{SegmentBytes: 1 << 20, BlockBytes: 100 << 10, TailBytes: 300 << 10})
		follow, err := l.NewReader(1)
		must(t, err)
		follow.Borrow()
		var m wal.Memory
		var held wal.Frame // in m
		var kept []wal.Frame
		check := func(f wal.Frame) {
			t.Helper()
			if !bytes.Equal(f.Payload, payload(int(f.Seq), size)) {
				t.Fatalf("frame %d was written over", f.Seq)
			}
		}
		for i := 1; i <= frames; i++ {
			seq, err := l.Append(ctx, wal.TypePut, 1, payload(i, size))
			must(t, err)
			if i%3 == 0 {
				for {
					b, ok, err := follow.TryNext()
					must(t, err)
					if !ok {
						break
					}
					for f := range b.All() {
						check(f)
					}
				}
			}
			if i%20 == 0 { // held over the next twenty
				if i > 20 {
					check(held)
				}
				held, err = l.ReadInto(&m, seq)
				must(t, err)
			}
			if i%50 == 0 {
				f, err := l.Read(seq - 1)
				must(t, err)
				kept = append(kept, f)
			}
			if i == 100 { // sees what is in memory, and keeps it
				r, err := l.NewReader(seq - 3)
				must(t, err)
				b, _, err := r.TryNext()
				must(t, err)
				for f := range b.All() {
					kept = append(kept, f)
				}
			}
		}
		for _, f := range kept {
			check(f)
		}
		must(t, follow.Seek(l.First())) // from disk, and gives back what it held
		b, _, err := follow.TryNext()
		must(t, err)
		for f := range b.All() {
			check(f)
		}
		must(t, l.Close())
		m.Release() // of a closed log
	})
}

// TestFollowedLogMakesNoGarbage: what is appended and borrowed takes the same
// memory over and over.
func TestFollowedLogMakesNoGarbage(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations are not those of the program under the race detector")
	}
	const size = 200_000
	l := open(t, vfs.OS, wal.Config{Dir: t.TempDir(), TailBytes: 2 << 20})
	r, err := l.NewReader(1)
	must(t, err)
	r.Borrow()
	text := payload(1, size)
	append1 := func() {
		_, err := l.Append(ctx, wal.TypePut, 1, text)
		must(t, err)
		_, _, err = r.TryNext()
		must(t, err)
	}
	for range 50 {
		append1()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 100
	for range rounds {
		append1()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / rounds; each > size/10 {
		t.Errorf("%d bytes of garbage for a frame of %d", each, size)
	}
	must(t, l.Close())
}
