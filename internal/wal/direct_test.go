package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// direct makes any file system one that can be written around the page cache,
// as strict as a disk.
type direct struct {
	vfs.FS
	writes *atomic.Int64 // counts them if it is there
}

func (d direct) OpenDirect(name string) (vfs.File, error) {
	f, err := d.OpenFile(name, os.O_RDWR)
	return directFile{f, d.writes}, err
}

type directFile struct {
	vfs.File
	writes *atomic.Int64
}

func (f directFile) WriteAt(p []byte, off int64) (int, error) {
	if off%vfs.DirectBlock != 0 || len(p)%vfs.DirectBlock != 0 || len(p) == 0 {
		panic(fmt.Sprintf("direct write of %d bytes at %d", len(p), off))
	}
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	if off+int64(len(p)) > size {
		panic(fmt.Sprintf("direct write of %d bytes at %d goes beyond the file's %d", len(p), off, size))
	}
	if f.writes != nil {
		f.writes.Add(1)
	}
	return f.File.WriteAt(p, off)
}

// committing is direct with files that write and sync at once.
type committing struct{ direct }

func (c committing) OpenDirect(name string) (vfs.File, error) {
	f, err := c.direct.OpenDirect(name)
	return committer{f.(directFile)}, err
}

type committer struct{ directFile }

func (c committer) Commit(off int64, pieces ...[]byte) error {
	for _, p := range pieces {
		if _, err := c.WriteAt(p, off); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return c.File.Sync()
}

// either runs a test with frames written through the page cache and around it.
func either(t *testing.T, f func(t *testing.T, on func(vfs.FS) vfs.FS)) {
	t.Run("cached", func(t *testing.T) { f(t, func(fsys vfs.FS) vfs.FS { return fsys }) })
	t.Run("direct", func(t *testing.T) { f(t, func(fsys vfs.FS) vfs.FS { return direct{FS: fsys} }) })
}

// TestDirectFileIsTheSame: what stands in a segment does not depend on how it
// was written.
func TestDirectFileIsTheSame(t *testing.T) {
	f := func(seed uint64, block int) {
		t.Helper()
		r := rand.New(rand.NewPCG(seed, 0))
		var writes atomic.Int64
		mems := [3]*vfs.Mem{vfs.NewMem(), vfs.NewMem(), vfs.NewMem()}
		logs := [3]*wal.Log{
			open(t, mems[0], wal.Config{BlockBytes: block}),
			open(t, direct{mems[1], &writes}, wal.Config{BlockBytes: block}),
			open(t, committing{direct{mems[2], &writes}}, wal.Config{BlockBytes: block}),
		}
		n := 0
		for range 150 {
			size := r.IntN(200)
			switch r.IntN(10) {
			case 0:
				size = r.IntN(300 << 10)
			case 1:
				size = r.IntN(20 << 10)
			}
			wait := r.IntN(3) > 0
			n++
			for _, l := range logs {
				seq, err := l.Enqueue(ctx, wal.TypePut, uint64(n), payload(n, size))
				must(t, err)
				if wait {
					must(t, l.WaitDurable(ctx, seq))
				}
			}
		}
		if writes.Load() < 50 {
			t.Errorf("%d direct writes", writes.Load())
		}
		for _, l := range logs {
			r, err := l.NewReader(1)
			must(t, err)
			seen := 0
			for {
				b, ok, err := r.TryNext()
				must(t, err)
				if !ok {
					break
				}
				for fr := range b.All() {
					seen++
					equal(t, fr.Key, uint64(seen))
				}
			}
			equal(t, seen, int(l.Durable()))
			must(t, l.Close())
		}
		var texts [3][]byte
		for i, m := range mems {
			texts[i] = withoutUUID(t, m)
		}
		for _, text := range texts[1:] {
			if !bytes.Equal(texts[0], text) {
				t.Errorf("seed %d: segments of %d and %d bytes differ", seed, len(texts[0]), len(text))
			}
		}
	}
	for seed := uint64(0); seed < 10; seed += step {
		f(seed, 1<<20)
		f(seed, 100<<10)
		f(seed, 4<<10)
	}
}

// withoutUUID lists the frames of the only segment by what they are.
func withoutUUID(t *testing.T, m *vfs.Mem) (text []byte) {
	t.Helper()
	l := open(t, m, wal.Config{})
	must(t, l.Frames(1, l.Next(), func(f wal.Frame) error {
		text = fmt.Appendf(text, "%d %d %d %d\n", f.Seq, f.Key, f.Type, len(f.Payload))
		text = append(text, f.Payload...)
		return nil
	}))
	s := l.Segments()
	text = fmt.Append(text, s[0].Bytes)
	equal(t, len(s), 1)
	must(t, l.Close())
	return slices.Clip(text)
}

// refusing opens files for direct writes and then takes none.
type refusing struct{ vfs.FS }

func (r refusing) OpenDirect(name string) (vfs.File, error) {
	f, err := r.OpenFile(name, os.O_RDWR)
	return refusingFile{f}, err
}

type refusingFile struct{ vfs.File }

func (f refusingFile) WriteAt([]byte, int64) (int, error) {
	return 0, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.EINVAL}
}

// unable cannot open files for direct writes at the moment.
type unable struct{ vfs.FS }

func (unable) OpenDirect(string) (vfs.File, error) { return nil, errors.New("too many open files") }

// TestReadInto reads frames of all sizes from anywhere into the same memory, as
// the log is written and after a restart.
func TestReadInto(t *testing.T) {
	f := func(fsys vfs.FS) {
		t.Helper()
		cfg := wal.Config{SegmentBytes: 1 << 20, TailBytes: 1}
		l := open(t, fsys, cfg)
		r := rand.New(rand.NewPCG(1, 2))
		var sizes []int
		for range 60 {
			sizes = append(sizes, []int{10, 1000, 70_000, 200_000}[r.IntN(4)]+r.IntN(1000))
		}
		var payloads [][]byte
		for i, size := range sizes {
			payloads = append(payloads, payload(i+1, size))
		}
		check := func(n int) {
			t.Helper()
			var m wal.Memory
			for range 40 {
				seq := uint64(1 + r.IntN(n))
				fr, err := l.ReadInto(&m, seq)
				must(t, err)
				if !bytes.Equal(fr.Payload, payloads[seq-1]) || fr.Seq != seq {
					t.Errorf("frame %d of %d bytes is another one (%d, %d bytes)", seq, sizes[seq-1], fr.Seq, len(fr.Payload))
				}
				alone, err := l.Read(seq)
				must(t, err)
				if !bytes.Equal(alone.Payload, fr.Payload) {
					t.Errorf("frame %d is another one for Read", seq)
				}
			}
		}
		for i := range sizes {
			_, err := l.Append(ctx, wal.TypePut, 1, payloads[i])
			must(t, err)
			if i%20 == 19 {
				check(i + 1)
			}
		}
		var m wal.Memory
		_, err := l.ReadInto(&m, uint64(len(sizes)+1))
		is(t, err, wal.ErrBeyond)
		must(t, l.Close())
		l = open(t, fsys, cfg)
		check(len(sizes))
		must(t, l.Close())
	}
	f(vfs.NewMem())
	f(direct{FS: vfs.NewMem()})
}

// A frame that Read returned stays as it is.
func TestReadIsTheCallers(t *testing.T) {
	l := open(t, vfs.NewMem(), wal.Config{SegmentBytes: 2 << 20, TailBytes: 1})
	appendN(t, l, 1, 12, 300_000)
	var frames []wal.Frame
	for seq := range uint64(12) {
		f, err := l.Read(seq + 1)
		must(t, err)
		frames = append(frames, f)
	}
	for i, f := range frames {
		if !bytes.Equal(f.Payload, payload(i+1, 300_000)) {
			t.Errorf("frame %d was written over", i+1)
		}
	}
	must(t, l.Close())
}

func TestDirectRefused(t *testing.T) {
	f := func(fsys func(vfs.FS) vfs.FS) {
		t.Helper()
		mem := vfs.NewMem()
		l := open(t, fsys(mem), wal.Config{SegmentBytes: 8 << 10})
		appendN(t, l, 1, 100, 500)
		expectN(t, l, 1, 100, 500)
		must(t, l.Close())
		equal(t, mem.OpenFiles(), 0)
		l = open(t, mem, wal.Config{})
		expectN(t, l, 1, 100, 500)
		must(t, l.Close())
	}
	f(func(fsys vfs.FS) vfs.FS { return refusing{fsys} })
	f(func(fsys vfs.FS) vfs.FS { return unable{fsys} })
}
