package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sluice/internal/vfs"
)

// tidy merges checkpoints into the files of their days when there are enough of
// them, and rewrites or drops days that have aged. saving is held.
func (s *Store) tidy() error {
	s.mu.RLock()
	files, saved := s.files, slices.Clone(s.saved)
	s.mu.RUnlock()
	now := s.cfg.Clock.Now().Unix()
	inputs, kept := chooseInputs(files, s.cfg.MergeFiles, now)
	if len(inputs) == 0 && len(kept) == len(files) {
		return nil
	}
	made, err := s.mergeFiles(inputs, now)
	if err != nil {
		return err
	}
	next := slices.Concat(kept, made)
	s.mu.RLock()
	m := manifest{Sequence: s.sequence, Saved: saved, Files: next}
	s.mu.RUnlock()
	if err := s.writeManifest(m); err != nil {
		return err
	}
	s.mu.Lock()
	s.files = next
	s.mu.Unlock()
	return s.removeReplaced(files, next)
}

func (s *Store) removeReplaced(files, next []file) error {
	var errs []error
	for _, f := range files {
		if !slices.ContainsFunc(next, func(n file) bool { return n.Name == f.Name }) {
			if err := s.cfg.FS.Remove(s.path(f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// chooseInputs tells which files become others, and which stay. Of those that
// are too old neither is said.
func chooseInputs(files []file, enough int, now int64) (inputs, kept []file) {
	checkpoints := 0
	days := map[int64]bool{}
	for _, f := range files {
		if !f.Day {
			checkpoints++
			for _, d := range f.Days {
				days[d] = true
			}
		}
	}
	due := checkpoints >= enough
	for _, f := range files {
		switch {
		case f.Day && now-f.dayEnd() > keptFor:
		case !f.Day && due, f.Day && due && days[f.Days[0]], f.Day && keptAt(now-f.dayEnd()) > f.Finest:
			inputs = append(inputs, f)
		default:
			kept = append(kept, f)
		}
	}
	return inputs, kept
}

// dayEnd is when the last day of a file ends.
func (f file) dayEnd() int64 {
	if len(f.Days) == 0 {
		return 0
	}
	return (f.Days[len(f.Days)-1] + 1) * secondsPerDay
}

// mergeFiles writes the samples of files into one file for each day.
func (s *Store) mergeFiles(inputs []file, now int64) (made []file, err error) {
	var open []*cursor
	defer func() {
		for _, c := range open {
			c.file.Close() // only read
		}
	}()
	for _, f := range inputs {
		c, err := s.newCursor(f)
		if err != nil {
			return nil, err
		}
		open = append(open, c)
	}
	days := &dayWriters{store: s, byDay: map[int64]*dayWriter{}}
	if err := mergeCursors(open, now, days); err != nil {
		days.discard()
		return nil, err
	}
	return days.seal(now)
}

// mergeCursors gives each series, with the buckets of all cursors, to days.
func mergeCursors(open []*cursor, now int64, days *dayWriters) error {
	for {
		least := ""
		for _, c := range open {
			if !c.done && (least == "" || c.key < least) {
				least = c.key
			}
		}
		if least == "" {
			return nil
		}
		var buckets []bucket
		for _, c := range open {
			if !c.done && c.key == least {
				buckets = append(buckets, c.buckets...)
				if err := c.next(); err != nil {
					return err
				}
			}
		}
		if err := days.add(least, combine(buckets, now)); err != nil {
			return err
		}
	}
}

// cursor walks through a file, series by series.
type cursor struct {
	store   *Store
	layout  *layout
	file    vfs.File
	page    int // to be read next
	body    source
	key     string
	buckets []bucket
	done    bool
}

func (s *Store) newCursor(f file) (*cursor, error) {
	r, err := vfs.Open(s.cfg.FS, s.path(f.Name))
	if err != nil {
		return nil, err
	}
	c := &cursor{store: s, layout: f.layout, file: r}
	if err := c.next(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return c, nil
}

// next moves to the next series; done at the end. A damaged page is gone around:
// what was in it is lost.
func (c *cursor) next() error {
	for {
		if len(c.body.b) > 0 && c.series() {
			return nil
		}
		if c.page == len(c.layout.pages) {
			c.done = true
			return nil
		}
		body, err := c.layout.read(c.file, c.page)
		c.page++
		if errors.Is(err, ErrCorrupt) {
			c.store.damages.Add(1)
			c.store.cfg.Logger.Error("metrics lose a damaged page", "error", err)
			continue
		}
		if err != nil {
			return err
		}
		c.body = source{b: body}
	}
}

// series reads the next series of the page.
func (c *cursor) series() bool {
	c.key = string(c.body.text())
	n := c.body.uvarint()
	if c.body.failed || n > uint64(len(c.body.b)) {
		c.body = source{}
		return false
	}
	c.buckets = make([]bucket, n)
	for i := range c.buckets {
		var err error
		if c.body.b, err = c.buckets[i].read(c.body.b); err != nil {
			c.body = source{}
			return false
		}
	}
	return true
}

// dayWriters are the files of the days that a merge writes.
type dayWriters struct {
	store *Store
	byDay map[int64]*dayWriter
}

type dayWriter struct {
	*writer
	name string
}

// add splits a series by days. Buckets are in the order of time.
func (d *dayWriters) add(key string, buckets []bucket) error {
	for len(buckets) > 0 {
		day := dayOf(buckets[0].start)
		n := 1
		for n < len(buckets) && dayOf(buckets[n].start) == day {
			n++
		}
		w, err := d.of(day)
		if err != nil {
			return err
		}
		if err := w.add(key, buckets[n-1].start, buckets[:n]); err != nil {
			return err
		}
		buckets = buckets[n:]
	}
	return nil
}

func (d *dayWriters) of(day int64) (*dayWriter, error) {
	if w := d.byDay[day]; w != nil {
		return w, nil
	}
	s := d.store
	s.mu.Lock()
	s.sequence++
	name := fmt.Sprintf("day-%d-%020d%s", day, s.sequence, fileSuffix)
	s.mu.Unlock()
	w, err := create(s.cfg.FS, s.path(name))
	if err != nil {
		return nil, err
	}
	d.byDay[day] = &dayWriter{w, name}
	return d.byDay[day], nil
}

func (d *dayWriters) seal(now int64) (made []file, err error) {
	for day, w := range d.byDay {
		f, err := d.store.seal(w.writer, w.name, keptAt(now-(day+1)*secondsPerDay))
		if err != nil {
			delete(d.byDay, day)
			d.discard()
			return nil, err
		}
		f.Day = true
		made = append(made, f)
	}
	slices.SortFunc(made, func(a, b file) int { return cmpInt(a.Days[0], b.Days[0]) })
	return made, nil
}

func (d *dayWriters) discard() {
	for _, w := range d.byDay {
		w.discard()
	}
}
