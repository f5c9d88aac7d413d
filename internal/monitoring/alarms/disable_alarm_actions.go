package alarms

import (
	"context"

	"sluice/internal/awsapi"
)

// DisableAlarmActions keeps alarms from doing their actions; their states move
// on. Unknown names are passed over, as AWS does.
func (r *Room) disableAlarmActions(ctx context.Context, c awsapi.Caller, in *alarmNamesInput) (*struct{}, error) {
	return nil, r.setActionsEnabled(ctx, c, in, false)
}
