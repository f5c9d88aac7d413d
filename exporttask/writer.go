package exporttask

import (
	"context"
	"fmt"
	"time"

	"sluice/internal/clock"
	"sluice/internal/event"
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

// take writes a run of events, over several objects if need be.
func (w *writer) take(b event.Batch, from, to int) error {
	for from < to {
		end, bytes := w.fits(b, from, to)
		if w.body == nil {
			w.body = w.job.shape.newBody()
		}
		w.body.append(b, from, end)
		w.bytes += bytes
		w.advance(b, from, end)
		from = end
		if w.bytes >= w.limit {
			if err := w.cut(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits is how many of the events go into the object: up to and with the one that
// reaches the limit.
func (w *writer) fits(b event.Batch, from, to int) (end int, bytes int64) {
	if all := int64(len(b.Lines(from, to))); w.bytes+all < w.limit {
		return to, all
	}
	for end = from; end < to && w.bytes+bytes < w.limit; end++ {
		bytes += int64(len(b.Message(end))) + 1
	}
	return end, bytes
}

// advance moves the cursor over events, which lie in the order of time.
func (w *writer) advance(b event.Batch, from, to int) {
	at := b.Timestamp(to - 1)
	if at != w.done.At {
		w.done = cursor{At: at}
	}
	for i := to - 1; i >= from && b.Timestamp(i) == at; i-- {
		w.done.Skip++
	}
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
