package wal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// readAll returns the sequences that a log still has, each verified, and how
// many frames Quarantine was told are missing.
func readAll(t *testing.T, fsys vfs.FS, cfg wal.Config, m *model) (have map[uint64]bool, missing uint64, reasons string) {
	t.Helper()
	reported := map[uint64]bool{}
	cfg.Quarantine = func(d wal.Damage) {
		reasons += d.Reason + " "
		for seq := d.FirstSeq; seq <= d.LastSeq; seq++ {
			if reported[seq] {
				t.Fatalf("frame %d was reported twice", seq)
			}
			reported[seq] = true
		}
	}
	l, err := wal.Open(fsys, cfg)
	must(t, err)
	defer l.Close()
	have = map[uint64]bool{}
	r, err := l.NewReader(l.First())
	must(t, err)
	for {
		b, ok, err := r.TryNext()
		must(t, err)
		if !ok {
			break
		}
		for f := range b.All() {
			m.equal(t, f)
			have[f.Seq] = true
		}
	}
	for seq := l.First(); seq <= l.Durable(); seq++ {
		f, err := l.Read(seq)
		if have[seq] != (err == nil) {
			t.Fatalf("frame %d: reader has it: %v, Read says %v", seq, have[seq], err)
		}
		if err == nil {
			m.equal(t, f)
		}
	}
	equal(t, l.Stats().Missing, uint64(len(reported)))
	return have, uint64(len(reported)), reasons
}

// TestFlipEveryByte damages each byte of each segment file in turn: the log
// opens, at most one frame is lost, and what is lost is reported.
func TestFlipEveryByte(t *testing.T) {
	f := func(name string, clean, folders, ahead bool) {
		t.Run(name, func(t *testing.T) {
			disk, m := newDisk(t), &model{}
			cfg, _ := smallConfig(t)
			if !folders {
				cfg.Folders = nil
			}
			l := open(t, disk, cfg)
			for i := range 12 {
				m.append(t, l, i, 500)
				if ahead && i != 4 {
					must(t, l.Prepare())
				}
			}
			if clean {
				must(t, l.Close())
			}
			entries, err := disk.ReadDir(cfg.Dir)
			must(t, err)
			entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".wal") })
			segments := len(l.Segments()) // there may be a file that no segment began in
			for i, e := range entries {
				st, err := e.Info()
				must(t, err)
				last := i >= segments-1
				for off := int64(0); off < st.Size(); off += step {
					broken := disk.CrashClone(vfs.CrashOptions{})
					flip(t, broken, filepath.Join(cfg.Dir, e.Name()), off)
					have, missing, reasons := readAll(t, broken, cfg, m)
					lost := uint64(len(m.frames) - len(have))
					if lost > 1 {
						t.Fatalf("%s offset %d: %d frames lost", e.Name(), off, lost)
					}
					if lost != missing && !(last && !clean) { // the last frame of a crash could be a torn one
						t.Fatalf("%s offset %d: %d frames lost, %d reported (%s)", e.Name(), off, lost, missing, reasons)
					}
				}
			}
		})
	}
	f("closed", true, true, false)
	f("closed, no folders", true, false, false)
	f("crashed", false, true, false)
	f("prepared, closed", true, true, true)
	f("prepared, closed, no folders", true, false, true)
	f("prepared, crashed", false, true, true)
}

func flip(t *testing.T, disk *vfs.Mem, name string, off int64) {
	t.Helper()
	f, err := disk.OpenFile(name, os.O_RDWR)
	must(t, err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, off)
	must(t, err)
	b[0] ^= byte(1 + off%255)
	_, err = f.WriteAt(b, off)
	must(t, err)
	must(t, f.Sync())
}

// TestTruncateEverywhere cuts the last segment of a crashed log at each length.
func TestTruncateEverywhere(t *testing.T) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	l := open(t, disk, cfg)
	for i := range 5 {
		m.append(t, l, i, 300)
	}
	entries, err := disk.ReadDir(cfg.Dir)
	must(t, err)
	equal(t, len(entries), 1)
	for size := int64(0); size < 4<<10; size += 3 {
		cut := disk.CrashClone(vfs.CrashOptions{})
		f, err := cut.OpenFile(filepath.Join(cfg.Dir, entries[0].Name()), os.O_RDWR)
		must(t, err)
		must(t, f.Truncate(size))
		must(t, f.Sync())
		must(t, f.Close())
		have, missing, _ := readAll(t, cut, cfg, m)
		equal(t, missing, 0)
		whole := min(5, max(0, size-64)/344)
		equal(t, int64(len(have)), whole)
	}
	must(t, l.Close())
}

// TestMissingSegment removes a whole file from the middle.
func TestMissingSegment(t *testing.T) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	cfg.Folders = nil
	l := open(t, disk, cfg)
	for i := range 30 {
		m.append(t, l, i, 500)
	}
	seg := l.Segments()[1]
	must(t, l.Close())
	entries, err := disk.ReadDir(cfg.Dir)
	must(t, err)
	must(t, disk.Remove(filepath.Join(cfg.Dir, entries[1].Name())))
	have, missing, reasons := readAll(t, disk, cfg, m)
	equal(t, missing, seg.Last-seg.First+1)
	equal(t, uint64(len(have)), 30-missing)
	equal(t, strings.TrimSpace(reasons), "missing segment")
}

// TestZeroedSector loses a run of frames in the middle of a segment.
func TestZeroedSector(t *testing.T) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	cfg.SegmentBytes, cfg.Folders = 64<<10, nil
	l := open(t, disk, cfg)
	for i := range 60 {
		m.append(t, l, i, 100)
	}
	must(t, l.Close())
	entries, err := disk.ReadDir(cfg.Dir)
	must(t, err)
	f, err := disk.OpenFile(filepath.Join(cfg.Dir, entries[0].Name()), os.O_RDWR)
	must(t, err)
	_, err = f.WriteAt(make([]byte, 1024), 2048) // frames of 144 bytes from 64 on: 14 (from 1936) to 21 (until 3088)
	must(t, err)
	must(t, f.Close())
	have, missing, _ := readAll(t, disk, cfg, m)
	equal(t, missing, 8)
	equal(t, len(have), 52)
	equal(t, have[13] && !have[14] && !have[21] && have[22], true)
}

// TestFlipSoleSegment damages each byte of the one segment that trimming left,
// after a crash: the sequences go on, and the folders keep what was before.
func TestFlipSoleSegment(t *testing.T) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	l := open(t, disk, cfg)
	for i := 0; i == 0 || len(l.Segments()) < 3; i++ {
		m.append(t, l, i, 500)
	}
	must(t, l.Trim(l.Next()))
	base := l.First()
	equal(t, base, l.Durable())
	entries, err := disk.ReadDir(cfg.Dir)
	must(t, err)
	name := filepath.Join(cfg.Dir, entries[len(entries)-1].Name())
	for off := int64(0); off < 4<<10; off += step {
		broken := disk.CrashClone(vfs.CrashOptions{})
		flip(t, broken, name, off)
		for round := range uint64(2) { // and the next Open finds the same
			cfg, folders := smallConfig(t)
			cfg.Quarantine = nil
			l := open(t, broken, cfg)
			next := l.Next()
			if next != base+round && next != base+1+round {
				t.Fatalf("offset %d: goes on at %d, base is %d", off, next, base)
			}
			if want := m.fold(1, min(next-1, uint64(len(m.frames)))); round == 0 && *folders[0] != want {
				t.Fatalf("offset %d: state %+v, want %+v", off, *folders[0], want)
			}
			_, err := l.Append(ctx, wal.TypePut, 1, []byte("more"))
			must(t, err)
			must(t, l.Close())
		}
	}
}
