package exporttask

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"sluice/internal/clock"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/vfs"
)

// begin puts the preset, with small objects, into the table.
func (w *world) begin(change func(*Task)) Task {
	w.t.Helper()
	task := w.preset()
	task.Options.ObjectSizeInMBs = 1
	if change != nil {
		change(&task)
	}
	if err := w.room.cfg.Tasks.Put(logsapitest.Scope, task.ID, task); err != nil {
		w.t.Fatal(err)
	}
	return task
}

// TestResumeGoesOnWhereTheJournalStands cancels a task in its midst and fails it
// by somebody else's object, resumes it each time, and wants what an undisturbed
// task makes, each object put once.
func TestResumeGoesOnWhereTheJournalStands(t *testing.T) {
	mem := vfs.NewMem()
	first := open(t, mem, nil)
	first.fill(800, rand.New(rand.NewPCG(7, 8)))
	if err := first.store.Close(); err != nil {
		t.Fatal(err)
	}
	plain := open(t, mem.CrashClone(vfs.CrashOptions{}), nil)
	plain.begin(nil)
	stop := plain.run()
	plain.ended("task")
	stop()
	want := plain.objects()
	if len(want) < 4 {
		t.Fatalf("%d objects: too few to stop between them", len(want))
	}

	var puts atomic.Int64
	third := make(chan struct{})
	resume := make(chan struct{})
	base := mem.CrashClone(vfs.CrashOptions{})
	w := open(t, vfs.Fault(base, func(op vfs.Op) error {
		// An object's name is given to it by a link.
		if op.Kind == vfs.OpLink && strings.Contains(op.Name, "exportedlogs/") && puts.Add(1) == 3 {
			close(third)
			<-resume
		}
		return nil
	}), func(c *Config) { c.Workers = 1 })
	s := logsapitest.Serve(t, w.room.Operations()...)
	w.begin(nil)
	w.run()
	<-third
	if a := s.Call("ResumeExportTask", `{"taskId":"task"}`); a.Code != "InvalidOperationException" {
		t.Error(a)
	}
	s.Done("CancelExportTask", `{"taskId":"task"}`, nil)
	close(resume)
	if got := w.ended("task"); got.Code != cancelled {
		t.Fatalf("%+v", got)
	}
	s.Done("ResumeExportTask", `{"taskId":"task"}`, nil)
	if got := w.ended("task"); got.Code != completed || got.Progress.Objects != int64(len(want)) {
		t.Fatalf("%+v", got)
	}
	if got := w.objects(); !maps.Equal(got, want) {
		t.Errorf("%d objects, want %d, or others", len(got), len(want))
	}
	// The one that was being put when the task was cancelled may be put twice.
	if n := puts.Load(); n > int64(len(want))+1 {
		t.Errorf("%d objects were put, %d are there", n, len(want))
	}
	a := s.Call("ResumeExportTask", `{"taskId":"task"}`)
	if a.Code != "InvalidOperationException" || !strings.Contains(a.Message, "nothing to resume") {
		t.Error(a)
	}
	if a := s.Call("ResumeExportTask", `{"taskId":"none"}`); a.Code != "ResourceNotFoundException" {
		t.Error(a)
	}
	if entries, err := base.ReadDir("/exports"); err != nil || len(entries) != 0 {
		t.Errorf("journals of completed tasks: %v, %v", entries, err)
	}
}

// TestFullDiskIsWaitedFor has no space for journals and definitions, then some.
func TestFullDiskIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		refused := make(chan struct{}, 1000)
		w := open(t, vfs.Fault(vfs.NewMem(), func(op vfs.Op) error {
			if full.Load() && op.Kind == vfs.OpWrite && strings.HasPrefix(op.Name, "/exports") {
				refused <- struct{}{}
				return syscall.ENOSPC
			}
			return nil
		}), nil)
		w.fill(4, rand.New(rand.NewPCG(9, 9)))
		full.Store(true)
		w.begin(nil)
		stop := w.run()
		for range 5 {
			<-refused
		}
		synctest.Wait()
		task, _ := w.room.cfg.Tasks.Get(logsapitest.Scope, "task")
		if why := w.room.describe(task).SluiceProgress.Waiting; !strings.Contains(why, syscall.ENOSPC.Error()) {
			t.Errorf("waiting for %q", why)
		}
		full.Store(false)
		if got := w.ended("task"); got.Code != completed || got.Progress.Events != 240 || got.Progress.Waiting != "" {
			t.Errorf("%+v", got)
		}
		stop()
	})
}

func TestDeletedLogGroupFailsTheTask(t *testing.T) {
	w := open(t, vfs.NewMem(), nil)
	w.begin(func(task *Task) { task.GroupUID = 999 })
	w.run()
	if got := w.ended("task"); got.Code != failed || got.Message != "The log group was deleted" {
		t.Errorf("%+v", got)
	}
	s := logsapitest.Serve(t, w.room.Operations()...)
	if a := s.Call("ResumeExportTask", `{"taskId":"task"}`); a.Code != "ResourceNotFoundException" {
		t.Error(a)
	}
	if got := w.room.Stats(); got.Tasks[failed] != 1 || len(got.Tasks) != len(states) || got.Objects != 0 {
		t.Errorf("%+v", got)
	}
}

// TestOldTasksAreForgotten keeps the newest, and what From: last goes on from.
func TestOldTasksAreForgotten(t *testing.T) {
	w := open(t, vfs.NewMem(), func(c *Config) {
		c.EndedTasks = 3
		c.Clock = clock.Real{}
	})
	w.makeBucket()
	for i := range 9 {
		code := []string{failed, completed, cancelled}[i%3]
		w.begin(func(task *Task) {
			task.ID, task.Code, task.Created = fmt.Sprint("t", i), code, int64(i)
			if i == 1 {
				task.Prefix = "another"
			}
		})
		w.write(fmt.Sprint("t", i))
	}
	w.begin(func(task *Task) { task.ID = "active" })
	w.write("active")
	w.write("orphan")
	s := logsapitest.Serve(t, w.room.Operations()...)
	s.Done("CreateExportTask", `{"logGroupName":"g","from":0,"to":9,"destination":"exports"}`, &struct{ TaskID string }{})
	var left []string
	for _, task := range w.room.tasks(logsapitest.Scope) {
		left = append(left, task.ID)
	}
	if got := strings.Join(left[1:], " "); got != "t8 t7 t6 t1 active" {
		t.Error(got)
	}
	w.room.sweep()
	entries, err := w.fs.ReadDir("/exports")
	if err != nil {
		t.Fatal(err)
	}
	var journals []string
	for _, e := range entries {
		journals = append(journals, e.Name())
	}
	if got := strings.Join(journals, " "); got != "active.jsonl t6.jsonl t8.jsonl" {
		t.Error(got)
	}
}

// write makes a task's journal.
func (w *world) write(id string) {
	w.t.Helper()
	j, err := openJournal(w.fs, "/exports", id)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(j.write(note{Folder: "a"}), j.close()); err != nil {
		w.t.Fatal(err)
	}
}
