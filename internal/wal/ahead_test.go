package wal_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		m.append(t, l, i, size)
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
		m.append(t, l, i, 500)
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

// bulky is a folder whose snapshots are larger than a disk's sector.
type bulky struct{ tally }

func (b *bulky) AppendSnapshot(dst []byte) []byte {
	return append(b.tally.AppendSnapshot(dst), make([]byte, 1500)...)
}

func (b *bulky) Restore(snapshot []byte) error { return b.tally.Restore(snapshot[:12]) }

func bulkyConfig(t testing.TB) wal.Config {
	cfg, _ := smallConfig(t)
	cfg.SegmentBytes, cfg.Folders = 16<<10, []wal.Folder{&bulky{tally{id: 1}}}
	return cfg
}

// TestCrashWhilePreparedSegmentBegins: whatever part of what stands before the
// frames is on the disk, it is no damage, and nothing is lost.
func TestCrashWhilePreparedSegmentBegins(t *testing.T) {
	disk, m := newDisk(t), &model{}
	var clones []*vfs.Mem
	begins := 0
	var l *wal.Log
	fsys := vfs.Fault(disk, func(op vfs.Op) error {
		// What a sync would have made durable may be there in any part.
		if op.Kind == vfs.OpSync && l != nil {
			begins++
			for seed := range uint64(20) {
				clones = append(clones, disk.CrashClone(vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, uint64(begins))), TornLastWrite: seed%2 == 0}))
			}
		}
		return nil
	})
	l = open(t, fsys, bulkyConfig(t))
	for i := range 45 {
		m.append(t, l, i, 900)
		must(t, l.Prepare())
		acked, most := m.acked, uint64(i+2)
		for _, clone := range clones {
			again := open(t, clone, bulkyConfig(t)) // its Quarantine fails the test
			if d := again.Durable(); d < acked-1 || d > most {
				t.Fatalf("durable up to %d, %d was acknowledged", d, acked-1)
			}
			must(t, again.Close())
		}
		clones = clones[:0]
	}
	must(t, l.Close())
	equal(t, begins > 45, true)
}

// TestSegmentsBeginWhilePrepareIsAtIt: a file that was made too late for the segment
// that it was made for is not taken for a later one, before which its name stands.
func TestSegmentsBeginWhilePrepareIsAtIt(t *testing.T) {
	disk := newDisk(t)
	var l *wal.Log
	n, inside := 0, false
	more := func(frames int) {
		for range frames {
			_, err := l.Append(ctx, wal.TypePut, 1, payload(n, 900))
			must(t, err)
			n++
		}
	}
	fsys := vfs.Fault(disk, func(op vfs.Op) error {
		if inside && op.Kind == vfs.OpPreallocate { // of the file that is made ahead
			inside = false
			more(9) // two changes of segments
		}
		return nil
	})
	cfg, _ := smallConfig(t)
	l = open(t, fsys, cfg)
	for range 5 {
		more(2)
		inside = true
		must(t, l.Prepare())
	}
	more(10)
	must(t, l.Close())
	l = open(t, disk, cfg)
	equal(t, l.Durable(), uint64(n))
	must(t, l.Close())
}

// TestSparesKeepTheirNames: a spare that was a file made ahead is not found again
// under that name after a crash, with another segment in it.
func TestSparesKeepTheirNames(t *testing.T) {
	for crash := range int64(60) {
		disk, m := newDisk(t), &model{}
		full, at := false, int64(0)
		var clones []*vfs.Mem
		fsys := vfs.Fault(disk, func(op vfs.Op) error {
			if full && op.Kind == vfs.OpPreallocate {
				full, at = false, op.N
				return errNoSpace
			}
			if at > 0 && op.N == at+crash {
				for seed := range uint64(6) {
					clones = append(clones, disk.CrashClone(vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, 3))}))
				}
			}
			return nil
		})
		cfg, _ := smallConfig(t)
		l := open(t, fsys, cfg)
		acked := uint64(0)
		for i := range 25 {
			f := wal.Frame{Type: wal.TypePut, Key: 5, Payload: payload(i, 500)}
			full = i == 7 // the next change of segments
			seq, err := l.Append(ctx, f.Type, f.Key, f.Payload)
			if err != nil {
				is(t, err, wal.ErrNoSpace)
				continue
			}
			m.add(f)
			if clones == nil {
				acked = seq
			}
			if i < 7 {
				must(t, l.Prepare())
			}
		}
		for _, clone := range clones {
			again := &model{frames: slices.Clone(m.frames), acked: acked}
			if acked > 0 {
				again.acked--
			}
			log, _ := again.reopen(t, clone)
			must(t, log.Close())
		}
		must(t, l.Close())
	}
}

// TestLostBlockOfAPreparedSegment: zeros where a segment begins do not make it one
// that never began.
func TestLostBlockOfAPreparedSegment(t *testing.T) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	cfg.SegmentBytes = 16 << 10
	l := open(t, disk, cfg)
	for i := range 40 {
		m.append(t, l, i, 500)
		must(t, l.Prepare())
	}
	must(t, l.Close())
	entries, err := disk.ReadDir(cfg.Dir)
	must(t, err)
	name := ""
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".wal") {
			name = e.Name()
		}
	}
	f, err := disk.OpenFile(filepath.Join(cfg.Dir, name), os.O_RDWR)
	must(t, err)
	_, err = f.WriteAt(make([]byte, vfs.DirectBlock), 0)
	must(t, err)
	must(t, f.Close())
	have, missing, reasons := readAll(t, disk, cfg, m)
	equal(t, strings.Contains(reasons, "header"), true)
	equal(t, len(have)+int(missing), 40)
	equal(t, missing < 10, true)
}

// TestFootersOfANeglectedLog: somebody called Prepare and does not any more.
func TestFootersOfANeglectedLog(t *testing.T) {
	disk := newDisk(t)
	cfg, _ := smallConfig(t)
	l := open(t, disk, cfg)
	appendN(t, l, 1, 3, 500)
	must(t, l.Prepare())
	for i := range 200 {
		_, err := l.Append(ctx, wal.TypeBatch, 1, payload(i, 500))
		must(t, err)
	}
	must(t, l.Trim(l.Next()))
	equal(t, len(l.Segments()) < 8, true)
	must(t, l.Close())
	equal(t, disk.OpenFiles(), 0)
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
