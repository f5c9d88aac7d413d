package firehose

import (
	"context"

	"sluice/internal/awsapi"
)

// StopDeliveryStreamEncryption has a delivery stream described as not encrypted.
//
// Behaviour: the state is DISABLING for Config.CreatingFor, then DISABLED; a
// stream that was never encrypted stays DISABLED. VersionId stays.
//
// Limits: DirectPut streams only.
//
// Known deviations: as StartDeliveryStreamEncryption.
func (r *Room) stopDeliveryStreamEncryption() awsapi.Operation {
	return awsapi.JSON(service, target+"StopDeliveryStreamEncryption", r.stopEncryption)
}

type stopEncryptionInput struct{ DeliveryStreamName string }

func (r *Room) stopEncryption(_ context.Context, c awsapi.Caller, in *stopEncryptionInput) (*emptyOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	if err := v.Err(); err != nil {
		return nil, err
	}
	s, err := r.active(c, in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	if e := s.settings().kept.Encryption; e == nil || !e.Enabled {
		return &emptyOutput{}, nil
	}
	return &emptyOutput{}, r.encrypt(c, s.Name, &streamEncryption{Since: r.now()})
}
