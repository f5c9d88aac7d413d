package firehose

import (
	"time"

	"sluice/internal/awsapi"
)

// streamEncryption is the server-side encryption of a delivery stream as it was
// asked for; nil is that it never was. The log is not encrypted by it: that is
// left to the disk, and said in the operations' comments.
type streamEncryption struct {
	Enabled bool
	KeyType string `json:",omitzero"`
	KeyARN  string `json:",omitzero"`
	Since   int64  // ms
}

const (
	awsOwned        = "AWS_OWNED_CMK"
	customerManaged = "CUSTOMER_MANAGED_CMK"
)

type encryptionInput struct{ KeyType, KeyARN string }

func (in *encryptionInput) model(v *awsapi.Validation) {
	if in == nil {
		return
	}
	const at = "deliveryStreamEncryptionConfigurationInput"
	v.NotNull(at+".keyType", in.KeyType != "")
	if in.KeyType != "" {
		v.Enum(at+".keyType", in.KeyType, awsOwned, customerManaged)
	}
	if in.KeyARN != "" {
		validateKeyARN(v, at+".keyARN", in.KeyARN)
	}
}

// semantics for a stream of a type; "" is DirectPut.
func (in *encryptionInput) semantics(c awsapi.Caller, streamType string) error {
	switch {
	case in == nil:
		return nil
	case streamType != "" && streamType != directPut && streamType != "DatabaseAsSource":
		return awsapi.InvalidArgument("Server side encryption from firehose is only allowed for direct put delivery streams and database as a source delivery streams")
	case in.KeyType == customerManaged && in.KeyARN == "":
		return awsapi.InvalidArgument("KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK")
	case in.KeyType == awsOwned && in.KeyARN != "":
		return awsapi.InvalidArgument("KeyARN cannot be specified when KeyType is AWS_OWNED_CMK")
	}
	if in.KeyARN != "" {
		if arn, err := awsapi.ParseARN(in.KeyARN); err == nil && arn.Region != c.Region {
			return awsapi.InvalidArgument("Cross-region keys are not allowed for SSE. Please provide CMKs in the same region as firehose")
		}
	}
	return nil
}

func (in *encryptionInput) enabled(now int64) *streamEncryption {
	if in == nil {
		return nil
	}
	return &streamEncryption{Enabled: true, KeyType: in.KeyType, KeyARN: in.KeyARN, Since: now}
}

// enabled is what puts say of themselves.
func (e *streamEncryption) enabled() bool { return e != nil && e.Enabled }

type encryptionDescription struct {
	KeyARN  string `json:",omitzero"`
	KeyType string `json:",omitzero"`
	Status  string
}

// describe tells the state at an instant in ms; a change is under way as long as
// a creation is.
func (e *streamEncryption) describe(now int64, changingFor time.Duration) encryptionDescription {
	if e == nil {
		return encryptionDescription{Status: "DISABLED"}
	}
	changing := now < e.Since+changingFor.Milliseconds()
	switch {
	case e.Enabled && changing:
		return encryptionDescription{e.KeyARN, e.KeyType, "ENABLING"}
	case e.Enabled:
		return encryptionDescription{e.KeyARN, e.KeyType, "ENABLED"}
	case changing:
		return encryptionDescription{Status: "DISABLING"}
	}
	return encryptionDescription{Status: "DISABLED"}
}

// encrypt changes the encryption of a delivery stream.
func (r *Room) encrypt(c awsapi.Caller, name string, e *streamEncryption) error {
	for {
		s, err := r.active(c, name)
		if err != nil {
			return err
		}
		told := s.settings()
		next := told.kept
		next.Encryption = e
		next.Unversioned++
		if err := r.change(s, told, next); awsapi.CodeOf(err) != awsapi.CodeConcurrentModification {
			return err
		}
	}
}
