package wal_test

import (
	"path/filepath"
	"slices"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// operations is a file system that notes what changes it.
type operations struct {
	vfs.FS
	kinds []vfs.OpKind
}

func noting(t *testing.T) *operations {
	o := &operations{}
	o.FS = vfs.Fault(newDisk(t), func(op vfs.Op) error {
		if op.Kind.Changes() {
			o.kinds = append(o.kinds, op.Kind)
		}
		return nil
	})
	return o
}

// TestPreparedChangeOfSegments: frames wait for what stands before them in the new
// file, and for no name, footer or space.
func TestPreparedChangeOfSegments(t *testing.T) {
	fsys := noting(t)
	cfg, _ := smallConfig(t)
	due := 0
	cfg.Due = func() { due++ }
	l := open(t, fsys, cfg)
	for i := range 60 {
		before, asked := len(l.Segments()), due
		fsys.kinds = nil
		_, err := l.Append(ctx, wal.TypePut, 1, payload(i, 500))
		must(t, err)
		want := []vfs.OpKind{vfs.OpWrite, vfs.OpSync}
		if i > 0 && len(l.Segments()) > before {
			want = []vfs.OpKind{vfs.OpPreallocate, vfs.OpWrite, vfs.OpSync, vfs.OpWrite, vfs.OpSync}
		}
		if i > 0 && !slices.Equal(fsys.kinds, want) {
			t.Fatalf("frame %d took %v, want %v", i, fsys.kinds, want)
		}
		if due > asked {
			must(t, l.Prepare())
		}
	}
	equal(t, len(l.Segments()) > 5, true)
	equal(t, due < 3*len(l.Segments()), true)
	must(t, l.Close())
	is(t, l.Prepare(), wal.ErrClosed)
	l = open(t, fsys, cfg)
	equal(t, l.Durable(), 60)
	must(t, l.Close())
}

// TestPreparedFileTooSmall: a frame that needs more than a usual segment.
func TestPreparedFileTooSmall(t *testing.T) {
	disk := newDisk(t)
	cfg, _ := smallConfig(t)
	cfg.MaxFrameBytes = 100 << 10
	l, m := open(t, disk, cfg), &model{}
	for i := range 40 {
		size := 500
		if i%10 == 9 {
			size = 50 << 10
		}
		f := wal.Frame{Type: wal.TypePut, Key: 5, Payload: payload(i, size)}
		seq, err := l.Append(ctx, f.Type, f.Key, f.Payload)
		must(t, err)
		m.add(f)
		m.acked = seq
		must(t, l.Prepare())
	}
	for _, o := range crashKinds(1) {
		again, _ := m.reopen(t, disk.CrashClone(o))
		must(t, again.Close())
	}
	must(t, l.Close())
	equal(t, disk.OpenFiles(), 0)
}

// TestPreparedFileThatWasNotUsed leaves nothing behind but a spare.
func TestPreparedFileThatWasNotUsed(t *testing.T) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	l := open(t, disk, cfg)
	for i := range 3 {
		f := wal.Frame{Type: wal.TypePut, Key: 5, Payload: payload(i, 500)}
		seq, err := l.Append(ctx, f.Type, f.Key, f.Payload)
		must(t, err)
		m.add(f)
		m.acked = seq
	}
	before := l.DiskBytes()
	must(t, l.Prepare())
	equal(t, l.DiskBytes(), before+4<<10)
	crashed := disk.CrashClone(vfs.CrashOptions{})
	equal(t, count(t, crashed, cfg.Dir, "*.wal"), 2)
	found, err := wal.Verify(crashed, cfg.Dir, 0, func(string, wal.Frame) error { return nil }, func(d wal.Damage) { t.Errorf("%+v", d) })
	must(t, err)
	equal(t, found.Segments, 1)
	equal(t, found.Frames, 3)
	again, _ := m.reopen(t, crashed)
	equal(t, count(t, crashed, cfg.Dir, "*.wal"), 1)
	must(t, again.Close())
	must(t, l.Close())
	equal(t, count(t, disk, cfg.Dir, "*.wal"), 1)
	equal(t, count(t, disk, cfg.Dir, "*.spare"), 1)
}

func count(t *testing.T, fsys vfs.FS, dir, pattern string) int {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	must(t, err)
	n := 0
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok {
			n++
		}
	}
	return n
}
