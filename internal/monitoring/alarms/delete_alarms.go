package alarms

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// DeleteAlarms deletes up to 100 alarms, or none where one of the names is
// unknown. Their history stays; what is left to do of their actions does not.

type alarmNamesInput struct{ AlarmNames []string }

func (r *Room) deleteAlarms(ctx context.Context, c awsapi.Caller, in *alarmNamesInput) (*struct{}, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	scope := scopeOf(c)
	for _, name := range in.AlarmNames {
		if _, ok := r.cfg.Definitions.Get(scope, name); !ok {
			return nil, errNotFound
		}
	}
	for _, name := range in.AlarmNames {
		if err := r.deleteAlarm(ctx, scope, name); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (r *Room) deleteAlarm(ctx context.Context, scope catalog.Scope, name string) error {
	d, err := r.cfg.Definitions.Delete(scope, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil // somebody else was faster, or it was named twice
	}
	if err != nil {
		return err
	}
	r.unschedule(d.UID)
	defer r.lock(d.UID)() // behind an evaluation that is under way
	return r.write(ctx, d.UID, r.configured(scheduled{scope, d}, deleted, r.nowMS()))
}

func (in *alarmNamesInput) check() error {
	v := awsapi.CloudWatchValidation()
	v.NotNull("alarmNames", in.AlarmNames != nil)
	v.ListLength("alarmNames", awsapi.List(in.AlarmNames), len(in.AlarmNames), 0, maxPage)
	return v.Err()
}
