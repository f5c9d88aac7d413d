package wal_test

import (
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// What the disk is asked for at once, and at most ahead of that.
const mostRead, mostAhead = 512 << 10, 512<<10 + 64<<10

// advised makes any file system one whose files can be told how they are read, and
// notes what they are asked for.
type advised struct {
	vfs.FS
	asked *asked
}

type asked struct {
	most       int64 // bytes at once
	ahead      int64 // and at once ahead of that
	prefetched int64 // bytes in all
	beyond     int64 // the greatest end of what was prefetched
	exactly    int   // how often it was told to read no more
}

func (a advised) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := a.FS.OpenFile(name, flag)
	return advisedFile{f, a.asked}, err
}

type advisedFile struct {
	vfs.File
	asked *asked
}

func (f advisedFile) ReadAt(p []byte, off int64) (int, error) {
	f.asked.most = max(f.asked.most, int64(len(p)))
	return f.File.ReadAt(p, off)
}

func (f advisedFile) ReadExactly() error {
	f.asked.exactly++
	return nil
}

func (f advisedFile) Prefetch(off, n int64) error {
	f.asked.ahead = max(f.asked.ahead, n)
	f.asked.beyond = max(f.asked.beyond, off+n)
	f.asked.prefetched += n
	return nil
}

// TestReadsInSteps follows a log that is no longer in memory. The disk is never
// asked for much at once, not even for large frames, what follows is on its way
// while frames are used, and nothing behind the durable ones.
func TestReadsInSteps(t *testing.T) {
	for _, size := range []int{900, 300_000, 1_300_000} {
		n := min(1000, 12_000_000/size)
		mem := vfs.NewMem()
		l := open(t, mem, wal.Config{SegmentBytes: 64 << 20, TailBytes: 1})
		appendN(t, l, 1, n, size)
		must(t, l.Close())
		a := asked{}
		l = open(t, advised{mem, &a}, wal.Config{SegmentBytes: 64 << 20, TailBytes: 1})
		end := l.Segments()[0].Bytes

		a = asked{}
		expectN(t, l, 1, n, size)
		check := func(who string, least int64) {
			t.Helper()
			if a.exactly == 0 || a.most > mostRead || a.ahead > mostAhead {
				t.Errorf("%s, frames of %d: %d bytes at once and %d ahead, told %d times to read no more", who, size, a.most, a.ahead, a.exactly)
			}
			if a.prefetched < least || a.prefetched > end || a.beyond > end {
				t.Errorf("%s, frames of %d: %d bytes were asked for ahead, up to %d of %d", who, size, a.prefetched, a.beyond, end)
			}
		}
		check("reader", end-3<<20) // but for what comes first

		// Two memories in turns are one reader.
		var turns [2]wal.Memory
		turns[1].Beside(&turns[0])
		a = asked{}
		for i := 1; i <= n; i++ {
			f, err := l.ReadInto(&turns[i%2], uint64(i))
			must(t, err)
			equal(t, string(f.Payload), string(payload(i, size)))
		}
		check("frame after frame", end-3<<20)

		a = asked{}
		for i := n; i > 2; i -= 2 {
			_, err := l.ReadInto(&turns[0], uint64(i))
			must(t, err)
			if size < mostRead {
				equal(t, a.prefetched, 0)
			}
		}
		check("here and there", 0)

		a = asked{}
		_, err := l.Read(uint64(n))
		must(t, err)
		equal(t, a.exactly, 0) // who reads on would have nothing ahead
		must(t, l.Close())
	}
}

// TestReadsAheadOfDurableFramesOnly reads a segment that is being written.
func TestReadsAheadOfDurableFramesOnly(t *testing.T) {
	const size, n = 300_000, 20
	a := asked{}
	l := open(t, advised{vfs.NewMem(), &a}, wal.Config{SegmentBytes: 64 << 20, TailBytes: 1})
	appendN(t, l, 1, n, size)
	durable := l.Segments()[0].Bytes
	_, err := l.Enqueue(ctx, wal.TypeBatch, n+1, payload(n+1, size))
	must(t, err)
	var m wal.Memory
	for i := 1; i < n; i++ { // the last one is in memory
		_, err := l.ReadInto(&m, uint64(i))
		must(t, err)
	}
	if a.prefetched == 0 || a.beyond > durable {
		t.Errorf("%d bytes were asked for ahead, up to %d of %d", a.prefetched, a.beyond, durable)
	}
	must(t, l.Close())
}
