package kinesis

import (
	"context"

	"sluice/internal/awsapi"
)

// IncreaseStreamRetentionPeriod keeps the records of a stream for longer.
//
// Behaviour: records that are too old already do not come back.
//
// Limits: 24 to 8,760 hours.
func (r *Room) increaseStreamRetentionPeriod() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "IncreaseStreamRetentionPeriod", func(_ context.Context, c awsapi.Caller, in *retentionInput) (*none, error) {
		return nil, r.retain(c, in, func(s *Stream, hours int) error {
			if hours < s.RetentionHours {
				return awsapi.InvalidArgument("Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API.",
					hours, s.Name, s.RetentionHours)
			}
			return nil
		})
	})
}

type retentionInput struct {
	target
	RetentionPeriodHours *int64
}

// retain changes the retention of a stream, if allow has nothing against it.
func (r *Room) retain(c awsapi.Caller, in *retentionInput, allow func(s *Stream, hours int) error) error {
	v := awsapi.KinesisValidation()
	v.NotNull("retentionPeriodHours", in.RetentionPeriodHours != nil)
	s, err := r.find(c, in.target, v)
	if err != nil {
		return err
	}
	switch hours := *in.RetentionPeriodHours; {
	case hours < leastRetention:
		return awsapi.InvalidArgument("Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.", leastRetention, hours)
	case hours > mostRetention:
		return awsapi.InvalidArgument("Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.", mostRetention, hours)
	}
	return r.change(c, s, func(s *Stream) error {
		hours := int(*in.RetentionPeriodHours)
		if err := allow(s, hours); err != nil {
			return err
		}
		s.RetentionHours = hours
		return nil
	})
}
