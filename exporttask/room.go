package exporttask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/cores"
	"sluice/internal/objput"
	"sluice/internal/vfs"
)

// Groups are the definitions that exports read.
type Groups interface {
	Group(s catalog.Scope, name string) (catalog.LogGroup, bool)
	GroupByUID(uid uint64) (catalog.LogGroup, bool)
	Streams(groupUID uint64, prefix, after string, limit int) []catalog.LogStream
}

// Objects is where exports go; both stores of objput are one.
type Objects interface {
	objput.Store
	// BucketExists tells whether there is a bucket: an export makes none.
	BucketExists(ctx context.Context, bucket string) (bool, error)
}

// Config is what the room needs. What has no default is required.
type Config struct {
	Groups  Groups
	Events  Stored
	Objects Objects
	Tasks   *catalog.Table[Task]
	Clock   clock.Clock
	// FS and Dir are where journals lie.
	FS  vfs.FS
	Dir string
	// GroupBytes is the size of a log group's messages, for people who wait.
	GroupBytes func(groupUID uint64) int64
	// ActiveTasks bounds the tasks of an account and region that have not ended,
	// as AWS does with one; 0 does not.
	ActiveTasks int
	// EndedTasks is how many tasks of an account and region stay listed once they
	// have ended. Default 1000.
	EndedTasks int
	// Workers is how many log streams are exported at once. Default: one for each
	// core.
	Workers int
	// SortBytes bounds the batches of one worker that overlap in time. Default 32 MiB.
	SortBytes int64
	// StreamBytes is the size of a log stream's messages. Default: all of the group
	// at once is spooled.
	StreamBytes func(uid uint64) int64
	// SpoolBytes bounds the spool of a task (spool.go), which takes no more than a
	// quarter of what is free on the disk either. Default 8 GiB; less than 0 is none.
	// SpoolLeast is what is worth one: as much fits into the store's cache. Default
	// 48 MiB.
	SpoolBytes, SpoolLeast int64
	// Logger takes what goes wrong. Default: nothing.
	Logger *slog.Logger
}

// Room holds all export tasks.
type Room struct {
	cfg     Config
	workers chan struct{} // one token for each stream being exported
	filling chan struct{} // one token for the spool being filled
	tally   tally

	creating sync.Mutex // held from the count of active tasks to the new one, and while tasks are forgotten

	mu      sync.Mutex // guards what follows
	jobs    map[string]*job
	running context.Context // of Run; nil before and after it
	wg      sync.WaitGroup  // one for each job's goroutine
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Room, error) {
	if cfg.Groups == nil || cfg.Events == nil || cfg.Objects == nil || cfg.Tasks == nil || cfg.Clock == nil || cfg.FS == nil || cfg.Dir == "" {
		return nil, errors.New("make export tasks: groups, events, objects, tasks, clock, file system and folder are needed")
	}
	if cfg.Workers <= 0 {
		cfg.Workers = cores.Count()
	}
	if cfg.EndedTasks <= 0 {
		cfg.EndedTasks = 1000
	}
	if cfg.SortBytes <= 0 {
		cfg.SortBytes = 32 << 20
	}
	if cfg.GroupBytes == nil {
		cfg.GroupBytes = func(uint64) int64 { return 0 }
	}
	if cfg.StreamBytes == nil {
		cfg.StreamBytes = func(uint64) int64 { return 0 }
	}
	if cfg.SpoolBytes == 0 {
		cfg.SpoolBytes = 8 << 30
	}
	if cfg.SpoolLeast == 0 {
		cfg.SpoolLeast = 48 << 20
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Room{cfg: cfg, workers: make(chan struct{}, cfg.Workers), filling: make(chan struct{}, 1), jobs: map[string]*job{}}, nil
}

// Operations are the AWS operations of the room.
func (r *Room) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		operation("CreateExportTask", r.createExportTask),
		operation("DescribeExportTasks", r.describeExportTasks),
		operation("CancelExportTask", r.cancelExportTask),
		operation("ResumeExportTask", r.resumeExportTask),
	}
}

func operation[In, Out any](name string, serve func(context.Context, awsapi.Caller, *In) (*Out, error)) awsapi.Operation {
	return awsapi.JSON("logs", "Logs_20140328."+name, serve)
}

// Run exports until ctx ends. Tasks that had not ended when the process did go on.
func (r *Room) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	if r.running != nil {
		r.mu.Unlock()
		return errors.New("run export tasks: they run already")
	}
	r.running = ctx
	r.mu.Unlock()
	r.sweep()
	r.cfg.Tasks.All(func(s catalog.Scope, _ string, t Task) {
		if !t.ended() {
			r.start(entry{s, t})
		}
	})
	<-ctx.Done()
	r.mu.Lock()
	r.running = nil
	r.mu.Unlock()
	r.wg.Wait()
	return nil
}

// start runs a task, unless the room does not run: then its Run will.
func (r *Room) start(t entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil || r.jobs[t.ID] != nil {
		return
	}
	ctx, cancel := context.WithCancelCause(r.running)
	j := &job{room: r, task: t, life: r.running, cancel: cancel}
	r.jobs[t.ID] = j
	r.wg.Go(func() {
		defer cancel(nil)
		j.run(ctx)
		r.ended(j)
	})
}

// ended forgets a job. Its task may have been resumed since its end was noted,
// while the job was still there: then nobody else starts it.
func (r *Room) ended(j *job) {
	r.mu.Lock()
	delete(r.jobs, j.task.ID)
	r.mu.Unlock()
	if t, ok := r.cfg.Tasks.Get(j.task.Scope, j.task.ID); ok && j.noted && !t.ended() {
		r.start(entry{j.task.Scope, t})
	}
}

// job returns a task's job while it runs.
func (r *Room) job(id string) *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jobs[id]
}

// tasks lists the tasks of a scope, newest first.
func (r *Room) tasks(s catalog.Scope) []Task {
	list := r.cfg.Tasks.List(s, "", "", 0)
	slices.SortStableFunc(list, func(a, b Task) int { // in one millisecond: by what was stored
		return cmp.Or(cmp.Compare(b.Created, a.Created), slices.Compare(b.Below, a.Below))
	})
	return list
}

func (r *Room) now() int64 { return r.cfg.Clock.Now().UnixMilli() }

func scopeOf(c awsapi.Caller) catalog.Scope {
	return catalog.Scope{Account: c.Account, Region: c.Region}
}

func unavailable(err error) error {
	return fmt.Errorf("%w: %w", awsapi.ErrServiceUnavailable, err)
}
