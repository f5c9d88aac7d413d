package exporttask

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// ResumeExportTask starts a task again that FAILED or was CANCELLED, where its
// journal stands. It is ours: AWS has no such operation, a task that failed there
// is made anew and begins from nothing.
//
// Behaviour: checks the log group and the bucket as CreateExportTask does, and
// makes the task PENDING under its id. It exports what was durable when it was
// created, under the same keys; objects that were put are not put again. What
// retention has removed since then is missing, as in a new task.
//
// Limits: with limits: aws a resumed task counts as an active one. A task that is
// not there is ResourceNotFoundException, one that is active or COMPLETED
// InvalidOperationException.

type resumeInput struct {
	TaskID *string `json:"taskId"`
}

func (r *Room) resumeExportTask(ctx context.Context, c awsapi.Caller, in *resumeInput) (*none, error) {
	v := awsapi.LogsValidation()
	v.NotNull("taskId", in.TaskID != nil)
	if in.TaskID != nil {
		v.Length("taskId", *in.TaskID, 1, 512)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	t, ok := r.cfg.Tasks.Get(scopeOf(c), *in.TaskID)
	if !ok {
		return nil, awsapi.ErrExportTaskNotFound
	}
	if err := t.resumable(); err != nil {
		return nil, err
	}
	if _, ok := r.cfg.Groups.GroupByUID(t.GroupUID); !ok {
		return nil, awsapi.ErrLogGroupNotFound
	}
	if err := r.checkBucket(ctx, &t, t.Prefix != defaultPrefix); err != nil {
		return nil, err
	}
	t, err := r.reopen(scopeOf(c), t.ID)
	if err != nil {
		return nil, err
	}
	r.start(entry{scopeOf(c), t})
	return nil, nil
}

func (t *Task) resumable() error {
	switch {
	case t.Code == completed:
		return awsapi.InvalidOperation("The specified export task has completed: there is nothing to resume")
	case !t.ended():
		return awsapi.InvalidOperation("The specified export task has not ended")
	}
	return nil
}

// reopen makes a task pending again.
func (r *Room) reopen(s catalog.Scope, id string) (Task, error) {
	r.creating.Lock()
	defer r.creating.Unlock()
	if r.cfg.ActiveTasks > 0 && r.active(s) >= r.cfg.ActiveTasks {
		return Task{}, awsapi.ErrLimitExceeded
	}
	t, err := r.cfg.Tasks.Change(s, id, func(t *Task) error {
		if err := t.resumable(); err != nil {
			return err
		}
		t.Code, t.Message, t.Completed = pending, "", 0
		return nil
	})
	var refused *awsapi.Error
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return t, awsapi.ErrExportTaskNotFound
	case errors.As(err, &refused):
		return t, err
	case err != nil:
		return t, unavailable(err)
	}
	return t, nil
}
