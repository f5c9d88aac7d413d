package wal_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// TestConcurrentAppendAndRead: many appenders and readers, each reader sees
// every frame once and in order while segments roll and trimming follows.
func TestConcurrentAppendAndRead(t *testing.T) { either(t, concurrentAppendAndRead) }

func concurrentAppendAndRead(t *testing.T, on func(vfs.FS) vfs.FS) {
	const appenders, each, readers = 8, 300, 3
	l := open(t, on(vfs.NewMem()), wal.Config{SegmentBytes: 64 << 10, BlockBytes: 4 << 10, TailBytes: 16 << 10})
	var wg, preparing sync.WaitGroup
	preparing.Go(func() {
		for l.Prepare() == nil {
			runtime.Gosched()
		}
	})
	sent := make([]sync.Map, appenders)
	for a := range appenders {
		wg.Go(func() {
			for i := range each {
				seq, err := l.Append(ctx, wal.TypePut, uint64(a), payload(i, 10+i%700))
				if err != nil {
					t.Error(err)
					return
				}
				sent[a].Store(i, seq)
			}
		})
	}
	for n := range readers {
		wg.Go(func() {
			r, err := l.NewReader(1)
			must(t, err)
			var next [appenders]int
			for seq := uint64(1); seq <= appenders*each; {
				b, err := r.Next(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				for f := range b.All() {
					if f.Seq != seq || string(f.Payload) != string(payload(next[f.Key], 10+next[f.Key]%700)) {
						t.Errorf("reader %d: frame %d of appender %d where %d was due", n, f.Seq, f.Key, seq)
						return
					}
					next[f.Key]++
					seq++
				}
				if n == 0 {
					f, err := l.Read(seq - 1)
					if err != nil || f.Seq != seq-1 {
						t.Errorf("read %d: %v, %v", seq-1, f.Seq, err)
					}
				}
			}
		})
	}
	wg.Wait()
	last := uint64(0)
	for i := range each {
		seq, _ := sent[0].Load(i)
		if seq.(uint64) <= last {
			t.Fatalf("appender's frames out of order: %d after %d", seq, last)
		}
		last = seq.(uint64)
	}
	must(t, l.Close())
	preparing.Wait()
}

// TestTrimUnderReaders: a reader that is overtaken gets ErrTrimmed, never other bytes.
func TestTrimUnderReaders(t *testing.T) {
	l := open(t, vfs.NewMem(), wal.Config{SegmentBytes: 8 << 10, BlockBytes: 4 << 10, TailBytes: 1,
		Quarantine: func(d wal.Damage) { t.Errorf("trimming was taken for damage: %+v", d) }})
	const frames = 3000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; i <= frames; i++ {
			seq, err := l.Append(ctx, wal.TypePut, 1, payload(i, 200))
			must(t, err)
			if i%40 == 0 {
				must(t, l.Trim(seq-30))
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			r, err := l.NewReader(1)
			for err == nil || errors.Is(err, wal.ErrTrimmed) {
				if err != nil {
					err = r.Seek(l.First())
					continue
				}
				var b wal.Block
				if b, err = r.Next(ctx); err != nil {
					continue
				}
				for f := range b.All() {
					if string(f.Payload) != string(payload(int(f.Seq), 200)) {
						t.Errorf("frame %d has other bytes", f.Seq)
					}
				}
				if b.Last() == frames {
					return
				}
			}
			t.Error(err)
		})
	}
	wg.Wait()
	must(t, l.Close())
}

// slowSync lets a test hold syncs.
type slowSync struct {
	vfs.FS
	started, release chan struct{}
}

func (s slowSync) hook(op vfs.Op) error {
	if op.Kind == vfs.OpSync {
		s.started <- struct{}{}
		<-s.release
	}
	return nil
}

// TestGroupCommit: while a block is synced the next one collects, one sync
// covers it, and Enqueue waits only when it is full.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowSync{started: make(chan struct{}), release: make(chan struct{})}
		hold := false
		l := open(t, vfs.Fault(vfs.NewMem(), func(op vfs.Op) error {
			if hold {
				return s.hook(op)
			}
			return nil
		}), wal.Config{BlockBytes: 4 << 10})
		appendN(t, l, 1, 1, 10)
		hold = true
		done := make(chan uint64, 100)
		add := func(size int) {
			go func() {
				seq, err := l.Append(ctx, wal.TypePut, 1, make([]byte, size))
				if err != nil {
					t.Error(err)
				}
				done <- seq
			}()
			synctest.Wait()
		}
		add(100)
		<-s.started
		for range 4 { // collected meanwhile: 3,840 of 4,096 bytes
			add(920)
		}
		equal(t, l.Next(), 7)
		add(920) // does not fit and waits
		equal(t, l.Next(), 7)
		waiting, cancel := context.WithCancel(ctx)
		go func() {
			_, err := l.Enqueue(waiting, wal.TypePut, 1, make([]byte, 920))
			is(t, err, context.Canceled)
			done <- 0
		}()
		synctest.Wait()
		cancel()
		equal(t, <-done, 0)
		equal(t, l.Durable(), 1)
		s.release <- struct{}{}
		equal(t, <-done, 2)
		<-s.started // one sync for the four, led by one of them or by the one that waits for room
		s.release <- struct{}{}
		for range 4 {
			<-done
		}
		<-s.started
		s.release <- struct{}{}
		equal(t, <-done, 7)
		equal(t, l.Stats().Commits, 4)
		hold = false
		must(t, l.Close())
	})
}

// TestReaderWaits: Next wakes on a commit, on Close and on ctx, and not before.
func TestReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, vfs.NewMem(), wal.Config{})
		r, err := l.NewReader(1)
		must(t, err)
		got := make(chan string, 1)
		next := func(ctx context.Context) {
			go func() {
				b, err := r.Next(ctx)
				got <- fmt.Sprint(b.First(), b.Last(), err)
			}()
			synctest.Wait()
		}
		next(ctx)
		seq, err := l.Enqueue(ctx, wal.TypePut, 1, []byte("a"))
		must(t, err)
		synctest.Wait()
		equal(t, len(got), 0)
		must(t, l.WaitDurable(ctx, seq))
		equal(t, <-got, "1 1 <nil>")
		c, cancel := context.WithCancel(ctx)
		next(c)
		cancel()
		equal(t, <-got, "0 0 context canceled")
		next(ctx)
		must(t, l.Close())
		equal(t, <-got, "0 0 log is closed")
	})
}

func TestErrors(t *testing.T) {
	mem := vfs.NewMem()
	for _, bad := range []wal.Config{
		{}, {Dir: "/w", SegmentBytes: 100}, {Dir: "/w", BlockBytes: 1}, {Dir: "/w", TailBytes: -1},
		{Dir: "/w", MaxFrameBytes: 1<<30 + 1},
		{Dir: "/w", Folders: []wal.Folder{&tally{id: 1}, &tally{id: 1}}},
		{Dir: "/w", Indexers: []wal.Indexer{&offsets{}, &offsets{}}},
	} {
		if _, err := wal.Open(mem, bad); err == nil {
			t.Errorf("Open takes %+v", bad)
		}
	}
	l := open(t, mem, wal.Config{Dir: "/w", Shard: 3})
	_, err := l.Append(ctx, 0, 1)
	is(t, err, wal.ErrType)
	_, err = l.Append(ctx, 250, 1)
	is(t, err, wal.ErrType)
	_, err = l.Append(ctx, wal.TypePut, 1, make([]byte, 40<<20+1))
	is(t, err, wal.ErrTooLarge)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = l.Append(gone, wal.TypePut, 1)
	is(t, err, context.Canceled)
	equal(t, l.Next(), 1)
	is(t, l.WaitDurable(ctx, 1), wal.ErrBeyond)
	_, err = l.NewReader(2)
	is(t, err, wal.ErrBeyond)
	_, err = l.NewReader(0)
	is(t, err, wal.ErrTrimmed)
	_, err = l.Section(1, 7)
	is(t, err, wal.ErrBeyond)
	appendN(t, l, 1, 1, 0)
	_, err = l.Section(1, 7)
	is(t, err, wal.ErrNotSealed)
	must(t, l.Close())
	is(t, l.Close(), wal.ErrClosed)
	is(t, l.Err(), wal.ErrClosed)
	is(t, l.Trim(1), wal.ErrClosed)
	_, err = l.Append(ctx, wal.TypePut, 1)
	is(t, err, wal.ErrClosed)
	_, err = l.Read(1)
	is(t, err, wal.ErrClosed)
	_, err = l.NewReader(1)
	is(t, err, wal.ErrClosed)
	if _, err := wal.Open(mem, wal.Config{Dir: "/w", Shard: 4}); err == nil {
		t.Error("opened another shard's folder")
	}
}

// TestNoSpace: a full disk refuses the frame that needs a new segment, keeps
// everything else going, and is over when there is room.
func TestNoSpace(t *testing.T) {
	full := false
	l := open(t, vfs.Fault(vfs.NewMem(), func(op vfs.Op) error {
		if full && op.Kind == vfs.OpPreallocate {
			return errNoSpace
		}
		return nil
	}), wal.Config{SegmentBytes: 4 << 10})
	appendN(t, l, 1, 3, 1000)
	full = true
	for range 2 {
		_, err := l.Append(ctx, wal.TypeBatch, 4, payload(4, 1000))
		is(t, err, wal.ErrNoSpace)
		must(t, l.Err())
	}
	expectN(t, l, 1, 3, 1000)
	full = false
	appendN(t, l, 4, 10, 1000)
	expectN(t, l, 1, 13, 1000)
	must(t, l.Close())
}

// TestFooterSpace: room for a footer that is longer than what the segment has
// left is reserved before anything is sequenced behind it.
func TestFooterSpace(t *testing.T) {
	reserved, full := map[string]int64{}, false
	l := open(t, vfs.Fault(vfs.NewMem(), func(op vfs.Op) error {
		name := strings.TrimSuffix(op.Name, ".tmp")
		switch {
		case op.Kind == vfs.OpPreallocate && full:
			return errNoSpace
		case op.Kind == vfs.OpPreallocate:
			reserved[name] = max(reserved[name], op.Size)
		case op.Kind == vfs.OpWrite && op.Off+op.Size > reserved[name]:
			return errNoSpace
		}
		return nil
	}), wal.Config{SegmentBytes: 4 << 10, Indexers: []wal.Indexer{&offsets{}}})
	for i := 1; i <= 500; i++ { // 16 bytes of index for each 48-byte frame
		full = i%10 == 0
		seq, err := l.Append(ctx, wal.TypePut, 1, []byte("12345678"))
		if full && errors.Is(err, wal.ErrNoSpace) {
			full = false
			seq, err = l.Append(ctx, wal.TypePut, 1, []byte("12345678"))
		}
		must(t, err)
		equal(t, seq, uint64(i))
	}
	must(t, l.Close())
}

// What is said of the size of frames is about right, in one segment and over several,
// and nothing is said of what was trimmed.
func TestBytes(t *testing.T) {
	const n, size = 300, 1000
	l := open(t, vfs.NewMem(), wal.Config{SegmentBytes: 1 << 16, BlockBytes: 1 << 12, MaxFrameBytes: 1 << 12})
	defer l.Close()
	appendN(t, l, 1, n, size)
	for _, r := range []struct{ first, end uint64 }{{1, n + 1}, {1, 2}, {50, 250}, {n, n + 1}, {120, 121}} {
		got, want := l.Bytes(r.first, r.end), int64(r.end-r.first)*size
		if got < want || got > want+want/8 {
			t.Errorf("[%d, %d): %d bytes, want some more than %d", r.first, r.end, got, want)
		}
	}
	equal(t, l.Bytes(n+1, n+5), 0)
	must(t, l.Trim(100))
	equal(t, l.Bytes(1, n+1), 0)
	if got := l.Bytes(l.First(), n+1); got < 100*size {
		t.Errorf("%d bytes are left from %d to %d", got, l.First(), n)
	}
}

// TestTrimKeepsTheLastDurableFrame: a new segment whose first commit failed may
// be void after a crash; the one before it must still be there.
func TestTrimKeepsTheLastDurableFrame(t *testing.T) {
	disk, broken := newDisk(t), false
	l := open(t, vfs.Fault(disk, func(op vfs.Op) error {
		if broken && op.Kind == vfs.OpWrite && op.Size > 1000 { // a frame, no header and no footer
			return errInjected
		}
		return nil
	}), wal.Config{Dir: "/data/wal", SegmentBytes: 4 << 10})
	appendN(t, l, 1, 9, 1000)
	broken = true
	_, err := l.Append(ctx, wal.TypeBatch, 10, payload(10, 1000))
	is(t, err, wal.ErrReadOnly)
	must(t, l.Trim(10))
	equal(t, l.First() <= 9, true)
	l = open(t, disk.CrashClone(vfs.CrashOptions{}), wal.Config{Dir: "/data/wal", SegmentBytes: 4 << 10})
	equal(t, l.Next(), 10)
	appendN(t, l, 10, 3, 1000)
	expectN(t, l, int(l.First()), 12, 1000)
	must(t, l.Close())
}

// counter is a Folder that allocates nothing.
type counter struct{ n uint64 }

func (c *counter) ID() uint8                        { return 1 }
func (c *counter) Fold(f wal.Frame)                 { c.n += uint64(len(f.Payload)) }
func (c *counter) AppendSnapshot(dst []byte) []byte { return dst }
func (c *counter) Restore([]byte) error             { return nil }

func TestEnqueueAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	l := open(t, nowhere{vfs.NewMem()}, wal.Config{Folders: []wal.Folder{&counter{}}})
	data := payload(1, 100)
	if n := testing.AllocsPerRun(5000, func() {
		if _, err := l.Enqueue(ctx, wal.TypePut, 1, data, data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := l.Append(ctx, wal.TypePut, 1, data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations an uncontended append", n)
	}
	must(t, l.Close())
}

// TestAwaitDurable: who only awaits leads no commit, and gets what others' do.
func TestAwaitDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, vfs.NewMem(), wal.Config{})
		appendN(t, l, 1, 1, 10)
		must(t, l.AwaitDurable(ctx, 1))
		is(t, l.AwaitDurable(ctx, 2), wal.ErrBeyond)
		_, err := l.Enqueue(ctx, wal.TypePut, 2, []byte("left to others"))
		must(t, err)
		waiting, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		is(t, l.AwaitDurable(waiting, 2), context.DeadlineExceeded)
		equal(t, l.Stats().Commits, 1)
		done := make(chan error)
		go func() { done <- l.AwaitDurable(ctx, 2) }()
		synctest.Wait()
		equal(t, l.Durable(), 1)
		appendN(t, l, 3, 1, 10)
		must(t, <-done)
		equal(t, l.Stats().Commits, 2)
		go func() { done <- l.AwaitDurable(ctx, 4) }()
		is(t, <-done, wal.ErrBeyond)
		_, err = l.Enqueue(ctx, wal.TypePut, 4, []byte("closed over"))
		must(t, err)
		go func() { done <- l.AwaitDurable(ctx, 4) }()
		synctest.Wait()
		must(t, l.Close()) // makes it durable
		if err := <-done; err != nil {
			is(t, err, wal.ErrClosed)
		}
	})
}
