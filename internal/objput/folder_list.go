package objput

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// List implements Lister. The keys of objects with metadata come from there; any
// other object's is its path, in which empty segments are gone. What lies in
// sluice's own folders of metadata and of objects being written is no object.
func (f *Folder) List(ctx context.Context, bucket, prefix string, visit func(Listed) error) error {
	p, err := f.paths(bucket, "-")
	if err != nil {
		return fmt.Errorf("list %s: %w", bucket, err)
	}
	if _, err := f.fs.Stat(p.bucket); err != nil {
		return fmt.Errorf("list %s: %w", bucket, classify(err))
	}
	w := &folderWalk{ctx: ctx, folder: f, bucket: bucket, prefix: prefix, visit: visit}
	return w.walk(p.bucket, "", cleanPrefix(prefix))
}

// cleanPrefix is what the paths of keys with a prefix begin with: segments
// become file names, empty ones go. Of the last one, which may go on, just so
// much is taken as a file name leaves alone.
func cleanPrefix(prefix string) string {
	segments := strings.Split(prefix, "/")
	last := segments[len(segments)-1]
	clean := ""
	for _, s := range segments[:len(segments)-1] {
		if s != "" {
			clean += segment(s) + "/"
		}
	}
	if strings.HasPrefix(last, ".") || strings.Contains(last, "\x00") {
		return clean
	}
	return clean + last[:min(len(last), cutSegment-utf8.UTFMax)]
}

// folderWalk is one List.
type folderWalk struct {
	ctx            context.Context
	folder         *Folder
	bucket, prefix string
	visit          func(Listed) error
}

// walk visits what lies in dir, whose path in the bucket is at; prefix is what
// paths begin with.
func (w *folderWalk) walk(dir, at, prefix string) error {
	entries, err := w.folder.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) && at != "" {
		return nil // removed meanwhile
	}
	if err != nil {
		return fmt.Errorf("list %s/%s: %w", w.bucket, at, classify(err))
	}
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return fmt.Errorf("list %s/%s: %w", w.bucket, at, err)
		}
		name := at + e.Name()
		if e.IsDir() {
			below := name + "/"
			if within(name, metaFolder) || within(name, tempFolder) || !overlap(below, prefix) {
				continue
			}
			if err := w.walk(path.Join(dir, e.Name()), below, prefix); err != nil {
				return err
			}
			continue
		}
		if err := w.file(name); err != nil {
			return err
		}
	}
	return nil
}

// overlap tells whether something below a folder can begin with prefix.
func overlap(folder, prefix string) bool {
	n := min(len(folder), len(prefix))
	return folder[:n] == prefix[:n]
}

// file visits one file, if its key begins with the prefix.
func (w *folderWalk) file(name string) error {
	bucket := path.Join(w.folder.root, segment(w.bucket))
	st, err := w.folder.fs.Stat(path.Join(bucket, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s/%s: %w", w.bucket, name, classify(err))
	}
	key := name
	m, err := w.folder.readMeta(paths{meta: path.Join(bucket, metaFolder, name+".json")})
	switch {
	case err == nil:
		key = m.Key
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("list %s/%s: %w", w.bucket, name, err)
	}
	if !strings.HasPrefix(key, w.prefix) && (err == nil || !strings.HasPrefix(key, cleanPrefix(w.prefix))) {
		return nil
	}
	return w.visit(Listed{Key: key, Size: st.Size()})
}
