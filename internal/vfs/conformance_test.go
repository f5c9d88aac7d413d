package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/vfs"
)

// conformance is what every file system must do; dir is an empty directory.
var conformance = []struct {
	name string
	run  func(t *testing.T, fsys vfs.FS, dir string)
}{
	{"read back what was written", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, filepath.Join(dir, "f"))
		write(t, f, "hello ")
		write(t, f, "world")
		must(t, f.Sync())
		_, err := f.WriteAt([]byte("W"), 6)
		must(t, err)
		b := make([]byte, 20)
		n, err := f.ReadAt(b, 3)
		equal(t, string(b[:n]), "lo World")
		is(t, err, io.EOF)
		must(t, f.Close())
		_, err = f.ReadAt(b, 0)
		is(t, err, fs.ErrClosed)
		is(t, f.Close(), fs.ErrClosed)
		equal(t, read(t, fsys, filepath.Join(dir, "f")), "hello World")
	}},
	{"sequential reads end with EOF", func(t *testing.T, fsys vfs.FS, dir string) {
		put(t, fsys, filepath.Join(dir, "f"), "0123456789")
		f, err := vfs.Open(fsys, filepath.Join(dir, "f"))
		must(t, err)
		defer f.Close()
		b, err := io.ReadAll(f)
		must(t, err)
		equal(t, string(b), "0123456789")
		equal(t, f.Name(), filepath.Join(dir, "f"))
	}},
	{"a gap and a preallocated end read as zeros", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, filepath.Join(dir, "f"))
		defer f.Close()
		_, err := f.WriteAt([]byte("x"), 5000)
		must(t, err)
		must(t, f.Preallocate(9000))
		must(t, f.Preallocate(10)) // never shrinks
		size, err := f.Size()
		must(t, err)
		equal(t, size, 9000)
		equal(t, read(t, fsys, f.Name()), strings.Repeat("\x00", 5000)+"x"+strings.Repeat("\x00", 3999))
	}},
	{"truncate cuts, and what grows again is zero", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, filepath.Join(dir, "f"))
		defer f.Close()
		write(t, f, strings.Repeat("y", 5000))
		must(t, f.Truncate(3))
		must(t, f.Truncate(6))
		equal(t, read(t, fsys, f.Name()), "yyy\x00\x00\x00")
	}},
	{"open flags", func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "f")
		_, err := vfs.Open(fsys, name)
		is(t, err, fs.ErrNotExist)
		put(t, fsys, name, "abc")
		_, err = fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		is(t, err, fs.ErrExist)
		f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE)
		must(t, err)
		must(t, f.Close())
		equal(t, read(t, fsys, name), "abc")
		must(t, create(t, fsys, name).Close())
		equal(t, read(t, fsys, name), "")
		f, err = vfs.Open(fsys, name)
		must(t, err)
		defer f.Close()
		if _, err := f.Write([]byte("x")); err == nil {
			t.Error("wrote to a file opened for reading")
		}
		_, err = fsys.OpenFile(filepath.Join(dir, "no", "f"), os.O_RDWR|os.O_CREATE)
		is(t, err, fs.ErrNotExist)
	}},
	{"rename replaces", func(t *testing.T, fsys vfs.FS, dir string) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		put(t, fsys, a, "new")
		put(t, fsys, b, "old")
		open, err := vfs.Open(fsys, b)
		must(t, err)
		defer open.Close()
		must(t, fsys.Rename(a, b))
		equal(t, read(t, fsys, b), "new")
		old, err := io.ReadAll(open)
		must(t, err)
		equal(t, string(old), "old")
		is(t, fsys.Rename(a, b), fs.ErrNotExist)
	}},
	{"link is put-if-absent", func(t *testing.T, fsys vfs.FS, dir string) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		put(t, fsys, a, "1")
		must(t, fsys.Link(a, b))
		is(t, fsys.Link(a, b), fs.ErrExist)
		must(t, fsys.Remove(a))
		equal(t, read(t, fsys, b), "1")
		is(t, fsys.Link(a, filepath.Join(dir, "c")), fs.ErrNotExist)
	}},
	{"a removed file lives while it is open", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, filepath.Join(dir, "f"))
		defer f.Close()
		write(t, f, "abc")
		must(t, fsys.Remove(f.Name()))
		is(t, fsys.Remove(f.Name()), fs.ErrNotExist)
		b := make([]byte, 3)
		_, err := f.ReadAt(b, 0)
		must(t, err)
		equal(t, string(b), "abc")
	}},
	{"directories", func(t *testing.T, fsys vfs.FS, dir string) {
		deep := filepath.Join(dir, "x", "y")
		must(t, fsys.MkdirAll(deep))
		must(t, fsys.MkdirAll(deep))
		put(t, fsys, filepath.Join(deep, "b"), "12")
		put(t, fsys, filepath.Join(deep, "a"), "1")
		list, err := fsys.ReadDir(deep)
		must(t, err)
		equal(t, len(list), 2)
		equal(t, list[0].Name()+list[1].Name(), "ab")
		st, err := list[1].Info()
		must(t, err)
		equal(t, st.Size(), 2)
		if fsys.Remove(deep) == nil {
			t.Error("removed a directory that is not empty")
		}
		must(t, fsys.SyncDir(deep))
		st, err = fsys.Stat(deep)
		must(t, err)
		equal(t, st.IsDir(), true)
		_, err = fsys.ReadDir(filepath.Join(dir, "none"))
		is(t, err, fs.ErrNotExist)
		_, err = fsys.Stat(filepath.Join(dir, "none"))
		is(t, err, fs.ErrNotExist)
		if fsys.SyncDir(filepath.Join(dir, "none")) == nil {
			t.Error("synced a directory that is not there")
		}
	}},
	{"lock admits one", func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		l, err := fsys.Lock(name)
		must(t, err)
		_, err = fsys.Lock(name)
		is(t, err, vfs.ErrLocked)
		must(t, l.Close())
		l, err = fsys.Lock(name)
		must(t, err)
		must(t, l.Close())
	}},
	{"free", func(t *testing.T, fsys vfs.FS, dir string) {
		n, err := fsys.Free(dir)
		must(t, err)
		if n <= 0 {
			t.Errorf("free = %d", n)
		}
		_, err = fsys.Free(filepath.Join(dir, "none"))
		is(t, err, fs.ErrNotExist)
	}},
	{"read file within a limit", func(t *testing.T, fsys vfs.FS, dir string) {
		put(t, fsys, filepath.Join(dir, "f"), "12345")
		if _, err := vfs.ReadFile(fsys, filepath.Join(dir, "f"), 4); err == nil {
			t.Error("read more than the limit")
		}
	}},
}

func TestConformance(t *testing.T) {
	for _, c := range conformance {
		t.Run("OS/"+c.name, func(t *testing.T) { c.run(t, vfs.OS, t.TempDir()) })
		t.Run("Mem/"+c.name, func(t *testing.T) {
			mem := vfs.NewMem()
			must(t, mem.MkdirAll("/d/e"))
			c.run(t, mem, "/d/e")
			equal(t, mem.OpenFiles(), 0)
		})
		t.Run("Fault/"+c.name, func(t *testing.T) {
			c.run(t, vfs.Fault(vfs.OS, func(vfs.Op) error { return nil }), t.TempDir())
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func create(t *testing.T, fsys vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := vfs.Create(fsys, name)
	must(t, err)
	return f
}

func write(t *testing.T, f vfs.File, s string) {
	t.Helper()
	n, err := f.Write([]byte(s))
	must(t, err)
	equal(t, n, len(s))
}

func put(t *testing.T, fsys vfs.FS, name, s string) {
	t.Helper()
	f := create(t, fsys, name)
	write(t, f, s)
	must(t, f.Sync())
	must(t, f.Close())
}

func read(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	must(t, err)
	return string(b)
}
