// Package vfs is the seam between sluice and a file system.
//
// What it is: the handful of file operations a log and a put-if-absent object
// folder need, as two interfaces, with three implementations:
//
//   - OS, the machine's own file system (linux and darwin, no cgo);
//   - Mem, a file system in memory that can say what a machine would find after
//     a power failure (CrashClone);
//   - Fault, a decorator that calls a hook before every operation, to make it
//     fail, to count it, or to crash there.
//
// What enters: paths and bytes. What leaves: bytes and *fs.PathError errors that
// answer errors.Is for fs.ErrNotExist, fs.ErrExist and syscall.ENOSPC alike
// (IsNoSpace). Callers own every slice they pass in and get back.
//
// What survives a crash, on every implementation: the contents of a file as of
// its last Sync that returned nil, and a directory entry (made by OpenFile,
// Rename, Link, Remove or MkdirAll) as of the last SyncDir of its directory.
// Whatever came later may be there in whole, in part or not at all. Syncing a
// file does not make its name durable.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrLocked says that another holder has the lock that Lock asked for.
var ErrLocked = errors.New("locked by another process")

// FS is a file system. Its methods may be called concurrently.
type FS interface {
	// OpenFile opens a file with os.O_RDONLY, or os.O_RDWR joined with any of
	// os.O_CREATE, os.O_EXCL and os.O_TRUNC. Its directory must exist.
	OpenFile(name string, flag int) (File, error)
	// Rename moves a file atomically; a file at newname is replaced.
	Rename(oldname, newname string) error
	// Link gives a file a second name, atomically; fs.ErrExist when newname exists.
	Link(oldname, newname string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// MkdirAll makes a directory and its parents where they are missing.
	MkdirAll(name string) error
	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error
	// Lock takes an exclusive advisory lock on a file that it makes if need be,
	// until the Closer is closed or the process ends. A second holder, of this
	// process or another, gets ErrLocked at once.
	Lock(name string) (io.Closer, error)
	// Free returns how many bytes an unprivileged writer can still store below
	// the directory.
	Free(dir string) (int64, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Name returns the name the file was opened by.
	Name() string
	Size() (int64, error)
	// Sync makes everything written so far, and the size, durable: fdatasync on
	// linux, F_FULLFSYNC on darwin. After an error nothing is known about the
	// unsynced bytes: do not write on and do not call it again.
	Sync() error
	// Preallocate reserves space for the first size bytes and makes the file at
	// least that long; new bytes read as zero. It never shrinks a file.
	Preallocate(size int64) error
	Truncate(size int64) error
}

// Create opens a new or emptied file for reading and writing.
func Create(fsys FS, name string) (File, error) {
	return fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// CreatePrivate is Create for a secret: of the machine's users its owner alone may
// read the file. Only the machine's own file system knows users.
func CreatePrivate(fsys FS, name string) (File, error) {
	if p, ok := fsys.(interface{ createPrivate(string) (File, error) }); ok {
		return p.createPrivate(name)
	}
	return Create(fsys, name)
}

// Open opens a file for reading.
func Open(fsys FS, name string) (File, error) { return fsys.OpenFile(name, os.O_RDONLY) }

// ReadFile returns a file's contents, which must not be longer than limit.
func ReadFile(fsys FS, name string, limit int64) (_ []byte, err error) {
	f, err := Open(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: nothing to lose
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EFBIG}
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil // shrunk meanwhile, or exactly read
	}
	return b[:n], err
}

// IsNoSpace reports whether an error means that the disk or the quota is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
