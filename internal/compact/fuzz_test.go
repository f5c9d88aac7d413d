package compact_test

import (
	"math/rand/v2"
	"testing"

	"sluice/internal/compact"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// readAll calls every way to read a file; errors are fine, panics are not.
func readAll(f *compact.File) {
	defer f.Close()
	first, last := f.Range()
	f.Groups(func(g compact.Group) {
		f.Places(g.UID, 0, 0, 1<<62, [][]byte{[]byte("ERROR no route")}, func(p compact.Place) {
			f.Batch(p.Number)
		})
	})
	for n := first; n <= last && n < first+100; n++ {
		f.Batch(n)
		f.Frame(n)
	}
	f.Frames(0, 1<<62, func(wal.Frame) error { return nil })
	f.Verify(func(compact.Damage) {})
}

// FuzzOpen reads files that are not what was written. Those whose checksums are
// right again are FuzzColumns' task.
func FuzzOpen(f *testing.F) {
	disk := newDisk(f)
	write(f, disk, compact.Options{BlockBytes: 1 << 10, NGrams: true}, mixed(f, rand.New(rand.NewPCG(1, 2)), 8), someFrames(4))
	content, err := vfs.ReadFile(disk, path, 1<<20)
	must(f, err)
	f.Add(content, uint32(0), uint32(0))
	f.Add(content, uint32(5000), uint32(77))
	f.Add(content[:len(content)/2], uint32(0), uint32(1))
	f.Fuzz(func(t *testing.T, content []byte, at, value uint32) {
		if len(content) > 0 {
			content = append([]byte(nil), content...)
			content[int(at)%len(content)] ^= byte(value)
		}
		disk := newDisk(t)
		file, err := vfs.Create(disk, path)
		must(t, err)
		_, err = file.WriteAt(content, 0)
		must(t, err)
		must(t, file.Close())
		if opened, err := compact.Open(disk, path, compact.NewCache(1<<20)); err == nil {
			readAll(opened)
		}
	})
}
