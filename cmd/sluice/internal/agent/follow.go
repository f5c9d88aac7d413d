package agent

import (
	"errors"
	"io/fs"
	"time"

	"github.com/cespare/xxhash/v2"
)

// readAll gives every file a turn. It reports whether there is more to read now.
func (a *Agent) readAll(now time.Time) (busy bool, err error) {
	for i := 0; i < len(a.order); i++ { // adopt may append
		f := a.order[i]
		more, err := a.readFile(f, now)
		if err != nil {
			a.warn(f.path, "cannot be read", err)
			f.close()
			continue
		}
		busy = busy || more
	}
	for i := len(a.order) - 1; i >= 0; i-- {
		if f := a.order[i]; a.done(f, now) {
			a.forget(f)
		}
	}
	return busy, nil
}

// done reports whether a file need not be known any more.
func (a *Agent) done(f *file, now time.Time) bool {
	if f.outstanding > 0 || f.gone.IsZero() || !f.rests {
		return false
	}
	return f.deleted || now.Sub(f.gone) > remembered
}

// readFile reads one piece of a file into its stream's batch.
func (a *Agent) readFile(f *file, now time.Time) (more bool, err error) {
	if f.rests || f.fd == nil && f.located && f.checked {
		return false, nil
	}
	if ok, err := a.reach(f, now); !ok || err != nil {
		return false, err
	}
	if !f.place() {
		a.truncated(f)
	}
	replaced, deleted, err := f.look(now)
	if err != nil {
		return false, err
	}
	if replaced {
		a.truncated(f)
		return true, nil
	}
	f.deleted = deleted
	if f.size == f.cursor.offset {
		a.atEnd(f, now)
		return false, nil
	}
	flush := now.Sub(f.quiet) >= a.cfg.FlushTimeout
	if f.stuck && f.checked && !flush {
		return false, nil
	}
	return a.take(f, now, flush)
}

// reach makes sure that the file is open, wherever it is now.
func (a *Agent) reach(f *file, now time.Time) (ok bool, err error) {
	if f.fd != nil {
		return true, nil
	}
	ok, err = f.open()
	if ok || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ok, err
	}
	for _, at := range a.siblings(f.path) {
		if at.id == f.id {
			f.path, a.dirty = at.path, true
			return f.open()
		}
	}
	a.vanished(f, now)
	return false, nil
}

// vanished gives up a file that was deleted while nobody held it open.
func (a *Agent) vanished(f *file, now time.Time) {
	offset := f.cursor.offset
	if !f.located {
		offset = f.mark.Offset
	}
	if at, c, ok := a.findCopy(f); ok {
		a.adopt(f, at, c)
	} else if lost := f.size - offset; lost > 0 {
		a.counts.lost.Add(lost)
		a.log.Warn("deleted before it was read to its end", "file", f.path, "bytes", lost)
	}
	if f.gone.IsZero() {
		f.gone = now
	}
	f.rests, f.deleted, f.located, f.size = true, true, true, 0
}

// atEnd lets a file go that is read to its end and will hardly grow.
func (a *Agent) atEnd(f *file, now time.Time) {
	f.stuck = false
	since := f.changed
	if f.gone.After(since) {
		since = f.gone
	}
	switch {
	case !f.gone.IsZero() && now.Sub(since) >= a.cfg.RotateWait:
		f.close()
		f.rests, a.dirty = true, true
		a.log.Info("read to its end and let go", "file", f.path, "deleted", f.deleted)
	case now.Sub(f.changed) >= idleClose:
		f.close()
		f.checked = true
	}
}

// take reads a piece and cuts it into the batch that is open.
func (a *Agent) take(f *file, now time.Time, flush bool) (more bool, err error) {
	s := a.stream(f.stream)
	if s.full || a.buffered > a.cfg.Memory || len(s.recover) > 0 {
		return false, nil
	}
	want := min(int64(len(a.buffer)), f.size-f.cursor.offset)
	text, err := f.read(a.buffer[:want])
	if err != nil || len(text) == 0 {
		return err == nil, err
	}
	s.at = max(s.at, now.UnixMilli())
	if s.open == nil {
		s.open = a.emptyBatch(s.name)
	}
	b := s.open
	events, size := len(b.events), len(b.body)
	atEnd := f.cursor.offset+int64(len(text)) == f.size
	r := &records{shape: a.shape, text: text, final: flush && atEnd, skip: f.cursor.skip, lines: &a.counts.lines}
	last := f.cursor.last
	s.full = b.cutRange(r, s.at, &last, a.cfg.Limits)
	a.buffered += len(b.body) - size
	a.moveOn(f, b, r, last, s.at, len(b.events) > events)
	if len(b.events) == 0 {
		s.open = nil
		a.release(b)
	} else if b.begun.IsZero() {
		b.begun = now
	}
	if r.pos == 0 && !s.full {
		f.stuck = atEnd
		if !atEnd && len(a.buffer) < 4*a.shape.MaxEvent+chunkBytes {
			a.buffer = make([]byte, 2*len(a.buffer)) // a record longer than the buffer
		}
		return !atEnd, nil
	}
	f.stuck = false
	return !s.full && (!atEnd || r.pos < len(text)), nil
}

// moveOn moves the file's cursor over what was cut.
func (a *Agent) moveOn(f *file, b *batch, r *records, last, at int64, events bool) {
	if r.pos == 0 {
		f.cursor.skip = r.skip
		return
	}
	used := r.text[:r.pos]
	span := Range{Path: f.path, File: f.id, Start: f.cursor.offset, Sum: xxhash.Sum64(used),
		At: at, Last: f.cursor.last, Skip: f.cursor.skip, life: f.life}
	f.cursor.advance(used)
	f.cursor.last, f.cursor.skip = last, r.skip
	a.counts.read.Add(int64(len(used)))
	a.news = a.now()
	if !events {
		if f.outstanding == 0 { // blank lines: nothing waits for an answer
			f.acked, a.dirty = f.cursor.mark(), true
		}
		return
	}
	span.End, span.After = f.cursor.offset, f.cursor.mark()
	b.ranges = append(b.ranges, span)
	f.outstanding++
}

func (a *Agent) stream(name string) *stream {
	s := a.streams[name]
	if s == nil {
		s = &stream{name: name}
		a.streams[name] = s
		a.lanes = append(a.lanes, s)
	}
	return s
}

func (a *Agent) emptyBatch(stream string) *batch {
	b := new(batch)
	if n := len(a.pool); n > 0 {
		b, a.pool = a.pool[n-1], a.pool[:n-1]
	}
	b.reset(a.cfg.LogGroupName, stream)
	a.buffered += len(b.body)
	return b
}

// release gives a batch's memory to the next one.
func (a *Agent) release(b *batch) {
	a.buffered -= len(b.body)
	if len(a.pool) < poolBatches {
		a.pool = append(a.pool, b)
	}
}
