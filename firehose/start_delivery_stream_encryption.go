package firehose

import (
	"context"

	"sluice/internal/awsapi"
)

// StartDeliveryStreamEncryption has a delivery stream described as encrypted.
//
// Behaviour: without an input the key is AWS_OWNED_CMK. The state is ENABLING for
// Config.CreatingFor, then ENABLED; repeated calls change the key. VersionId
// stays.
//
// Limits: DirectPut streams only. A CUSTOMER_MANAGED_CMK needs a KeyARN of the
// stream's region, an AWS_OWNED_CMK must have none.
//
// Known deviations: nothing is encrypted: records lie in the log as the disk
// keeps them, and keys are not looked up. AWS's 25 changes a day do not bind.
func (r *Room) startDeliveryStreamEncryption() awsapi.Operation {
	return awsapi.JSON(service, target+"StartDeliveryStreamEncryption", r.startEncryption)
}

type startEncryptionInput struct {
	DeliveryStreamName                         string
	DeliveryStreamEncryptionConfigurationInput *encryptionInput
}

type emptyOutput struct{}

func (r *Room) startEncryption(_ context.Context, c awsapi.Caller, in *startEncryptionInput) (*emptyOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	in.DeliveryStreamEncryptionConfigurationInput.model(v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	s, err := r.active(c, in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	key := in.DeliveryStreamEncryptionConfigurationInput
	if key == nil {
		key = &encryptionInput{KeyType: awsOwned}
	}
	if err := key.semantics(c, s.kind); err != nil {
		return nil, err
	}
	if err := r.encrypt(c, s.Name, key.enabled(r.now())); err != nil {
		return nil, err
	}
	r.cfg.Logger.Warn("server-side encryption is described, but nothing is encrypted", "stream", s.Name)
	return &emptyOutput{}, nil
}
