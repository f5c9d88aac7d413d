package store_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/store"
	"sluice/internal/vfs"
)

// counted is a file system that counts what is read.
type counted struct {
	vfs.FS
	read *atomic.Int64
}

func (c counted) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := c.FS.OpenFile(name, flag)
	return countedFile{f, c.read}, err
}

type countedFile struct {
	vfs.File
	read *atomic.Int64
}

func (f countedFile) ReadAt(p []byte, off int64) (int, error) {
	f.read.Add(int64(len(p)))
	return f.File.ReadAt(p, off)
}

// TestCompactionKeepsToItsRate: a piece takes as long as the rate says, and is read
// in the first half of that, not at once.
func TestCompactionKeepsToItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 1 << 20
		read := new(atomic.Int64)
		s := openWith(t, counted{vfs.NewMem(), read}, store.Config{
			Dir: "/wal", Files: "/store", SegmentBytes: 8 << 20, TailBytes: 1, CompactRate: rate,
		})
		for at := range int64(50) {
			appendBatch(t, s, 1, 1, 200_000, at)
		}
		read.Store(0)
		begin, done := time.Now(), make(chan error)
		go func() { done <- s.Compact(t.Context()) }()
		synctest.Wait()
		if got := read.Load(); got == 0 || got > 3<<20/2 {
			t.Errorf("%d bytes were read at once", got)
		}
		time.Sleep(2 * time.Second)
		if got := read.Load(); got < 2*rate || got > 6*rate {
			t.Errorf("%d bytes were read within two seconds", got)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		took, compacted := time.Since(begin).Seconds(), s.Disk().Work.Compacted
		if want := float64(compacted) / rate; compacted < 7<<20 || took < 0.85*want || took > 1.1*want {
			t.Errorf("%d bytes took %.1f s, want %.1f", compacted, took, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhatIsNotKeptHasNoRate: nothing is written of it, and it leaves the log at once.
func TestWhatIsNotKeptHasNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openWith(t, vfs.NewMem(), store.Config{
			Dir: "/wal", Files: "/store", SegmentBytes: 8 << 20, TailBytes: 1, CompactRate: 1 << 20,
			Class: func(uint64) store.Class { return store.WAL },
		})
		for at := range int64(50) {
			appendBatch(t, s, 1, 1, 200_000, at)
		}
		begin := time.Now()
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 0 || s.Disk().Work.Compacted < 7<<20 {
			t.Errorf("%d bytes left the log in %v", s.Disk().Work.Compacted, took)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
