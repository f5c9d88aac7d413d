package agent

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// compressed are the endings of rotated copies that are left alone: their text
// was read before it was compressed.
var compressed = []string{".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip"}

// found is a file that a pattern led to.
type found struct {
	path  string
	about fs.FileInfo
	id    FileID
}

// scan looks at what the patterns find: files that moved get their new path, new
// ones are taken in, and those that are not found any more are gone.
func (a *Agent) scan(now time.Time) error {
	list, err := a.glob()
	if err != nil {
		return err
	}
	seen := make(map[FileID]bool, len(list))
	for _, at := range list {
		seen[at.id] = true
		if f := a.files[at.id]; f != nil {
			a.seen(f, at)
		}
	}
	for _, f := range a.order {
		if !seen[f.id] && f.gone.IsZero() {
			f.gone, a.dirty = now, true
		}
	}
	a.placeRestored(now) // before new files are compared with them
	for _, at := range list {
		if a.files[at.id] == nil {
			a.meet(at, now)
		}
	}
	for id := range a.held {
		if !seen[id] {
			delete(a.held, id)
		}
	}
	a.first = false
	return nil
}

// placeRestored finds the marks of the files that the state tells of. It comes
// before the first look at new files: one of them may be the rest of a known one.
func (a *Agent) placeRestored(now time.Time) {
	for _, f := range a.order {
		if f.located {
			continue
		}
		ok, err := a.reach(f, now)
		if err != nil {
			a.warn(f.path, "cannot be opened", err)
		}
		if ok && !f.place() {
			a.truncated(f)
		}
	}
}

// seen notes where a known file is now.
func (a *Agent) seen(f *file, at found) {
	if f.path != at.path {
		f.path, a.dirty = at.path, true
	}
	if !f.gone.IsZero() {
		f.gone, f.rests, a.dirty = time.Time{}, false, true
	}
	if f.fd == nil && (at.about.Size() != f.size || !at.about.ModTime().Equal(f.written)) {
		f.checked = false
	}
}

// glob lists the files of all patterns, each once, oldest first: a rotated file
// is read before the one that took its place.
func (a *Agent) glob() ([]found, error) {
	var list []found
	seen := make(map[FileID]bool)
	for _, pattern := range a.cfg.Patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		for _, path := range paths {
			if a.excluded(path) {
				continue
			}
			about, err := os.Stat(path)
			if err != nil || !about.Mode().IsRegular() {
				continue // gone meanwhile, or a folder
			}
			id, _ := identify(about)
			if !seen[id] {
				seen[id] = true
				list = append(list, found{path, about, id})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y found) int { return x.about.ModTime().Compare(y.about.ModTime()) })
	return list, nil
}

func (a *Agent) excluded(path string) bool {
	if slices.Contains(compressed, filepath.Ext(path)) {
		return true
	}
	return slices.ContainsFunc(a.cfg.Exclude, func(pattern string) bool {
		whole, _ := filepath.Match(pattern, path)
		name, _ := filepath.Match(pattern, filepath.Base(path))
		return whole || name
	})
}

// meet takes in a file that nobody knows, unless it may be the copy that
// copytruncate makes: that one has the text of a file that is followed, and
// nothing but its end may be read, once the original is truncated.
func (a *Agent) meet(at found, now time.Time) {
	switch a.twin(at) {
	case copyEmpty:
		return
	case copyOfText:
		h, known := a.held[at.id]
		if !known || h.size != at.about.Size() {
			a.held[at.id] = hold{at.about.Size(), now}
			return
		}
		if now.Sub(h.since) < a.cfg.Hold {
			return
		}
		a.log.Info("a copy stands beside its original, which goes on: it is read as a file of its own", "file", at.path)
	}
	delete(a.held, at.id)
	a.follow(at)
}

// hold is a copy whose original is not truncated yet.
type hold struct {
	size  int64
	since time.Time // when it last grew
}

// follow begins to follow a file.
func (a *Agent) follow(at found) {
	f := &file{id: at.id, path: at.path, origin: at.path, stream: a.streamOf(at.path), located: true}
	if err := f.begin(a.first && a.cfg.FromEnd); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.warn(at.path, "cannot be opened", err)
		}
		return // the next scan tries again
	}
	f.acked = f.cursor.mark()
	a.add(f)
	a.log.Info("following", "file", at.path, "logStream", f.stream, "from", f.cursor.offset)
}

// begin opens a new file at once, so that it is not lost when it is renamed or
// deleted, and looks at its first bytes, so that a copy of it is known.
func (f *file) begin(atEnd bool) error {
	if ok, err := f.open(); !ok || err != nil {
		return cmp.Or(err, fs.ErrNotExist)
	}
	about, err := f.fd.Stat()
	if err != nil {
		return err
	}
	f.size = about.Size()
	if atEnd {
		f.cursor, err = cursorAt(f.fd, f.size)
		return err
	}
	return f.cursor.look(f.fd, f.size)
}

func (a *Agent) add(f *file) {
	a.files[f.id] = f
	a.order = append(a.order, f)
	a.dirty = true
}

func (a *Agent) forget(f *file) {
	f.close()
	delete(a.files, f.id)
	a.order = slices.DeleteFunc(a.order, func(g *file) bool { return g == f })
	a.dirty = true
}

type likeness int

const (
	ownText likeness = iota
	copyEmpty
	copyOfText
)

// twin tells whether a new file looks like a copy of a followed one: its name
// extends the original's and its first bytes are the same.
func (a *Agent) twin(at found) likeness {
	for _, f := range a.order {
		if filepath.Dir(f.path) != filepath.Dir(at.path) || !f.names(at.path) {
			continue
		}
		if at.about.Size() == 0 {
			return copyEmpty
		}
		if f.located && (f.glance() != nil || beginsAlike(at, f.cursor.head)) {
			return copyOfText
		}
	}
	return ownText
}

func beginsAlike(at found, head []byte) bool {
	n := int(min(int64(len(head)), at.about.Size()))
	if n == 0 {
		return false
	}
	fd, err := os.Open(at.path)
	if err != nil {
		return false
	}
	defer fd.Close()
	c := cursor{head: head[:n]}
	return c.inPlace(fd)
}

// extends reports whether a name is one that rotation makes of another: app.log
// becomes app.log.1, app.log-20260102, app-20260102.log or app.1.log.
func extends(original, name string) bool {
	if len(name) <= len(original) {
		return false
	}
	separated := func(rest string) bool { return rest != "" && strings.ContainsRune(".-_", rune(rest[0])) }
	if rest, ok := strings.CutPrefix(name, original); ok {
		return separated(rest)
	}
	ext := filepath.Ext(original)
	stem := strings.TrimSuffix(original, ext)
	rest, ok := strings.CutPrefix(strings.TrimSuffix(name, ext), stem)
	return ok && ext != "" && strings.HasSuffix(name, ext) && separated(rest)
}

// names reports whether a path may be that of a copy of the file. A file that was
// truncated and then renamed has copies named after what it was called before.
func (f *file) names(path string) bool {
	name := filepath.Base(path)
	return extends(filepath.Base(f.path), name) || extends(filepath.Base(f.origin), name)
}

// truncated is called when the text before a file's cursor is not there any
// more. What was not read of it is in the copy, where copytruncate made one.
func (a *Agent) truncated(f *file) {
	c := f.cursor
	if !f.located {
		c = cursor{offset: f.mark.Offset, last: f.mark.Last, skip: f.mark.Skip}
	}
	if at, copied, ok := a.findCopy(f); ok {
		a.adopt(f, at, copied)
	} else if lost := f.size - c.offset; lost > 0 {
		a.counts.lost.Add(lost)
		a.log.Warn("truncated before it was read to its end; no copy of it was found", "file", f.path, "bytes", lost)
	} else {
		a.log.Info("truncated; reading it from its beginning", "file", f.path)
	}
	f.restart()
	f.stream = a.streamOf(f.path) // the text may be that of a new file with an old inode
	a.dirty = true
}

// adopt goes on with the rest of a file's text in its copy, in the same stream.
func (a *Agent) adopt(f *file, at found, c cursor) {
	g := &file{id: at.id, path: at.path, origin: f.origin, stream: f.stream, located: true, cursor: c}
	g.acked = f.acked
	a.add(g)
	a.handOver(f, g)
	if _, err := g.open(); err != nil {
		a.warn(at.path, "cannot be opened", err)
	}
	delete(a.held, at.id)
	a.log.Info("truncated; its copy has the rest", "file", f.path, "copy", at.path, "from", c.offset)
}

// handOver makes what was read of a file and is not acknowledged ranges of its
// copy, which has the same text in the same places: a crash must find it there.
func (a *Agent) handOver(f, g *file) {
	move := func(b *batch) {
		for i := range b.ranges {
			if r := &b.ranges[i]; r.File == f.id && r.life == f.life {
				r.File, r.Path, r.life = g.id, g.path, g.life
				f.outstanding--
				g.outstanding++
			}
		}
	}
	for _, s := range a.lanes {
		for _, b := range s.recover {
			move(b)
		}
		if s.flight != nil {
			move(s.flight)
		}
		if s.open != nil {
			move(s.open)
		}
	}
}

// findCopy looks for a file that has the text of f up to its cursor, and maybe
// more: first among the names that rotation makes, in f's folder.
func (a *Agent) findCopy(f *file) (found, cursor, bool) {
	if f.located && f.cursor.offset == 0 && len(f.cursor.head) == 0 || !f.located && f.mark.Offset == 0 {
		return found{}, cursor{}, false // nothing of it is known
	}
	for _, at := range a.siblings(f.path) {
		if a.files[at.id] != nil || !f.names(at.path) {
			continue
		}
		if c, ok := continues(f, at); ok {
			return at, c, true
		}
	}
	return found{}, cursor{}, false
}

// continues reports whether a file has what f had before its cursor.
func continues(f *file, at found) (cursor, bool) {
	fd, err := os.Open(at.path)
	if err != nil {
		return cursor{}, false
	}
	defer fd.Close()
	if !f.located {
		return locate(fd, f.mark)
	}
	c := f.cursor.clone()
	return c, at.about.Size() >= c.offset && c.inPlace(fd)
}

// siblings are the regular files beside a path, the newest first. A symbolic
// link is followed: its target is what rotates.
func (a *Agent) siblings(path string) []found {
	folders := []string{filepath.Dir(path)}
	if target, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(target) != folders[0] {
		folders = append(folders, filepath.Dir(target))
	}
	var list []found
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			about, err := entry.Info()
			if err != nil || !about.Mode().IsRegular() {
				continue
			}
			id, _ := identify(about)
			list = append(list, found{filepath.Join(folder, entry.Name()), about, id})
		}
	}
	slices.SortStableFunc(list, func(x, y found) int { return y.about.ModTime().Compare(x.about.ModTime()) })
	return list
}

// streamOf fills the log stream's template. Names of streams have no : and no *.
func (a *Agent) streamOf(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	name := strings.NewReplacer(
		"{hostname}", a.cfg.Hostname,
		"{file}", filepath.Base(path),
		"{path}", path,
	).Replace(a.cfg.StreamTemplate)
	name = strings.NewReplacer(":", "-", "*", "-").Replace(name)
	return name[:utf8Prefix([]byte(name), 512)]
}
