package exporttask

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sluice/filter/pattern"
	"sluice/internal/catalog"
	"sluice/internal/format"
	"sluice/internal/objput"
)

// errCancelled is the cause of a job's end by CancelExportTask.
var errCancelled = errors.New("cancelled")

// permanentError ends a task as FAILED; any other error is tried again.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// errDeleted ends a task whose log group is gone.
var errDeleted = &permanentError{errors.New("The log group was deleted")}

// job is one task at work.
type job struct {
	room   *Room
	task   entry
	life   context.Context // of the room; that of the job ends when it is cancelled, too
	cancel context.CancelCauseFunc
	noted  bool // the task's end is durable
	direct bool // without a spool, for one was damaged

	shape   shape
	pattern *pattern.Pattern
	journal *journal // open until run returns

	mu      sync.Mutex // guards what follows
	shown   *journal   // what progress reads
	streams int
	done    int
	waiting string // why the last attempt of something has to be made again
}

// run exports until the task ends or ctx does; in the second case the next start
// goes on.
func (j *job) run(ctx context.Context) {
	err := j.export(ctx)
	switch {
	case errors.Is(context.Cause(ctx), errCancelled), errors.Is(err, errCancelled):
		j.end(cancelled, "Cancelled by user")
	case ctx.Err() != nil: // the process stops
	case err == nil:
		j.end(completed, "Completed successfully")
	default:
		j.room.cfg.Logger.Error("export failed", "task", j.task.ID, "log_group", j.task.LogGroup, "error", err)
		j.end(failed, err.Error())
	}
	if j.journal == nil {
		return
	}
	if err := j.journal.close(); err != nil {
		j.room.cfg.Logger.Warn("close export journal", "task", j.task.ID, "error", err)
	}
}

// set moves the task to a state, unless another has come first. A task that was
// cancelled before it ran gives errCancelled.
func (j *job) set(code, message string) error {
	p := j.progress()
	now := j.room.now()
	_, err := j.room.cfg.Tasks.Change(j.task.Scope, j.task.ID, func(t *Task) error {
		switch {
		case t.ended() && code == running:
			return errCancelled
		case t.ended(), t.Code == pendingCancel && code == running:
			return nil
		}
		t.Code, t.Message = code, message
		if t.ended() {
			t.Completed, t.Progress = now, p
		}
		return nil
	})
	return err
}

// end makes the last state durable, as soon as the disk takes it. If the process
// ends before, the next one finds the task not ended, and everything in its
// journal. The journal of a task that did not complete stays, for it may be
// resumed.
func (j *job) end(code, message string) {
	if err := j.again(j.life, "note the end", func() error { return j.set(code, message) }); err != nil {
		j.room.cfg.Logger.Error("note the end of an export", "task", j.task.ID, "state", code, "error", err)
		return
	}
	j.noted = true
	j.removeSpool()
	if j.journal == nil || code != completed {
		return
	}
	if err := j.journal.remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		j.room.cfg.Logger.Warn("remove export journal", "task", j.task.ID, "error", err)
	}
}

func (j *job) progress() (p Progress) {
	j.mu.Lock()
	p.LogStreams, p.LogStreamsDone, p.Waiting = j.streams, j.done, j.waiting
	noted := j.shown
	j.mu.Unlock()
	p.ExportableBytes = j.room.cfg.GroupBytes(j.task.GroupUID)
	if noted != nil {
		noted.progress(&p)
	}
	return p
}

func (j *job) export(ctx context.Context) error {
	if j.task.Code == pendingCancel {
		j.cancel(errCancelled)
		return errCancelled
	}
	err := j.again(ctx, "open journal", func() (err error) {
		j.journal, err = openJournal(j.room.cfg.FS, j.room.cfg.Dir, j.task.ID)
		return err
	})
	if err != nil {
		return err
	}
	j.mu.Lock()
	j.shown = j.journal
	j.mu.Unlock()
	if j.shape, err = newShape(j.task.Options); err != nil {
		return err
	}
	if p := j.task.Options.FilterPattern; p != "" {
		if j.pattern, err = pattern.Compile(p); err != nil {
			return fmt.Errorf("compile filter pattern: %w", err)
		}
	}
	if err := j.again(ctx, "note the start", func() error { return j.set(running, "Started Successfully") }); err != nil {
		return err
	}
	if err := j.folders(ctx); err != nil {
		return err
	}
	// A deleted log group lists no streams: what was exported is not all.
	if _, there := j.room.cfg.Groups.GroupByUID(j.task.GroupUID); !there {
		return errDeleted
	}
	return j.again(ctx, "put manifest", func() error { return j.putManifest(ctx) })
}

// folder is the streams whose names are one once their slashes are replaced, as
// the layout wants it. They share the numbers of objects.
type folder struct {
	name    string
	streams []catalog.LogStream
}

// list groups the streams by folder, in the order of names.
func (j *job) list() []folder {
	var folders []folder
	at := map[string]int{}
	for _, s := range j.room.cfg.Groups.Streams(j.task.GroupUID, j.task.StreamPrefix, "", 0) {
		name := strings.ReplaceAll(s.Name, "/", "-")
		i, known := at[name]
		if !known {
			i = len(folders)
			at[name] = i
			folders = append(folders, folder{name: name})
		}
		folders[i].streams = append(folders[i].streams, s)
	}
	return folders
}

// folders exports everything, several folders at once.
func (j *job) folders(ctx context.Context) error {
	var open []folder
	for _, f := range j.list() {
		j.mu.Lock()
		j.streams += len(f.streams)
		j.mu.Unlock()
		if j.journal.mark(f.name).done {
			j.finished(f)
		} else {
			open = append(open, f)
		}
	}
	for len(open) > 0 {
		some, spool, err := j.nextSet(ctx, open)
		if err != nil {
			return err
		}
		err = j.exportSet(ctx, some, spool)
		broken := errors.Is(err, errSpool)
		if spool != nil {
			j.letGo(spool, err == nil || broken)
		}
		switch {
		case broken && ctx.Err() == nil:
			j.room.cfg.Logger.Warn("export goes on without a spool", "task", j.task.ID, "error", err)
			j.direct = true
		case err != nil:
			return err
		}
		open = slices.DeleteFunc(open, func(f folder) bool { return j.journal.mark(f.name).done })
	}
	return nil
}

// exportSet exports folders from a spool, or from the store where there is none.
func (j *job) exportSet(ctx context.Context, folders []folder, spool *spool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, f := range folders {
		select {
		case j.room.workers <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return context.Cause(ctx)
		}
		wg.Go(func() {
			defer func() { <-j.room.workers }()
			var events Events = j.room.cfg.Events
			if spool != nil {
				reader := spool.reader()
				defer spool.giveBack(reader)
				events = reader
			}
			if err := j.folder(ctx, f, events); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (j *job) finished(f folder) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done += len(f.streams)
}

// folder exports one folder, again and again until it is done: every attempt
// begins where the journal stands.
func (j *job) folder(ctx context.Context, f folder, events Events) error {
	err := j.again(ctx, "export "+f.name, func() error {
		w := j.newWriter(ctx, f, events)
		defer w.discard()
		if err := w.run(ctx); err != nil {
			return err
		}
		return j.journal.write(note{Folder: f.name, Done: true})
	})
	if err == nil {
		j.finished(f)
	}
	return err
}

// Retries, on the machine's clock: an export is no matter of the event clock.
const (
	retryLeast = 200 * time.Millisecond
	retryMost  = 30 * time.Second
)

// again repeats what fails for reasons that may pass.
func (j *job) again(ctx context.Context, what string, do func() error) error {
	for attempt := 0; ; attempt++ {
		err := do()
		var permanent *permanentError
		switch {
		case err == nil:
			j.waits("")
			return nil
		case ctx.Err() != nil, errors.As(err, &permanent), errors.Is(err, objput.ErrRefused), errors.Is(err, errCancelled), errors.Is(err, errSpool):
			return err
		}
		j.waits(what + ": " + err.Error())
		bound := min(retryMost, retryLeast<<min(attempt, 10))
		j.room.cfg.Logger.Warn("export tries again", "task", j.task.ID, "what", what, "error", err)
		if err := sleep(ctx, retryLeast+rand.N(bound)); err != nil {
			return err
		}
	}
}

// waits notes for people what the task cannot get ahead with, "" for nothing.
func (j *job) waits(why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = why
}

// put makes sure that an object is there, by this attempt or an earlier one.
func (j *job) put(ctx context.Context, key string, o format.Object) (object, error) {
	told := object{Key: key, Size: o.Size(), Records: o.Count, Bytes: o.RecordBytes, Hash: fmt.Sprintf("%016x", o.Hash)}
	meta := map[string]string{
		"sluice-export": j.task.ID,
		"sluice-count":  strconv.FormatInt(o.Count, 10),
		"sluice-xxh64":  told.Hash,
	}
	err := j.room.cfg.Objects.PutIfAbsent(ctx, j.task.Bucket, key, objput.Object{
		Body: o.Body, Size: o.Size(), ContentType: j.shape.contentType(), ContentEncoding: j.shape.contentEncoding(), Meta: meta,
	})
	if !errors.Is(err, objput.ErrExists) {
		return told, err
	}
	there, err := j.room.cfg.Objects.Head(ctx, j.task.Bucket, key)
	if err != nil {
		return told, err
	}
	if !maps.Equal(there.Meta, meta) {
		return told, &permanentError{fmt.Errorf("object %s/%s is there already and holds something else", j.task.Bucket, key)}
	}
	told.Size = there.Size // another version's encoder may have made it
	return told, nil
}
