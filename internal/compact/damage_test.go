package compact_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"sluice/internal/compact"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// flip changes n bytes of the file.
func flip(t testing.TB, fsys vfs.FS, at int64, n int) {
	t.Helper()
	f, err := fsys.OpenFile(path, os.O_RDWR)
	must(t, err)
	defer f.Close()
	b := make([]byte, n)
	_, err = f.ReadAt(b, at)
	must(t, err)
	for i := range b {
		b[i] ^= 0x55
	}
	_, err = f.WriteAt(b, at)
	must(t, err)
	must(t, f.Sync())
}

func fileSize(t testing.TB, fsys vfs.FS) int64 {
	t.Helper()
	s, err := fsys.Stat(path)
	must(t, err)
	return s.Size()
}

// TestDamageCostsItsBlock damages every 397th byte of a file, a few bytes or a
// sector at a time: what is left is read, what is lost lies in the damaged
// blocks, and Verify names the place.
func TestDamageCostsItsBlock(t *testing.T) {
	batches, frames := mixed(t, rand.New(rand.NewPCG(7, 8)), 120), someFrames(80)
	whole := newDisk(t)
	write(t, whole, small, batches, frames)
	size, stride := fileSize(t, whole), int64(397)
	if raceEnabled {
		stride *= 10
	}
	for _, n := range []int{1, 512, 4096} {
		for at := int64(0); at < size; at += stride * int64(1+n/200) {
			disk := whole.CrashClone(vfs.CrashOptions{})
			flip(t, disk, at, int(min(int64(n), size-at)))
			readDamaged(t, disk, at, mostLost(n), batches, frames)
		}
	}
}

// mostLost is what damage of n bytes may cost here: what two blocks hold, or
// what lies in so many bytes.
func mostLost(n int) int { return 60 + n/64 }

func readDamaged(t *testing.T, disk *vfs.Mem, at int64, mostLost int, batches []numbered, frames []wal.Frame) {
	t.Helper()
	f, err := compact.Open(disk, path, compact.NewCache(1<<20))
	if err != nil {
		t.Fatalf("damage at %d: %v", at, err)
	}
	defer f.Close()
	lost := 0
	for _, b := range batches {
		got, err := f.Batch(b.number)
		switch {
		case errors.Is(err, compact.ErrCorrupt):
			lost++
		case err != nil || !bytes.Equal(got.Record(), b.Record()):
			t.Fatalf("damage at %d: batch %d: %v", at, b.number, err)
		}
	}
	for _, want := range frames {
		switch got, err := f.Frame(want.Seq); {
		case errors.Is(err, compact.ErrCorrupt):
			lost++
		case err != nil || !bytes.Equal(got.Payload, want.Payload):
			t.Fatalf("damage at %d: frame %d: %v", at, want.Seq, err)
		}
	}
	if lost > mostLost {
		t.Fatalf("damage at %d cost %d batches and frames", at, lost)
	}
	seen := 0
	for group := uint64(1); group <= 5; group++ {
		err := f.Places(group, 0, 0, 1<<62, nil, func(compact.Place) { seen++ })
		if err != nil && !errors.Is(err, compact.ErrCorrupt) {
			t.Fatalf("damage at %d: %v", at, err)
		}
	}
	if seen < len(batches)-mostLost {
		t.Fatalf("damage at %d left %d places", at, seen)
	}
	found := uint64(0)
	must(t, f.Verify(func(d compact.Damage) { found += 1 + d.Lost }))
	if found == 0 && lost > 0 {
		t.Fatalf("damage at %d cost %d, but Verify found nothing", at, lost)
	}
}

// TestVerifyFindsEveryFlip: all bytes count but the zeros between parts.
func TestVerifyFindsEveryFlip(t *testing.T) {
	whole := newDisk(t)
	write(t, whole, compact.Options{BlockBytes: 2 << 10, NGrams: true}, mixed(t, rand.New(rand.NewPCG(9, 9)), 12), someFrames(5))
	content, err := vfs.ReadFile(whole, path, 1<<30)
	must(t, err)
	stride := int64(5)
	if raceEnabled {
		stride *= 20
	}
	for at := int64(0); at < int64(len(content)); at += stride {
		around := content[max(at-40, 0):min(at+40, int64(len(content)))]
		if len(bytes.Trim(around, "\x00")) == 0 {
			continue // padding
		}
		disk := whole.CrashClone(vfs.CrashOptions{})
		flip(t, disk, at, 1)
		f, err := compact.Open(disk, path, nil)
		must(t, err)
		found := 0
		must(t, f.Verify(func(compact.Damage) { found++ }))
		if found == 0 && content[at] != 0 {
			t.Errorf("a flip at %d of %d was not found", at, len(content))
		}
		must(t, f.Close())
	}
}

func TestDamageSaysWhere(t *testing.T) {
	disk, batches := newDisk(t), mixed(t, rand.New(rand.NewPCG(1, 1)), 100)
	write(t, disk, small, batches, nil)
	flip(t, disk, 4096+192+10, 1)
	f := open(t, disk, 1<<20)
	var corrupt *compact.CorruptError
	for _, b := range batches {
		if _, err := f.Batch(b.number); errors.As(err, &corrupt) {
			break
		}
	}
	if corrupt == nil || corrupt.File != path || corrupt.Block != 0 || corrupt.Offset < 4096 || !strings.Contains(corrupt.Error(), path) {
		t.Errorf("error %v", corrupt)
	}
	f.Verify(func(d compact.Damage) {
		if d.Block != 0 || d.Offset != 4096 || d.Lost == 0 || d.First == 0 || d.Last < d.First {
			t.Errorf("damage %+v", d)
		}
	})
}

func TestNoFileAtAll(t *testing.T) {
	f := func(what string, content []byte) {
		t.Helper()
		disk := newDisk(t)
		file, err := vfs.Create(disk, path)
		must(t, err)
		_, err = file.WriteAt(content, 0)
		must(t, err)
		must(t, file.Close())
		if _, err := compact.Open(disk, path, nil); !errors.Is(err, compact.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", what, err)
		}
		if disk.OpenFiles() > 0 {
			t.Errorf("%s: file left open", what)
		}
	}
	f("empty", nil)
	f("short", []byte("sluiceco"))
	f("zero", make([]byte, 10_000))
}
