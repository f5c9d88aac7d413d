package exporttask

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"sluice/internal/catalog"
)

// series is what tasks have in common that SluiceOptions.From chains.
type series struct {
	group                        uint64
	bucket, prefix, streamPrefix string
}

func (t *Task) series() series { return series{t.GroupUID, t.Bucket, t.Prefix, t.StreamPrefix} }

// forget deletes the oldest tasks of a scope that have ended, beyond the number
// that is kept. The last completed one of a series always stays: without it the
// next would export everything again. The caller holds creating.
func (r *Room) forget(s catalog.Scope) {
	kept := 0
	last := map[series]bool{}
	for _, t := range r.tasks(s) {
		if !t.ended() {
			continue
		}
		if t.Code == completed && !last[t.series()] {
			last[t.series()] = true
			kept++
			continue
		}
		if kept++; kept <= r.cfg.EndedTasks {
			continue
		}
		if _, err := r.cfg.Tasks.Delete(s, t.ID); err != nil {
			r.cfg.Logger.Warn("forget export task", "task", t.ID, "error", err)
			return // the next task tries again
		}
		r.removeJournal(t.ID)
	}
}

// sweep removes the journals that a crash left behind, of tasks that are
// completed or forgotten, and the spools of tasks that have ended.
func (r *Room) sweep() {
	needed, active := map[string]bool{}, map[string]bool{}
	r.cfg.Tasks.All(func(_ catalog.Scope, id string, t Task) { needed[id], active[id] = t.Code != completed, !t.ended() })
	entries, err := r.cfg.FS.ReadDir(r.cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.cfg.Logger.Warn("list export journals", "error", err)
	}
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), journalExtension); ok && !needed[id] {
			r.removeJournal(id)
		}
		if id, ok := strings.CutSuffix(e.Name(), spoolExtension); ok && !active[id] {
			(&job{room: r, task: entry{Task: Task{ID: id}}}).removeSpool()
		}
	}
}

func (r *Room) removeJournal(id string) {
	if err := r.cfg.FS.Remove(filepath.Join(r.cfg.Dir, id+journalExtension)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.cfg.Logger.Warn("remove export journal", "task", id, "error", err)
	}
}
