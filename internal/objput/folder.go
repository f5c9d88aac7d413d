package objput

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"

	"github.com/cespare/xxhash/v2"

	"sluice/internal/vfs"
)

// Folder is a Store in a folder of a file system.
type Folder struct {
	fs   vfs.FS
	root string

	mu   sync.Mutex
	dirs map[string]bool // folders known to be there, durably
}

// maxDirs bounds the folders remembered; hour folders come and go.
const maxDirs = 4096

// OpenFolder opens the folder at root, makes it if need be, and removes what a
// crash left behind.
func OpenFolder(fsys vfs.FS, root string) (*Folder, error) {
	f := &Folder{fs: fsys, root: path.Clean(root)}
	f.forget()
	if err := f.makeRoot(); err != nil {
		return nil, fmt.Errorf("open object folder: %w", err)
	}
	if err := f.clean(); err != nil {
		return nil, fmt.Errorf("clean object folder: %w", err)
	}
	return f, nil
}

// ViewFolder is a folder to read from, beside a process that puts into it:
// nothing is made and nothing removed.
func ViewFolder(fsys vfs.FS, root string) *Folder {
	f := &Folder{fs: fsys, root: path.Clean(root)}
	f.forget()
	return f
}

// makeRoot makes the root, and its name and its parents' names durable: a start
// that died may have made any of them. Parents that somebody else made may
// stand where we cannot look.
func (f *Folder) makeRoot() error {
	if err := f.fs.MkdirAll(f.root); err != nil {
		return err
	}
	for dir := f.root; dir != path.Dir(dir); dir = path.Dir(dir) {
		if err := f.fs.SyncDir(path.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// clean removes the temp files of every bucket.
func (f *Folder) clean() error {
	buckets, err := f.fs.ReadDir(f.root)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		temp := path.Join(f.root, b.Name(), tempFolder)
		left, err := f.fs.ReadDir(temp)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return err
		}
		for _, file := range left {
			if err := f.fs.Remove(path.Join(temp, file.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// BucketExists tells whether a bucket was made.
func (f *Folder) BucketExists(_ context.Context, bucket string) (bool, error) {
	st, err := f.fs.Stat(path.Join(f.root, segment(bucket)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && st.IsDir(), err
}

// PutIfAbsent implements Store.
func (f *Folder) PutIfAbsent(ctx context.Context, bucket, key string, o Object) error {
	p, err := f.paths(bucket, key)
	if err == nil {
		err = f.put(ctx, p, key, o)
		if errors.Is(err, fs.ErrNotExist) { // somebody removed folders under us
			f.forget()
			err = f.put(ctx, p, key, o)
		}
	}
	if err == nil || errors.Is(err, ErrExists) {
		return err
	}
	return fmt.Errorf("put object %s/%s: %w", bucket, key, classify(err))
}

func (f *Folder) put(ctx context.Context, p paths, key string, o Object) error {
	if err := f.makeDir(path.Dir(p.object)); err != nil {
		return err
	}
	if err := f.taken(p, key); err != nil {
		return err
	}
	temp, sum, err := f.writeTemp(ctx, p, o)
	if err != nil {
		return err
	}
	defer f.fs.Remove(temp) // a left-over name costs nothing and goes at the next start
	if len(o.Meta) > 0 {
		if err := f.writeMeta(ctx, p, newMetaFile(key, o, sum)); err != nil {
			return err
		}
	}
	if err := f.fs.Link(temp, p.object); errors.Is(err, fs.ErrExist) {
		return f.taken(p, key)
	} else if err != nil {
		return err
	}
	if err := f.fs.SyncDir(path.Dir(p.object)); err != nil {
		return errors.Join(err, f.fs.Remove(p.object))
	}
	return nil
}

// taken returns ErrExists when the key has an object, after making that
// durable, and nil when there is none.
func (f *Folder) taken(p paths, key string) error {
	st, err := f.fs.Stat(p.object)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("%w: the key is the name of a folder", ErrRefused)
	}
	if m, err := f.readMeta(p); err == nil && m.Key != key {
		return fmt.Errorf("%w: key %q has the same path", ErrRefused, m.Key)
	}
	if err := f.fs.SyncDir(path.Dir(p.object)); err != nil {
		return err
	}
	return ErrExists
}

// writeTemp writes a synced temp file and returns its name and the body's hash.
func (f *Folder) writeTemp(ctx context.Context, p paths, o Object) (name string, sum uint64, err error) {
	dir := path.Join(p.bucket, tempFolder)
	if err := f.makeDir(dir); err != nil {
		return "", 0, err
	}
	name = path.Join(dir, rand.Text())
	file, err := f.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return "", 0, err
	}
	h := xxhash.New()
	n, err := copyBody(&checked{ctx, io.MultiWriter(&stepping{file: file}, h)}, o)
	if err == nil && n != o.Size {
		err = fmt.Errorf("body of %d bytes where %d were announced", n, o.Size)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", 0, errors.Join(err, f.fs.Remove(name))
	}
	return name, h.Sum64(), nil
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func copyBody(w io.Writer, o Object) (int64, error) {
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	return io.CopyBuffer(w, io.NewSectionReader(o.Body, 0, o.Size), buf[:])
}

// syncStep is how much of an object is synced at once. A disk that syncs has others
// wait, and above all the log's commits if it is theirs, too: for a step then, and
// not for a whole object.
const syncStep = 1 << 20

// stepping writes a file and syncs it by steps; what follows the last one is left.
type stepping struct {
	file   vfs.File
	behind int // bytes since the last sync
}

func (s *stepping) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if s.behind += n; err == nil && s.behind >= syncStep {
		s.behind, err = 0, s.file.Sync()
	}
	return n, err
}

// checked ends a copy when its context ends.
type checked struct {
	ctx context.Context
	w   io.Writer
}

func (c *checked) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// makeDir makes a folder and its parents durable, each once.
func (f *Folder) makeDir(dir string) error {
	f.mu.Lock()
	known := f.dirs[dir]
	f.mu.Unlock()
	if known {
		return nil
	}
	parent := path.Dir(dir)
	if err := f.makeDir(parent); err != nil {
		return err
	}
	if err := f.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := f.fs.SyncDir(parent); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.dirs) >= maxDirs {
		f.dirs = map[string]bool{f.root: true}
	}
	f.dirs[dir] = true
	return nil
}

func (f *Folder) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dirs = map[string]bool{f.root: true}
}

// Head implements Store. It reads the object once to prove that its metadata is
// its own.
func (f *Folder) Head(_ context.Context, bucket, key string) (Attributes, error) {
	p, err := f.paths(bucket, key)
	if err == nil {
		var a Attributes
		if a, err = f.head(p, key); err == nil {
			return a, nil
		}
	}
	return Attributes{}, fmt.Errorf("head object %s/%s: %w", bucket, key, classify(err))
}

func (f *Folder) head(p paths, key string) (a Attributes, err error) {
	file, err := f.open(p)
	if err != nil {
		return Attributes{}, err
	}
	defer file.Close() // only read
	if a.Size, err = file.Size(); err != nil {
		return Attributes{}, err
	}
	m, err := f.readMeta(p)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return Attributes{}, err
	}
	h := xxhash.New()
	if _, err := io.Copy(h, file); err != nil {
		return Attributes{}, err
	}
	if m.Key == key && m.Size == a.Size && m.Hash == hashText(h.Sum64()) {
		a.ContentType, a.ContentEncoding, a.Meta = m.ContentType, m.ContentEncoding, m.Meta
	}
	return a, nil
}

// Get implements Store.
func (f *Folder) Get(_ context.Context, bucket, key string) (io.ReadCloser, error) {
	p, err := f.paths(bucket, key)
	if err == nil {
		var file vfs.File
		if file, err = f.open(p); err == nil {
			return file, nil
		}
	}
	return nil, fmt.Errorf("get object %s/%s: %w", bucket, key, classify(err))
}

func (f *Folder) open(p paths) (vfs.File, error) {
	st, err := f.fs.Stat(p.object)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, ErrNotFound
	}
	return vfs.Open(f.fs, p.object)
}

// classify puts a file system's error into the Store's terms.
func classify(err error) error {
	switch {
	case errors.Is(err, ErrRefused), errors.Is(err, ErrNotFound):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENAMETOOLONG),
		errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
