package compact_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"sluice/internal/compact"
)

// A file carries what its writer noted, and says so when that is damaged.
func TestNote(t *testing.T) {
	f := func(note []byte) {
		t.Helper()
		disk := newDisk(t)
		w, err := compact.Create(disk, path, 3, small)
		must(t, err)
		must(t, w.Batch(1, sealed(t, 1, 2, 3, "one")))
		w.Note([]byte("another one"))
		w.Note(note)
		_, err = w.Finish(1, 9)
		must(t, err)
		file := open(t, disk, 1<<20)
		if got, err := file.Note(); err != nil || !bytes.Equal(got, note) {
			t.Errorf("%d bytes, want %d: %v", len(got), len(note), err)
		}
		must(t, file.Verify(func(d compact.Damage) { t.Errorf("damage: %+v", d) }))
	}
	f(nil)
	f([]byte("x"))
	f(bytes.Repeat([]byte("0123456789"), 10_000))
}

func TestDamagedNote(t *testing.T) {
	disk := newDisk(t)
	w, err := compact.Create(disk, path, 3, small)
	must(t, err)
	must(t, w.Batch(1, sealed(t, 1, 2, 3, "one")))
	w.Note([]byte("NOTE TO BE FOUND"))
	_, err = w.Finish(1, 9)
	must(t, err)
	raw := make([]byte, fileSize(t, disk))
	file, err := disk.OpenFile(path, 0)
	must(t, err)
	_, err = file.ReadAt(raw, 0)
	must(t, err)
	must(t, file.Close())
	flip(t, disk, int64(bytes.Index(raw, []byte("NOTE"))), 4)
	damaged := open(t, disk, 1<<20)
	if _, err := damaged.Note(); !errors.Is(err, compact.ErrCorrupt) {
		t.Error(err)
	}
	found := ""
	must(t, damaged.Verify(func(d compact.Damage) { found += d.What }))
	if !strings.Contains(found, "note") {
		t.Errorf("damage: %q", found)
	}
}
