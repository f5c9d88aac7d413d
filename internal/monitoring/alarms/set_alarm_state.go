package alarms

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/monitoring/alarms/evaluation"
)

// SetAlarmState sets an alarm's state until the next evaluation, and does the
// actions where that is another state than before. It answers when the state is
// durable; actions follow.

type setAlarmStateInput struct {
	AlarmName       string
	StateValue      string
	StateReason     string
	StateReasonData string
}

func (r *Room) setAlarmState(ctx context.Context, c awsapi.Caller, in *setAlarmStateInput) (*struct{}, error) {
	v := awsapi.CloudWatchValidation()
	v.NotNull("alarmName", in.AlarmName != "")
	if v.NotNull("stateValue", in.StateValue != ""); in.StateValue != "" {
		v.Enum("stateValue", in.StateValue, stateWords...)
	}
	v.Length("stateReason", in.StateReason, 0, 1023)
	v.Length("stateReasonData", in.StateReasonData, 0, 4000)
	if err := v.Err(); err != nil {
		return nil, err
	}
	d, ok := r.cfg.Definitions.Get(scopeOf(c), in.AlarmName)
	if !ok {
		return nil, errNotFound
	}
	a := &scheduled{scopeOf(c), d}
	seq, actions, err := r.set(ctx, a, in)
	if err != nil {
		return nil, err
	}
	if err := r.cfg.Journal.WaitDurable(ctx, seq); err != nil {
		return nil, err
	}
	for i := range actions {
		r.dispatch(due{d.UID, seq, i})
	}
	return nil, nil
}

func (r *Room) set(ctx context.Context, a *scheduled, in *setAlarmStateInput) (seq uint64, actions int, err error) {
	defer r.lock(a.UID)()
	if r.fresh(a) == nil {
		return 0, 0, errNotFound
	}
	t := newTransition(a, r.cfg.State.of(&a.Definition), evaluation.State(in.StateValue), in.StateReason, in.StateReasonData, r.nowMS())
	seq, err = r.enqueue(ctx, a.UID, &t)
	return seq, len(t.actions), err
}
