package exporttask

import (
	"context"
	"fmt"
	"time"

	"sluice/internal/clock"
	"sluice/internal/store"
)

// writer exports one folder from where its journal stands.
type writer struct {
	job    *job
	events Events
	ctx    context.Context // of the run under way
	folder folder
	number int    // of the object to come
	stream string // whose events come now
	done   cursor // what of it was written, put or not
	limit  int64  // bytes of events that end an object

	body  body
	bytes int64 // of events in it
}

// defaultObjectMB makes objects of some ten MB of compressed text, which readers
// can work on side by side.
const defaultObjectMB = 64

func (j *job) newWriter(ctx context.Context, f folder, events Events) *writer {
	size := j.task.Options.ObjectSizeInMBs
	if size == 0 {
		size = defaultObjectMB
	}
	return &writer{job: j, events: events, ctx: ctx, folder: f, limit: int64(size) << 20}
}

// roundPlaces bounds the index entries in memory, 48 bytes each.
const roundPlaces = 256 << 10

func (w *writer) run(ctx context.Context) error {
	m := w.job.journal.mark(w.folder.name)
	w.number = m.objects
	for _, s := range w.folder.streams {
		if s.Name < m.stream {
			continue
		}
		w.stream, w.done = s.Name, cursor{}
		if s.Name == m.stream {
			w.done = m.next
		}
		t := &w.job.task
		sort := sorter{
			events: w.events, pattern: w.job.pattern,
			query: store.Query{Group: t.GroupUID, Stream: s.UID, From: t.From, To: t.To + 1},
			after: t.After, below: t.Below, budget: w.job.room.cfg.SortBytes, rounds: roundPlaces, run: w.take,
		}
		if err := sort.sort(ctx, w.done); err != nil {
			return err
		}
	}
	return w.cut()
}

// take writes events, over several objects if need be.
func (w *writer) take(events []stretch) error {
	for len(events) > 0 {
		if w.body == nil {
			w.body = w.job.shape.newBody()
		}
		n, to := w.fits(events)
		last := &events[n-1]
		whole := last.to
		last.to = to
		w.body.append(events[:n])
		w.advance(events[:n])
		if last.from, last.to = to, whole; to < whole {
			n--
		}
		events = events[n:]
		if w.bytes >= w.limit {
			if err := w.cut(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits is how many of the stretches go into the object, the last of them up to an
// event: up to and with the one that reaches the limit. It counts their bytes.
func (w *writer) fits(events []stretch) (n, to int) {
	for i, e := range events {
		all := int64(e.batch.LineBytes(e.from, e.to))
		if w.bytes+all < w.limit {
			w.bytes += all
			continue
		}
		for to = e.from; to < e.to && w.bytes < w.limit; to++ {
			w.bytes += int64(len(e.batch.Message(to))) + 1
		}
		return i + 1, to
	}
	return len(events), events[len(events)-1].to
}

// advance moves the cursor over events, which lie in the order of time.
func (w *writer) advance(events []stretch) {
	last := events[len(events)-1]
	at, same := last.batch.Timestamp(last.to-1), 0
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		for to := e.to; to > e.from; to-- {
			if e.batch.Timestamp(to-1) != at {
				w.done = cursor{At: at, Skip: same}
				return
			}
			same++
		}
	}
	if at != w.done.At { // all of one instant, and the first of it
		w.done = cursor{At: at}
	}
	w.done.Skip += same
}

// cut ends the object and makes sure that it is there.
func (w *writer) cut() error {
	if w.body == nil {
		return nil
	}
	made, err := w.body.close()
	w.body, w.bytes = nil, 0
	if err != nil {
		return &permanentError{fmt.Errorf("encode object: %w", err)}
	}
	defer made.Release()
	t := &w.job.task
	key := t.key(fmt.Sprintf("%s/%s/%06d%s", t.ID, w.folder.name, w.number, w.job.shape.extension()))
	var told object
	err = w.job.again(w.ctx, "put "+key, func() (err error) {
		told, err = w.job.put(w.ctx, key, made)
		return err
	})
	if err != nil {
		return err
	}
	w.number++
	w.job.room.tally.add(told)
	return w.job.journal.write(note{Folder: w.folder.name, Object: &told, Stream: w.stream, Next: w.done})
}

func (w *writer) discard() {
	if w.body != nil {
		w.body.discard()
	}
}

func sleep(ctx context.Context, d time.Duration) error { return clock.Machine{}.Sleep(ctx, d) }
