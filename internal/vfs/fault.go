package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
)

// OpKind names an operation that a Fault hook sees.
type OpKind uint8

const (
	OpOpen OpKind = 1 + iota
	OpCreate
	OpRename
	OpLink
	OpRemove
	OpMkdirAll
	OpReadDir
	OpStat
	OpSyncDir
	OpLock
	OpFree
	OpRead
	OpWrite
	OpSync
	OpPreallocate
	OpTruncate
)

var opNames = [...]string{
	OpOpen: "open", OpCreate: "create", OpRename: "rename", OpLink: "link", OpRemove: "remove",
	OpMkdirAll: "mkdir", OpReadDir: "readdir", OpStat: "stat", OpSyncDir: "syncdir", OpLock: "lock",
	OpFree: "free", OpRead: "read", OpWrite: "write", OpSync: "sync", OpPreallocate: "preallocate",
	OpTruncate: "truncate",
}

func (k OpKind) String() string { return opNames[k] }

// Changes reports whether an operation can change what a crash leaves behind.
func (k OpKind) Changes() bool {
	switch k {
	case OpOpen, OpReadDir, OpStat, OpLock, OpFree, OpRead:
		return false
	}
	return true
}

// Op is one operation about to happen.
type Op struct {
	Kind OpKind
	Name string // the file or directory; the new name of a Rename or Link
	N    int64  // 1 for the first operation of this Fault
	Size int64  // bytes of a read or write, the wanted size of Preallocate and Truncate
	Off  int64  // where a ReadAt or WriteAt begins; 0 of all others
}

// ErrTorn, returned by a Fault hook for a write, stores the first half of its
// bytes before the write fails.
var ErrTorn = errors.New("write torn by fault injection")

// flagsThatChange are the flags of OpenFile that can make or empty a file.
const flagsThatChange = os.O_CREATE | os.O_TRUNC

// Fault decorates a file system: hook is called before every operation, and
// when it returns an error the operation is not done and fails with that error
// inside an *fs.PathError. The hook may be called concurrently, and may look at
// the file system below, to take a CrashClone for instance. Closing a file is
// not an operation.
func Fault(fsys FS, hook func(Op) error) FS { return &faultFS{fsys: fsys, hook: hook} }

type faultFS struct {
	fsys FS
	hook func(Op) error
	n    atomic.Int64
}

func (f *faultFS) op(kind OpKind, name string, size int64) error {
	return f.opAt(kind, name, size, 0)
}

func (f *faultFS) opAt(kind OpKind, name string, size, off int64) error {
	err := f.hook(Op{Kind: kind, Name: name, N: f.n.Add(1), Size: size, Off: off})
	if err != nil {
		return &fs.PathError{Op: kind.String(), Path: name, Err: err}
	}
	return nil
}

func (f *faultFS) OpenFile(name string, flag int) (File, error) {
	kind := OpOpen
	if flag&flagsThatChange != 0 {
		kind = OpCreate
	}
	if err := f.op(kind, name, 0); err != nil {
		return nil, err
	}
	file, err := f.fsys.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fault: f}, nil
}

func (f *faultFS) Rename(oldname, newname string) error {
	if err := f.op(OpRename, newname, 0); err != nil {
		return err
	}
	return f.fsys.Rename(oldname, newname)
}

func (f *faultFS) Link(oldname, newname string) error {
	if err := f.op(OpLink, newname, 0); err != nil {
		return err
	}
	return f.fsys.Link(oldname, newname)
}

func (f *faultFS) Remove(name string) error {
	if err := f.op(OpRemove, name, 0); err != nil {
		return err
	}
	return f.fsys.Remove(name)
}

func (f *faultFS) MkdirAll(name string) error {
	if err := f.op(OpMkdirAll, name, 0); err != nil {
		return err
	}
	return f.fsys.MkdirAll(name)
}

func (f *faultFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.op(OpReadDir, name, 0); err != nil {
		return nil, err
	}
	return f.fsys.ReadDir(name)
}

func (f *faultFS) Stat(name string) (fs.FileInfo, error) {
	if err := f.op(OpStat, name, 0); err != nil {
		return nil, err
	}
	return f.fsys.Stat(name)
}

func (f *faultFS) SyncDir(name string) error {
	if err := f.op(OpSyncDir, name, 0); err != nil {
		return err
	}
	return f.fsys.SyncDir(name)
}

func (f *faultFS) Lock(name string) (io.Closer, error) {
	if err := f.op(OpLock, name, 0); err != nil {
		return nil, err
	}
	return f.fsys.Lock(name)
}

func (f *faultFS) Free(dir string) (int64, error) {
	if err := f.op(OpFree, dir, 0); err != nil {
		return 0, err
	}
	return f.fsys.Free(dir)
}

type faultFile struct {
	File
	fault *faultFS
}

func (f *faultFile) op(kind OpKind, size int64) error { return f.fault.op(kind, f.Name(), size) }

func (f *faultFile) Read(p []byte) (int, error) {
	if err := f.op(OpRead, int64(len(p))); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fault.opAt(OpRead, f.Name(), int64(len(p)), off); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultFile) Write(p []byte) (int, error) {
	return f.write(p, 0, f.File.Write)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, off, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

func (f *faultFile) write(p []byte, off int64, write func([]byte) (int, error)) (int, error) {
	err := f.fault.opAt(OpWrite, f.Name(), int64(len(p)), off)
	switch {
	case err == nil:
		return write(p)
	case errors.Is(err, ErrTorn):
		n, _ := write(p[:len(p)/2]) // the injected error is the one to report
		return n, err
	}
	return 0, err
}

func (f *faultFile) Size() (int64, error) {
	if err := f.op(OpStat, 0); err != nil {
		return 0, err
	}
	return f.File.Size()
}

func (f *faultFile) Sync() error {
	if err := f.op(OpSync, 0); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Preallocate(size int64) error {
	if err := f.op(OpPreallocate, size); err != nil {
		return err
	}
	return f.File.Preallocate(size)
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.op(OpTruncate, size); err != nil {
		return err
	}
	return f.File.Truncate(size)
}
