package kinesis

import (
	"context"

	"sluice/internal/awsapi"
)

// DecreaseStreamRetentionPeriod keeps the records of a stream for a shorter time.
//
// Behaviour: what is too old by the new retention is not shown any more at once.
//
// Limits: 24 to 8,760 hours.
func (r *Room) decreaseStreamRetentionPeriod() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "DecreaseStreamRetentionPeriod", func(_ context.Context, c awsapi.Caller, in *retentionInput) (*none, error) {
		return nil, r.retain(c, in, func(s *Stream, hours int) error {
			if hours > s.RetentionHours {
				return awsapi.InvalidArgument("Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API.",
					hours, s.Name, s.RetentionHours)
			}
			return nil
		})
	})
}
