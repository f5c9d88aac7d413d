package firehose

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/event"
)

// PutRecord puts one record into a delivery stream.
//
// Behaviour: the record is durable when the call returns. Its data lands in the
// object as it is, nothing added.
//
// Limits: 1,024,000 bytes of data. A stream that decompresses takes records
// from CloudWatch Logs only: InvalidSourceException. A stream that is not ACTIVE
// or a log that takes nothing: ServiceUnavailableException, which SDKs retry.
//
// Known deviations: the rates per stream and account are not limited.
func (r *Room) putRecord() awsapi.Operation {
	return awsapi.JSON(service, target+"PutRecord", r.put)
}

const maxRecord = 1_024_000

type putInput struct {
	DeliveryStreamName string
	Record             *record
}

type record struct{ Data []byte }

type putOutput struct {
	RecordId  string
	Encrypted bool
}

func (r *Room) put(ctx context.Context, c awsapi.Caller, in *putInput) (*putOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	v.NotNull("record", in.Record != nil)
	if in.Record != nil {
		validateRecord(v, "record.data", in.Record.Data)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	at, s, err := r.accept(ctx, c, in.DeliveryStreamName, [][]byte{in.Record.Data})
	if err != nil {
		return nil, err
	}
	return &putOutput{recordID(s.Route, at, 0), s.settings().kept.Encryption.enabled()}, nil
}

func validateRecord(v *awsapi.Validation, at string, data []byte) {
	v.NotNull(at, data != nil)
	v.ListLength(at, "", len(data), 0, maxRecord)
}

// accept makes records durable in the stream of that name.
func (r *Room) accept(ctx context.Context, c awsapi.Caller, name string, records [][]byte) (event.Position, *stream, error) {
	s, status, err := r.find(c, name)
	if err != nil {
		return event.Position{}, nil, err
	}
	if status != statusActive {
		return event.Position{}, nil, awsapi.ServiceUnavailable("Firehose %s under accountId %s is %s.", name, c.Account, status)
	}
	if s.kind != directPut {
		return event.Position{}, nil, awsapi.InvalidArgument("This operation is not permitted on %s delivery stream type.", s.kind)
	}
	if s.settings().config.form() != formMembers {
		return event.Position{}, nil, errInvalidSource
	}
	at, err := r.links.Sink.Put(ctx, s.Route, r.now(), records)
	if err != nil {
		if ctx.Err() == nil {
			r.cfg.Logger.Error("put records", "stream", name, "error", err)
		}
		return event.Position{}, nil, awsapi.ErrServiceUnavailable
	}
	return at, s, nil
}

var errInvalidSource = &awsapi.Error{
	Code:    "InvalidSourceException",
	Message: "Only CloudWatch Logs may put records into a delivery stream with decompression enabled.",
}
