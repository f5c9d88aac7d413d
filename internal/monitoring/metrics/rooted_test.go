package metrics

import (
	"io"
	"io/fs"

	"sluice/internal/vfs"
)

// rooted is a file system below a folder.
type rooted struct {
	fs  vfs.FS
	dir string
}

func (r rooted) OpenFile(name string, flag int) (vfs.File, error) {
	return r.fs.OpenFile(r.dir+name, flag)
}
func (r rooted) Rename(a, b string) error                   { return r.fs.Rename(r.dir+a, r.dir+b) }
func (r rooted) Link(a, b string) error                     { return r.fs.Link(r.dir+a, r.dir+b) }
func (r rooted) Remove(name string) error                   { return r.fs.Remove(r.dir + name) }
func (r rooted) MkdirAll(name string) error                 { return r.fs.MkdirAll(r.dir + name) }
func (r rooted) ReadDir(name string) ([]fs.DirEntry, error) { return r.fs.ReadDir(r.dir + name) }
func (r rooted) Stat(name string) (fs.FileInfo, error)      { return r.fs.Stat(r.dir + name) }
func (r rooted) SyncDir(name string) error                  { return r.fs.SyncDir(r.dir + name) }
func (r rooted) Lock(name string) (io.Closer, error)        { return r.fs.Lock(r.dir + name) }
func (r rooted) Free(dir string) (int64, error)             { return r.fs.Free(r.dir + dir) }
