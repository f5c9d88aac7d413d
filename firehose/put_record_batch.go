package firehose

import (
	"context"
	"strconv"

	"sluice/internal/awsapi"
)

// PutRecordBatch puts up to 500 records into a delivery stream.
//
// Behaviour: the records are durable, all of them, when the call returns, and
// the answer has an entry for each in their order. FailedPutCount is always 0: a
// log that does not take the batch fails the whole call, and nothing of it is
// there.
//
// Limits: 500 records, 1,024,000 bytes each, 4 MiB together. Otherwise as
// PutRecord.
//
// Known deviations: AWS may refuse single records of a batch.
func (r *Room) putRecordBatch() awsapi.Operation {
	return awsapi.JSON(service, target+"PutRecordBatch", r.putBatch)
}

const (
	maxRecords = 500
	maxBatch   = 4 << 20
)

type putBatchInput struct {
	DeliveryStreamName string
	Records            []record
}

type putBatchOutput struct {
	FailedPutCount   int
	Encrypted        bool
	RequestResponses []putBatchEntry
}

type putBatchEntry struct{ RecordId string }

func (r *Room) putBatch(ctx context.Context, c awsapi.Caller, in *putBatchInput) (*putBatchOutput, error) {
	if err := in.model(); err != nil {
		return nil, err
	}
	records := make([][]byte, len(in.Records))
	size := 0
	for i, rec := range in.Records {
		records[i] = rec.Data
		size += len(rec.Data)
	}
	if size > maxBatch {
		return nil, awsapi.InvalidArgument("Records size exceeds 4 MB limit")
	}
	at, s, err := r.accept(ctx, c, in.DeliveryStreamName, records)
	if err != nil {
		return nil, err
	}
	out := &putBatchOutput{
		Encrypted: s.settings().kept.Encryption.enabled(), RequestResponses: make([]putBatchEntry, len(records)),
	}
	for i := range records {
		out.RequestResponses[i].RecordId = recordID(s.Route, at, i)
	}
	return out, nil
}

func (in *putBatchInput) model() error {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	v.NotNull("records", in.Records != nil)
	if in.Records != nil {
		v.ListLength("records", "", len(in.Records), 1, maxRecords)
	}
	for i, rec := range in.Records {
		validateRecord(v, "records."+strconv.Itoa(i+1)+".member.data", rec.Data)
	}
	return v.Err()
}
