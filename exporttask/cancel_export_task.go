package exporttask

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// CancelExportTask ends a task that has not ended by itself.
//
// Behaviour: a PENDING task is CANCELLED at once, a RUNNING one is PENDING_CANCEL
// until its workers have stopped. Objects that were put stay.
//
// Limits: none. A task that is not there is ResourceNotFoundException, one that
// has ended InvalidOperationException.
//
// Deviations: none known.

type cancelInput struct {
	TaskID *string `json:"taskId"`
}

// none is the answer of an operation without output: an empty body.
type none struct{}

func (r *Room) cancelExportTask(_ context.Context, c awsapi.Caller, in *cancelInput) (*none, error) {
	v := awsapi.LogsValidation()
	v.NotNull("taskId", in.TaskID != nil)
	if in.TaskID != nil {
		v.Length("taskId", *in.TaskID, 1, 512)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	_, err := r.cfg.Tasks.Change(scopeOf(c), *in.TaskID, func(t *Task) error {
		if t.ended() {
			return awsapi.ErrExportTaskFinished
		}
		t.Code, t.Message = pendingCancel, ""
		if r.job(t.ID) == nil {
			t.Code, t.Message, t.Completed = cancelled, "Cancelled by user", r.now()
		}
		return nil
	})
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return nil, awsapi.ErrExportTaskNotFound
	case errors.Is(err, awsapi.ErrExportTaskFinished):
		return nil, awsapi.ErrExportTaskFinished
	case err != nil:
		return nil, unavailable(err)
	}
	if j := r.job(*in.TaskID); j != nil {
		j.cancel(errCancelled)
	}
	return nil, nil
}
