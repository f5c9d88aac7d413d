package compact_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"testing"

	"sluice/internal/compact"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

var errInjected = errors.New("injected")

// attempt writes a file as far as the file system lets it.
func attempt(fsys vfs.FS, batches []numbered, frames []wal.Frame) error {
	w, err := compact.Create(fsys, path, 3, small)
	if err != nil {
		return err
	}
	defer w.Discard()
	for _, b := range batches {
		if err := w.Batch(b.number, b.Batch); err != nil {
			return err
		}
	}
	for _, f := range frames {
		if err := w.Frame(f); err != nil {
			return err
		}
	}
	_, err = w.Finish(1, 1000)
	return err
}

// wholeOrNone fails the test unless the file is not there or all of it is.
func wholeOrNone(t *testing.T, disk vfs.FS, must bool, batches []numbered, frames []wal.Frame) {
	t.Helper()
	f, err := compact.Open(disk, path, nil)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	verified(t, f)
	for _, b := range batches {
		if got, err := f.Batch(b.number); err != nil || !bytes.Equal(got.Record(), b.Record()) {
			t.Fatalf("batch %d: %v", b.number, err)
		}
	}
	for _, want := range frames {
		if _, err := f.Frame(want.Seq); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCrashAtEveryOperation loses power before each operation of writing a file,
// and after the last.
func TestCrashAtEveryOperation(t *testing.T) {
	batches, frames := sorted(mixed(t, rand.New(rand.NewPCG(1, 9)), 30)), someFrames(20)
	for n := int64(1); ; n++ {
		disk := newDisk(t)
		var clones []*vfs.Mem
		err := attempt(vfs.Fault(disk, func(op vfs.Op) error {
			if op.N == n {
				for seed := range uint64(6) {
					clones = append(clones, disk.CrashClone(vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, uint64(n))), TornLastWrite: seed%2 == 0}))
				}
				clones = append(clones, disk.CrashClone(vfs.CrashOptions{}), disk.CrashClone(vfs.CrashOptions{ProcessOnly: true}))
			}
			return nil
		}), batches, frames)
		must(t, err)
		for _, clone := range clones {
			wholeOrNone(t, clone, false, batches, frames)
			must(t, attempt(clone, batches, frames)) // whatever was left is in nobody's way
			wholeOrNone(t, clone.CrashClone(vfs.CrashOptions{}), true, batches, frames)
		}
		if clones == nil {
			wholeOrNone(t, disk.CrashClone(vfs.CrashOptions{}), true, batches, frames)
			return
		}
	}
}

// TestFailEveryOperation makes each operation fail once: the error is told and
// nothing is left behind.
func TestFailEveryOperation(t *testing.T) {
	batches, frames := sorted(mixed(t, rand.New(rand.NewPCG(2, 9)), 30)), someFrames(20)
	for n := int64(1); ; n++ {
		disk := newDisk(t)
		failed := vfs.OpKind(0)
		reached := false
		err := attempt(vfs.Fault(disk, func(op vfs.Op) error {
			if op.N == n {
				failed, reached = op.Kind, true
				return errInjected
			}
			return nil
		}), batches, frames)
		if !reached {
			must(t, err)
			return
		}
		if !errors.Is(err, errInjected) && failed.Changes() {
			t.Errorf("operation %d (%s) failed: %v", n, failed, err)
		}
		if disk.OpenFiles() > 0 {
			t.Errorf("operation %d (%s) failed: %d files open", n, failed, disk.OpenFiles())
		}
		wholeOrNone(t, disk, false, batches, frames)
		names, err := disk.ReadDir("/store/0")
		must(t, err)
		for _, e := range names {
			if "/store/0/"+e.Name() != path {
				t.Errorf("operation %d (%s) failed: %s is left", n, failed, e.Name())
			}
		}
	}
}
