package exporttask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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

// job is one task at work.
type job struct {
	room   *Room
	task   entry
	cancel context.CancelCauseFunc

	shape   shape
	pattern *pattern.Pattern
	journal *journal // open until run returns

	mu      sync.Mutex // guards what follows
	shown   *journal   // what progress reads
	streams int
	done    int
}

// run exports until the task ends or ctx does; in the second case the next start
// goes on.
func (j *job) run(ctx context.Context) {
	err := j.export(ctx)
	switch {
	case errors.Is(context.Cause(ctx), errCancelled):
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

// set moves the task to a state, unless another has come first.
func (j *job) set(code, message string) error {
	p := j.progress()
	now := j.room.now()
	_, err := j.room.cfg.Tasks.Change(j.task.Scope, j.task.ID, func(t *Task) error {
		if t.ended() || t.Code == pendingCancel && code == running {
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

// end makes the last state durable. If it cannot, the next start of the process
// finds the task not ended, and everything in its journal.
func (j *job) end(code, message string) {
	if err := j.set(code, message); err != nil {
		j.room.cfg.Logger.Error("note the end of an export", "task", j.task.ID, "state", code, "error", err)
		return
	}
	if j.journal == nil {
		return
	}
	if err := j.journal.remove(); err != nil {
		j.room.cfg.Logger.Warn("remove export journal", "task", j.task.ID, "error", err)
	}
}

func (j *job) progress() (p Progress) {
	j.mu.Lock()
	p.LogStreams, p.LogStreamsDone = j.streams, j.done
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
	var err error
	if j.journal, err = openJournal(j.room.cfg.FS, j.room.cfg.Dir, j.task.ID); err != nil {
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
	if err := j.set(running, "Started Successfully"); err != nil {
		return fmt.Errorf("note the start: %w", err)
	}
	if err := j.folders(ctx); err != nil {
		return err
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
	folders := j.list()
	j.mu.Lock()
	for _, f := range folders {
		j.streams += len(f.streams)
	}
	j.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, f := range folders {
		if !j.journal.mark(f.name).done {
			select {
			case j.room.workers <- struct{}{}:
			case <-ctx.Done():
				wg.Wait()
				return context.Cause(ctx)
			}
			wg.Go(func() {
				defer func() { <-j.room.workers }()
				if err := j.folder(ctx, f); err != nil {
					cancel(err)
				}
			})
			continue
		}
		j.finished(f)
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
func (j *job) folder(ctx context.Context, f folder) error {
	err := j.again(ctx, "export "+f.name, func() error {
		w := j.newWriter(ctx, f)
		defer w.discard()
		return w.run(ctx)
	})
	if err == nil {
		err = j.journal.write(note{Folder: f.name, Done: true})
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
		case err == nil, ctx.Err() != nil, errors.As(err, &permanent), errors.Is(err, objput.ErrRefused):
			return err
		}
		bound := min(retryMost, retryLeast<<min(attempt, 10))
		j.room.cfg.Logger.Warn("export tries again", "task", j.task.ID, "what", what, "error", err)
		if err := sleep(ctx, retryLeast+rand.N(bound)); err != nil {
			return err
		}
	}
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
		Body: o.Body, Size: o.Size(), ContentType: format.ContentType, ContentEncoding: j.shape.contentEncoding(), Meta: meta,
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

// manifest is the document that a finished task leaves.
type manifest struct {
	Version  int      `json:"version"`
	TaskID   string   `json:"taskId"`
	LogGroup string   `json:"logGroup"`
	From     int64    `json:"from"`
	To       int64    `json:"to"`
	Below    []uint64 `json:"below"` // the positions that were durable at creation
	After    []uint64 `json:"after,omitempty"`
	Options  Options  `json:"options"`
	Records  int64    `json:"records"`
	Bytes    int64    `json:"bytes"`
	Objects  []object `json:"objects"`
}

func manifestKey(id string) string { return "_sluice/export/" + id + ".json" }

func (j *job) putManifest(ctx context.Context) error {
	m := manifest{
		Version: 1, TaskID: j.task.ID, LogGroup: j.task.LogGroup, From: j.task.From, To: j.task.To,
		Below: j.task.Below, After: j.task.After, Options: j.task.Options, Objects: j.journal.sorted(),
	}
	for _, o := range m.Objects {
		m.Records += o.Records
		m.Bytes += o.Bytes
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return &permanentError{err}
	}
	err = j.room.cfg.Objects.PutIfAbsent(ctx, j.task.Bucket, manifestKey(j.task.ID), objput.Object{
		Body: bytes.NewReader(text), Size: int64(len(text)), ContentType: "application/json",
	})
	if errors.Is(err, objput.ErrExists) {
		return nil
	}
	return err
}
