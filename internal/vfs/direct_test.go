package vfs_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"sluice/internal/vfs"
)

// TestDirect writes around the page cache and reads through it.
func TestDirect(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	put(t, vfs.OS, name, "before")
	d, err := vfs.OpenDirect(vfs.OS, name)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		t.Skip("no direct writes here: ", err)
	}
	must(t, err)
	for i := range byte(3) {
		block := vfs.DirectMemory(2 * vfs.DirectBlock)
		for j := range block {
			block[j] = 'a' + i
		}
		_, err = d.WriteAt(block, int64(i)*vfs.DirectBlock)
		if errors.Is(err, syscall.EINVAL) {
			t.Skip("no direct writes here: ", err)
		}
		must(t, err)
		must(t, d.Sync())
		got := read(t, vfs.OS, name)
		equal(t, len(got), int(i+2)*vfs.DirectBlock)
		equal(t, got[int(i)*vfs.DirectBlock:], string(block))
	}
	must(t, d.Close())
}

func TestDirectIsOptional(t *testing.T) {
	_, err := vfs.OpenDirect(vfs.NewMem(), "/f")
	is(t, err, errors.ErrUnsupported)
}

func TestDirectMemory(t *testing.T) {
	for _, n := range []int{1, 100, vfs.DirectBlock, 3 * vfs.DirectBlock, 1<<20 + 5} {
		b := vfs.DirectMemory(n)
		if len(b) != n || vfs.Misaligned(b) != 0 || !bytes.Equal(b, make([]byte, n)) {
			t.Errorf("%d bytes of memory: %d, %d beyond a block", n, len(b), vfs.Misaligned(b))
		}
	}
}
