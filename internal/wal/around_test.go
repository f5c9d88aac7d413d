package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"unsafe"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// platter is a file system that can be read around its cache, as strict as a disk, and
// counts what is read.
type platter struct {
	vfs.FS
	around, cached *atomic.Int64 // bytes
	opens          *atomic.Int64 // for reads and writes around the cache
	fail           *atomic.Pointer[error]
	wrong          *atomic.Int64                  // reads around the cache since one was wrong; negative: none is
	gate           *atomic.Pointer[chan struct{}] // if it is there, files are opened after it
}

func onPlatter(fsys vfs.FS) platter {
	d := platter{FS: fsys, around: new(atomic.Int64), cached: new(atomic.Int64), opens: new(atomic.Int64), fail: new(atomic.Pointer[error]), wrong: new(atomic.Int64), gate: new(atomic.Pointer[chan struct{}])}
	d.wrong.Store(-1 << 40)
	return d
}

func (d platter) reset() {
	d.around.Store(0)
	d.cached.Store(0)
	d.opens.Store(0)
}

func (d platter) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := d.FS.OpenFile(name, flag)
	return cachedFile{f, d}, err
}

func (d platter) OpenDirect(name string) (vfs.File, error) {
	d.opens.Add(1)
	if gate := d.gate.Load(); gate != nil {
		<-*gate
	}
	f, err := d.FS.OpenFile(name, os.O_RDWR)
	return aroundFile{f, d}, err
}

type cachedFile struct {
	vfs.File
	disk platter
}

func (f cachedFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.fail.Load(); err != nil && errors.Is(*err, errAnyRead) {
		return 0, *err
	}
	f.disk.cached.Add(int64(len(p)))
	return f.File.ReadAt(p, off)
}

type aroundFile struct {
	vfs.File
	disk platter
}

func (f aroundFile) ReadAt(p []byte, off int64) (int, error) {
	start := int64(uintptr(unsafe.Pointer(unsafe.SliceData(p))))
	if (off|int64(len(p))|start)%vfs.DirectBlock != 0 || len(p) == 0 || len(p) > mostRead {
		panic(fmt.Sprintf("direct read of %d bytes at %d into %x", len(p), off, start))
	}
	if err := f.disk.fail.Load(); err != nil {
		for i := range p { // nothing is known of the memory then
			p[i] ^= 0x55
		}
		return 0, &os.PathError{Op: "read", Path: f.Name(), Err: *err}
	}
	f.disk.around.Add(int64(len(p)))
	n, err := f.File.ReadAt(p, off)
	if f.disk.wrong.Add(1) == 3 && n > 0 {
		f.disk.wrong.Store(0)
		p[n/2] ^= 1
	}
	return n, err
}

// errAnyRead fails reads through the cache, too.
var errAnyRead = errors.New("no read at all")

// written is a log with n frames of one size, opened anew.
func written(t *testing.T, cfg wal.Config, n, size int) (platter, *wal.Log) {
	t.Helper()
	mem := vfs.NewMem()
	l := open(t, mem, cfg)
	appendN(t, l, 1, n, size)
	must(t, l.Close())
	d := onPlatter(mem)
	return d, open(t, d, cfg)
}

// turns reads a log, frame after frame, into as many memories in turns as frames
// are in use at once.
type turns struct {
	t    *testing.T
	log  *wal.Log
	in   []*wal.Memory
	size func(i int) int
	held []wal.Frame
	want [][]byte // their payloads
}

func newTurns(t *testing.T, l *wal.Log, who uint64, memories int, size func(i int) int) *turns {
	f := &turns{t: t, log: l, size: size, held: make([]wal.Frame, memories), want: make([][]byte, memories)}
	for range memories {
		m := new(wal.Memory)
		if len(f.in) > 0 {
			m.Beside(f.in[0])
		}
		m.For(who)
		f.in = append(f.in, m)
	}
	return f
}

// read reads frames, and looks at all that are in use after each.
func (f *turns) read(from, to int) {
	f.t.Helper()
	for i := from; i < to; i++ {
		at := i % len(f.in)
		fr, err := f.log.ReadInto(f.in[at], uint64(i))
		must(f.t, err)
		f.held[at], f.want[at] = fr, payload(i, f.size(i))
		if fr.Seq != uint64(i) {
			f.t.Fatalf("frame %d is %d", i, fr.Seq)
		}
		f.check()
	}
}

func (f *turns) check() {
	f.t.Helper()
	for i, fr := range f.held {
		if fr.Seq > 0 && !bytes.Equal(fr.Payload, f.want[i]) {
			f.t.Fatalf("frame %d of %d bytes is not what was written", fr.Seq, len(fr.Payload))
		}
	}
}

func (f *turns) release() {
	clear(f.held)
	for _, m := range f.in {
		m.Release()
	}
}

// TestFollowersReadAroundTheCache: who follows the log alone reads each byte once, in
// aligned pieces, and nothing of it through the cache.
func TestFollowersReadAroundTheCache(t *testing.T) {
	for _, size := range []int{100, 5_000, 90_000, 200_000, 300_000, 400_000, 1_000_000, 1_300_000} {
		for _, memories := range []int{1, 3} {
			n := min(3000, 12_000_000/size)
			d, l := written(t, wal.Config{SegmentBytes: 4 << 20, TailBytes: 1}, n, size)
			var total int64
			for _, s := range l.Segments() {
				total += s.Bytes
			}
			d.reset()
			f := newTurns(t, l, 7, memories, func(int) int { return size })
			f.read(1, n+1)
			f.release()
			segments := int64(len(l.Segments()))
			if got := d.cached.Load(); got > segments*(20<<10) {
				t.Errorf("frames of %d: %d bytes of %d were read through the cache", size, got, total)
			}
			if got := d.around.Load(); got < total-segments*vfs.DirectBlock || got > total+total/50+segments*(64<<10) {
				t.Errorf("frames of %d: %d bytes of %d were read around the cache", size, got, total)
			}
			must(t, l.Close())
			equal(t, d.FS.(*vfs.Mem).OpenFiles(), 0)
		}
	}
}

// TestFollowersShareTheCache: where several read, or one reads again, the disk is
// read through the cache once a part of the log was read around it.
func TestFollowersShareTheCache(t *testing.T) {
	const size, n = 300_000, 60
	fixed := func(int) int { return size }
	f := func(name string, read func(l *wal.Log)) {
		t.Helper()
		d, l := written(t, wal.Config{SegmentBytes: 4 << 20, TailBytes: 1}, n, size)
		d.reset()
		read(l)
		if got := d.around.Load(); got > 8<<20 { // two segments
			t.Errorf("%s: %d bytes were read around the cache", name, got)
		}
		if got := d.cached.Load(); got < n*size/2 {
			t.Errorf("%s: only %d bytes were read through the cache", name, got)
		}
		must(t, l.Close())
	}
	f("two at one pace", func(l *wal.Log) {
		a, b := newTurns(t, l, 1, 2, fixed), newTurns(t, l, 2, 2, fixed)
		for i := 1; i <= n; i++ {
			a.read(i, i+1)
			b.read(i, i+1)
		}
	})
	f("each part three times", func(l *wal.Log) {
		a := newTurns(t, l, 1, 2, fixed)
		for i := 1; i < n; i += 10 {
			for range 3 {
				a.read(i, i+10)
			}
		}
	})
	f("nobody in particular", func(l *wal.Log) {
		newTurns(t, l, 0, 2, fixed).read(1, n+1)
	})
}

// TestParallelFollowersOfOneStream read different parts, each once: around the cache.
func TestParallelFollowersOfOneStream(t *testing.T) {
	const size, n = 300_000, 60
	d, l := written(t, wal.Config{SegmentBytes: 64 << 20, TailBytes: 1}, n, size)
	d.reset()
	var all sync.WaitGroup
	for part := range 3 {
		all.Go(func() {
			newTurns(t, l, 7, 2, func(int) int { return size }).read(1+part*n/3, 1+(part+1)*n/3)
		})
	}
	all.Wait()
	if got := d.around.Load(); got < n*size {
		t.Errorf("%d bytes of %d were read around the cache", got, n*size)
	}
	must(t, l.Close())
}

// TestFollowersAnyhow reads frames of all sizes, here and there and in order, while
// the log is written and trimmed, on disks that fail.
func TestFollowersAnyhow(t *testing.T) {
	f := func(seed uint64) {
		t.Helper()
		r := rand.New(rand.NewPCG(seed, 5))
		sizes := []int{0}
		size := func(i int) int { return sizes[i] }
		d := onPlatter(vfs.NewMem())
		l := open(t, d, wal.Config{SegmentBytes: 3 << 20, TailBytes: 1, Spares: 1})
		followers := []*turns{newTurns(t, l, 1, 1+r.IntN(4), size), newTurns(t, l, 1+uint64(r.IntN(2)), 2, size)}
		at := []int{1, 1}
		for len(sizes) < 150 {
			next := len(sizes)
			sizes = append(sizes, []int{10, 2_000, 70_000, 400_000, 1_100_000}[r.IntN(5)]+r.IntN(1000))
			_, err := l.Append(ctx, wal.TypeBatch, uint64(next), payload(next, sizes[next]))
			must(t, err)
			if r.IntN(10) == 0 {
				failed := error(syscall.EIO)
				d.fail.Store(&failed)
			} else {
				d.fail.Store(nil)
			}
			who := r.IntN(2)
			for range r.IntN(4) {
				if r.IntN(20) == 0 {
					at[who] = int(l.First()) + r.IntN(next-int(l.First())+1)
				}
				if at[who] < int(l.First()) {
					at[who] = int(l.First())
				}
				if at[who] <= next {
					followers[who].read(at[who], at[who]+1)
					at[who]++
				}
			}
			if r.IntN(20) == 0 {
				for _, f := range followers {
					f.release()
				}
				must(t, l.Trim(l.First()+uint64(r.IntN(20))))
			}
		}
		if d.around.Load() == 0 {
			t.Error("nothing was read around the cache")
		}
		equal(t, l.Stats().Damages, 0)
		must(t, l.Close())
	}
	for seed := uint64(0); seed < 15; seed += step {
		f(seed)
	}
}

// TestFollowersOfAGrowingLog read close behind its end, where blocks of the file are
// written again and again, around the cache. What is in use stays as it is, also when
// a read fails and leaves anything in its memory.
func TestFollowersOfAGrowingLog(t *testing.T) {
	for _, size := range []int{500, 1_000, 30_000, 300_000} {
		for _, behind := range []int{5, 10, 20} {
			d := onPlatter(vfs.NewMem())
			l := open(t, d, wal.Config{SegmentBytes: 64 << 20, TailBytes: 1, BlockBytes: 4 << 10})
			f := newTurns(t, l, 7, 3, func(int) int { return size })
			d.reset()
			const frames, failing = 200, 10 // one read in so many
			for i := 1; i <= frames; i++ {
				appendN(t, l, i, 1, size)
				if i <= behind {
					continue
				}
				if failed := error(syscall.EIO); i%failing == 0 {
					d.fail.Store(&failed)
				}
				f.read(i-behind, i-behind+1)
				d.fail.Store(nil)
			}
			if got := d.cached.Load(); got > frames/failing*int64(size+8<<10)*2 {
				t.Errorf("frames of %d: %d bytes of %d were read through the cache", size, got, frames*size)
			}
			equal(t, l.Stats().Damages, 0)
			must(t, l.Close())
		}
	}
}

// TestSparseFramesAreNotReadAhead: who wants a frame here and there does not have all
// of the log read, not even after frames that follow each other.
func TestSparseFramesAreNotReadAhead(t *testing.T) {
	const n, dense, every = 4_000, 200, 40
	fixed := func(int) int { return 5_000 }
	d, l := written(t, wal.Config{TailBytes: 1}, n, fixed(1))
	f := newTurns(t, l, 7, 2, fixed)
	f.read(1, dense)
	d.reset()
	for i := dense + every; i < n; i += every {
		f.read(i, i+1)
	}
	if got := d.around.Load() + d.cached.Load(); got > n*int64(fixed(1))/2 {
		t.Errorf("%d bytes of %d were read for every %dth frame", got, n*fixed(1), every)
	}
	must(t, l.Close())
}

// TestWrongReadsAreNoDamage: what a disk gives wrong once, around the cache, is read
// again before it is called damaged.
func TestWrongReadsAreNoDamage(t *testing.T) {
	const size, n = 100_000, 60
	d, l := written(t, wal.Config{TailBytes: 1}, n, size)
	d.wrong.Store(0)
	newTurns(t, l, 7, 2, func(int) int { return size }).read(1, n+1)
	equal(t, l.Stats().Damages, 0)
	must(t, l.Close())
}

// TestFailedReadIsForgotten: after a read that failed, others are as before.
func TestFailedReadIsForgotten(t *testing.T) {
	mem := vfs.NewMem()
	l := open(t, mem, wal.Config{TailBytes: 1})
	appendN(t, l, 1, 1000, 5000)
	must(t, l.Close())
	for who := range uint64(2) {
		d := onPlatter(mem)
		l = open(t, d, wal.Config{TailBytes: 1})
		f := newTurns(t, l, who, 1, func(int) int { return 5000 })
		f.read(1, 2)
		failed := errAnyRead
		d.fail.Store(&failed)
		_, err := l.ReadInto(f.in[0], 900)
		is(t, err, errAnyRead)
		f.held[0] = wal.Frame{}
		d.fail.Store(nil)
		f.read(500, 510)
		equal(t, l.Stats().Damages, 0)
		must(t, l.Close())
	}
}

// TestCloseWaitsForReadsAhead: nobody looks at the files of a log that is closed.
func TestCloseWaitsForReadsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, n = 500_000, 20 // a window each
		d, l := written(t, wal.Config{TailBytes: 1}, n, size)
		f := newTurns(t, l, 7, 1, func(int) int { return size })
		f.read(1, 3)
		synctest.Wait() // the third is there
		gate := make(chan struct{})
		d.gate.Store(&gate)
		f.read(3, 4)
		closed := make(chan error, 1)
		go func() { closed <- l.Close() }()
		synctest.Wait()
		equal(t, len(closed), 0)
		close(gate)
		must(t, <-closed)
		equal(t, d.FS.(*vfs.Mem).OpenFiles(), 0)
	})
}

// TestErrorsOfAnotherLog: a read ahead that failed in one log is not another's.
func TestErrorsOfAnotherLog(t *testing.T) {
	synctest.Test(t, testErrorsOfAnotherLog)
}

func testErrorsOfAnotherLog(t *testing.T) {
	const size, n = 500_000, 20 // a window each
	mem := vfs.NewMem()
	l := open(t, mem, wal.Config{TailBytes: 1})
	appendN(t, l, 1, n, size)
	must(t, l.Close())
	var in wal.Memory
	in.For(7)
	for i := range 2 {
		d, l := written(t, wal.Config{TailBytes: 1}, n, size)
		d.reset()
		for seq := range uint64(n / 2) {
			if refused := error(syscall.EINVAL); i == 0 && seq == n/2-1 {
				synctest.Wait() // what it wants is there, and what it asks for will fail
				d.fail.Store(&refused)
			}
			_, err := l.ReadInto(&in, seq+1)
			must(t, err)
		}
		if got := d.around.Load(); got < n/2*size*3/4 {
			t.Errorf("log %d: %d bytes were read around the cache", i, got)
		}
		must(t, l.Close())
	}
}

// TestReadersAroundTheCache: readers that are told to read around the cache read each
// byte once, and their blocks stay as they are.
func TestReadersAroundTheCache(t *testing.T) {
	for _, size := range []int{5_000, 300_000, 600_000, 1_100_000} {
		n := 9_000_000 / size
		d, l := written(t, wal.Config{SegmentBytes: 4 << 20, TailBytes: 1}, n, size)
		r, err := l.NewReader(1)
		must(t, err)
		r.Around()
		d.reset()
		next := 1
		var blocks []wal.Block
		for {
			b, ok, err := r.TryNext()
			must(t, err)
			if !ok {
				break
			}
			blocks = append(blocks, b)
		}
		for _, b := range blocks {
			for f := range b.All() {
				equal(t, string(f.Payload), string(payload(next, size)))
				next++
			}
		}
		equal(t, next, n+1)
		total := int64(n * (size + 64))
		if around, cached := d.around.Load(), d.cached.Load(); around < total*9/10 || around > total+total/20 || cached > 100<<10 {
			t.Errorf("frames of %d: %d bytes of %d were read around the cache, %d through it", size, around, total, cached)
		}
		must(t, l.Close())
	}
}

// TestCannotReadAround goes through the cache where a file system opens files for
// direct reads and then does not do them, and does not try again.
func TestCannotReadAround(t *testing.T) {
	const size, n = 300_000, 30
	mem := vfs.NewMem()
	l := open(t, mem, wal.Config{TailBytes: 1})
	appendN(t, l, 1, n, size)
	must(t, l.Close())
	for _, c := range []struct {
		err  error
		most int64 // attempts
	}{{syscall.EINVAL, 1}, {errors.ErrUnsupported, 1}, {syscall.EIO, n}} {
		d := onPlatter(mem)
		l = open(t, d, wal.Config{TailBytes: 1})
		d.reset()
		d.fail.Store(&c.err)
		f := newTurns(t, l, 7, 2, func(int) int { return size })
		f.read(1, n+1)
		if got := d.opens.Load(); got == 0 || got > c.most {
			t.Errorf("%v: %d attempts for %d frames", c.err, got, n)
		}
		must(t, l.Close())
	}
}

// TestFollowersOfTheMachinesDisk reads a log on the machine's own file system.
func TestFollowersOfTheMachinesDisk(t *testing.T) {
	const size, n = 700_000, 30
	l := open(t, vfs.OS, wal.Config{Dir: t.TempDir(), SegmentBytes: 8 << 20, TailBytes: 1})
	appendN(t, l, 1, n, size)
	f := newTurns(t, l, 7, 2, func(int) int { return size })
	f.read(1, n+1)
	f.release()
	must(t, l.Close())
}
