package alarms

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// EnableAlarmActions lets alarms do their actions again. States moved all the
// time, and what was not done meanwhile is not made up for. Unknown names are
// passed over, as AWS does.
func (r *Room) enableAlarmActions(ctx context.Context, c awsapi.Caller, in *alarmNamesInput) (*struct{}, error) {
	return nil, r.setActionsEnabled(ctx, c, in, true)
}

func (r *Room) setActionsEnabled(ctx context.Context, c awsapi.Caller, in *alarmNamesInput, on bool) error {
	if err := in.check(); err != nil {
		return err
	}
	for _, name := range in.AlarmNames {
		if d, ok := r.cfg.Definitions.Get(scopeOf(c), name); !ok || d.ActionsDisabled == !on {
			continue
		}
		err := r.reconfigure(ctx, c, name, func(d *Definition) { d.setActionsEnabled(on) })
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return err
		}
	}
	return nil
}
