package wal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// readOnly fails the test for every operation that could change something.
func readOnly(t testing.TB, fsys vfs.FS) vfs.FS {
	return vfs.Fault(fsys, func(op vfs.Op) error {
		if op.Kind.Changes() {
			t.Errorf("verify wants to %s %s", op.Kind, op.Name)
			return errInjected
		}
		return nil
	})
}

// verify returns the frames that Verify sees and how many it says are missing.
func verify(t testing.TB, disk vfs.FS, m *model) (have map[uint64]bool, missing uint64, reasons string) {
	t.Helper()
	have = map[uint64]bool{}
	before := uint64(0)
	v, err := wal.Verify(readOnly(t, disk), "/data/wal", 0, func(_ string, f wal.Frame) error {
		if f.Seq <= before {
			t.Fatalf("frame %d after %d", f.Seq, before)
		}
		before = f.Seq
		m.equal(t, f)
		have[f.Seq] = true
		return nil
	}, func(d wal.Damage) {
		missing += d.Missing()
		reasons += d.Reason + " "
	})
	must(t, err)
	equal(t, v.Frames, uint64(len(have)))
	return have, missing, reasons
}

// filled is a disk with a log of 30 frames in several segments.
func filled(t testing.TB, clean bool) (*vfs.Mem, *model) {
	t.Helper()
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	l := open(t, disk, cfg)
	for i := range 30 {
		m.append(t, l, i, 500)
	}
	if clean {
		must(t, l.Close())
	}
	return disk.CrashClone(vfs.CrashOptions{}), m
}

func TestVerifySeesEveryFrame(t *testing.T) {
	for _, clean := range []bool{true, false} {
		disk, m := filled(t, clean)
		have, missing, reasons := verify(t, disk, m)
		if len(have) != 30 || missing != 0 || reasons != "" {
			t.Errorf("closed %t: %d frames, %d missing, damage %q", clean, len(have), missing, reasons)
		}
	}
}

// TestVerifyAgreesWithOpen damages bytes of each segment in turn: Verify keeps
// the frames that Open keeps and misses those that Open and its readers miss.
func TestVerifyAgreesWithOpen(t *testing.T) {
	for _, clean := range []bool{true, false} {
		whole, m := filled(t, clean)
		entries, err := whole.ReadDir("/data/wal")
		must(t, err)
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".wal") {
				continue
			}
			size, err := e.Info()
			must(t, err)
			for at := int64(0); at < size.Size(); at += 37 {
				disk := whole.CrashClone(vfs.CrashOptions{})
				flipAt(t, disk, filepath.Join("/data/wal", e.Name()), at)
				seen, missing, reasons := verify(t, disk, m)
				cfg, _ := smallConfig(t)
				have, reported, opened := readAll(t, disk, cfg, m)
				if len(seen) != len(have) || missing != reported {
					t.Fatalf("byte %d of %s: Verify has %d frames and misses %d (%s), Open %d and %d (%s)",
						at, e.Name(), len(seen), missing, reasons, len(have), reported, opened)
				}
			}
		}
	}
}

func flipAt(t testing.TB, fsys vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR)
	must(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	must(t, err)
	b[0] ^= 0x10
	_, err = f.WriteAt(b, at)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

func TestVerifyMissesASegment(t *testing.T) {
	disk, m := filled(t, true)
	entries, err := disk.ReadDir("/data/wal")
	must(t, err)
	must(t, disk.Remove(filepath.Join("/data/wal", entries[1].Name())))
	have, missing, reasons := verify(t, disk, m)
	if missing == 0 || len(have)+int(missing) != 30 || reasons != "missing segment " {
		t.Errorf("%d frames, %d missing, damage %q", len(have), missing, reasons)
	}
}

func TestVerifyEndsWithVisit(t *testing.T) {
	disk, _ := filled(t, true)
	stop := errors.New("stop")
	_, err := wal.Verify(disk, "/data/wal", 0, func(string, wal.Frame) error { return stop }, func(wal.Damage) {})
	is(t, err, stop)
	if _, err := wal.Verify(disk, "/nowhere", 0, nil, nil); err == nil {
		t.Error("a folder that is not there was verified")
	}
}
