package alarms

import (
	"context"

	"sluice/internal/awsapi"
)

// PutCompositeAlarm is refused: alarms over other alarms are not there yet.
func putCompositeAlarm(context.Context, awsapi.Caller, *struct{}) (*struct{}, error) {
	return nil, &awsapi.Error{Code: awsapi.CodeUnknownOperation, Message: "PutCompositeAlarm is not supported here yet: make metric alarms with PutMetricAlarm."}
}
