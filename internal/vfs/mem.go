package vfs

import (
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that remembers what was synced. Paths are
// slash-separated; a leading slash means nothing. The zero value is not usable.
type Mem struct {
	mu      sync.Mutex
	root    *node
	journal []change        // directory changes that no SyncDir covered yet, in order
	locks   map[string]bool // names locked now
	open    int             // files open now
	free    int64
}

// node is a file or a directory.
type node struct {
	entries map[string]*node // a directory's entries as everybody sees them; nil for a file
	durable map[string]*node // the entries that a crash cannot take away
	content
	modTime time.Time
}

// place is a name in a directory.
type place struct {
	dir  *node
	name string
}

// edit is one entry set, or removed where to is nil.
type edit struct {
	place
	to *node
}

// change is one atomic change of directories: a rename is two edits.
type change struct {
	edits  []edit
	places []place // what it edits or depends on
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	return &Mem{root: newDir(), locks: map[string]bool{}, free: 1 << 40}
}

func newDir() *node {
	return &node{entries: map[string]*node{}, durable: map[string]*node{}, modTime: time.Now()}
}

func (n *node) isDir() bool { return n.entries != nil }

// SetFree sets what Free returns; Mem never runs full by itself, see Fault.
func (m *Mem) SetFree(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = bytes
}

// OpenFiles returns how many files are open, so that tests can find leaks.
func (m *Mem) OpenFiles() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// walk returns the node at name, nil where there is none.
func (m *Mem) walk(name string) *node {
	n := m.root
	for part := range strings.SplitSeq(strings.Trim(path.Clean("/"+name), "/"), "/") {
		if part == "" {
			continue
		}
		if n == nil || !n.isDir() {
			return nil
		}
		n = n.entries[part]
	}
	return n
}

// place returns the directory and the last element of name.
func (m *Mem) place(op, name string) (place, error) {
	dir, last := path.Split(path.Clean("/" + name))
	d := m.walk(dir)
	switch {
	case d == nil:
		return place{}, pathError(op, name, fs.ErrNotExist)
	case !d.isDir():
		return place{}, pathError(op, name, syscall.ENOTDIR)
	case last == "":
		return place{}, pathError(op, name, syscall.EISDIR)
	}
	return place{d, last}, nil
}

// apply makes a change visible and remembers it until a SyncDir covers it.
func (m *Mem) apply(edits []edit, also ...place) {
	c := change{edits: edits, places: also}
	for _, e := range edits {
		e.dir.set(e.name, e.to)
		c.places = append(c.places, e.place)
	}
	m.journal = append(m.journal, c)
}

func (n *node) set(name string, to *node) {
	if to == nil {
		delete(n.entries, name)
	} else {
		n.entries[name] = to
	}
	n.modTime = time.Now()
}

func (m *Mem) OpenFile(name string, flag int) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.place("open", name)
	if err != nil {
		return nil, err
	}
	n := at.dir.entries[at.name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, pathError("open", name, fs.ErrNotExist)
	case n == nil:
		n = &node{modTime: time.Now()}
		m.apply([]edit{{at, n}})
	case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, pathError("open", name, fs.ErrExist)
	case n.isDir() && flag&(os.O_RDWR|os.O_WRONLY) != 0:
		return nil, pathError("open", name, syscall.EISDIR)
	}
	if flag&os.O_TRUNC != 0 {
		n.truncate(0)
	}
	m.open++
	return &memFile{mem: m, node: n, name: name, writable: flag&(os.O_RDWR|os.O_WRONLY) != 0}, nil
}

func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, err := m.place("rename", oldname)
	if err != nil {
		return err
	}
	to, err := m.place("rename", newname)
	if err != nil {
		return err
	}
	n, over := from.dir.entries[from.name], to.dir.entries[to.name]
	switch {
	case n == nil:
		return pathError("rename", oldname, fs.ErrNotExist)
	case n == over:
		return nil // also what POSIX says of two links to one file
	case over != nil && over.isDir():
		return pathError("rename", newname, fs.ErrExist)
	}
	m.apply([]edit{{from, nil}, {to, n}})
	return nil
}

func (m *Mem) Link(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, err := m.place("link", oldname)
	if err != nil {
		return err
	}
	to, err := m.place("link", newname)
	if err != nil {
		return err
	}
	n := from.dir.entries[from.name]
	switch {
	case n == nil:
		return pathError("link", oldname, fs.ErrNotExist)
	case to.dir.entries[to.name] != nil:
		return pathError("link", newname, fs.ErrExist)
	case n.isDir():
		return pathError("link", oldname, syscall.EPERM)
	}
	m.apply([]edit{{to, n}}, from)
	return nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.place("remove", name)
	if err != nil {
		return err
	}
	n := at.dir.entries[at.name]
	switch {
	case n == nil:
		return pathError("remove", name, fs.ErrNotExist)
	case n.isDir() && len(n.entries) > 0:
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	m.apply([]edit{{at, nil}})
	return nil
}

func (m *Mem) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for part := range strings.SplitSeq(strings.Trim(path.Clean("/"+name), "/"), "/") {
		if part == "" {
			continue
		}
		next := n.entries[part]
		if next == nil {
			next = newDir()
			m.apply([]edit{{place{n, part}, next}})
		}
		if !next.isDir() {
			return pathError("mkdir", name, syscall.ENOTDIR)
		}
		n = next
	}
	return nil
}

func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.walk(name)
	if d == nil {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	if !d.isDir() {
		return nil, pathError("readdir", name, syscall.ENOTDIR)
	}
	list := make([]fs.DirEntry, 0, len(d.entries))
	for entry, n := range d.entries {
		list = append(list, fs.FileInfoToDirEntry(n.stat(entry)))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list, nil
}

func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.walk(name)
	if n == nil {
		return nil, pathError("stat", name, fs.ErrNotExist)
	}
	return n.stat(path.Base(path.Clean("/" + name))), nil
}

// SyncDir makes every pending change of the directory durable, and the earlier
// changes that those depend on.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.walk(name)
	if d == nil {
		return pathError("open", name, fs.ErrNotExist)
	}
	needed := map[place]bool{}
	durable := make([]bool, len(m.journal))
	for i, c := range slices.Backward(m.journal) {
		covered := slices.ContainsFunc(c.edits, func(e edit) bool { return e.dir == d })
		if durable[i] = covered || slices.ContainsFunc(c.places, func(p place) bool { return needed[p] }); !durable[i] {
			continue
		}
		for _, p := range c.places {
			needed[p] = true
		}
	}
	var left []change
	for i, c := range m.journal {
		if !durable[i] {
			left = append(left, c)
			continue
		}
		for _, e := range c.edits {
			if e.to == nil {
				delete(e.dir.durable, e.name)
			} else {
				e.dir.durable[e.name] = e.to
			}
		}
	}
	m.journal = left
	return nil
}

type memLock struct {
	mem  *Mem
	name string
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.OpenFile(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	name = path.Clean("/" + name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, pathError("lock", name, ErrLocked)
	}
	m.locks[name] = true
	return &memLock{m, name}, nil
}

func (l *memLock) Close() error {
	l.mem.mu.Lock()
	defer l.mem.mu.Unlock()
	if !l.mem.locks[l.name] {
		return pathError("close", l.name, fs.ErrClosed)
	}
	delete(l.mem.locks, l.name)
	return nil
}

func (m *Mem) Free(dir string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.walk(dir) == nil {
		return 0, pathError("statfs", dir, fs.ErrNotExist)
	}
	return m.free, nil
}

// memInfo is a snapshot of a node as fs.FileInfo.
type memInfo struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func (n *node) stat(name string) fs.FileInfo {
	if n.isDir() {
		return memInfo{name, 0, fs.ModeDir | 0o755, n.modTime}
	}
	return memInfo{name, n.size, 0o644, n.modTime}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
