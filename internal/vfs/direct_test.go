package vfs_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"sluice/internal/vfs"
)

// TestDirect writes around the page cache, and reads through it and around it.
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
		again := vfs.DirectMemory(len(block))
		_, err = d.ReadAt(again, int64(i)*vfs.DirectBlock)
		must(t, err)
		equal(t, string(again), string(block))
	}
	must(t, d.Close())
}

// plainFile is a File of OpenDirect that cannot do more.
type plainFile struct{ vfs.File }

// TestCommit writes several pieces at once, by one call of the system and by many.
func TestCommit(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	put(t, vfs.OS, name, "before")
	d, err := vfs.OpenDirect(vfs.OS, name)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		t.Skip("no direct writes here: ", err)
	}
	must(t, err)
	f := func(file vfs.File, blocks ...int) {
		t.Helper()
		var pieces [][]byte
		var want []byte
		for i, n := range blocks {
			piece := vfs.DirectMemory(n * vfs.DirectBlock)
			for j := range piece {
				piece[j] = byte('a' + i + len(blocks))
			}
			pieces, want = append(pieces, piece), append(want, piece...)
		}
		err := vfs.Commit(file, 3*vfs.DirectBlock, pieces...)
		if errors.Is(err, syscall.EINVAL) {
			t.Skip("no direct writes here: ", err)
		}
		must(t, err)
		got := read(t, vfs.OS, name)
		equal(t, got[3*vfs.DirectBlock:3*vfs.DirectBlock+len(want)], string(want))
	}
	for _, file := range []vfs.File{d, plainFile{d}} {
		f(file, 1)
		f(file, 2, 1)
		f(file, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2)
	}
	must(t, d.Close())
	if vfs.Commit(d, 0, vfs.DirectMemory(vfs.DirectBlock)) == nil {
		t.Error("a closed file takes a commit")
	}
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
