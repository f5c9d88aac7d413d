package vfs_test

import (
	"path/filepath"
	"testing"

	"sluice/internal/vfs"
)

// TestAdvice: a file that was told how it is read has what it had before, and one
// that cannot be told is none the worse for it.
func TestAdvice(t *testing.T) {
	for _, fsys := range []vfs.FS{vfs.OS, vfs.NewMem()} {
		dir := t.TempDir()
		must(t, fsys.MkdirAll(dir))
		name := filepath.Join(dir, "f")
		put(t, fsys, name, "what stands here")
		f, err := vfs.Open(fsys, name)
		must(t, err)
		// A system may refuse either, and then nothing is different.
		t.Log(vfs.ReadExactly(f), vfs.Prefetch(f, 5, 1<<20)) // beyond the end
		b := make([]byte, 6)
		_, err = f.ReadAt(b, 5)
		must(t, err)
		equal(t, string(b), "stands")
		must(t, f.Close())
	}
}
