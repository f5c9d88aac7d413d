package kinesistest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// ServeHTTP answers an SDK's client in JSON 1.1.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	out, err := f.serve(r.Context(), operation, json.NewDecoder(r.Body))
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err != nil {
		var api interface {
			error
			ErrorCode() string
			ErrorMessage() string
		}
		body := map[string]string{"__type": "InternalFailure", "message": err.Error()}
		status := http.StatusInternalServerError
		if errors.As(err, &api) {
			body = map[string]string{"__type": api.ErrorCode(), "message": api.ErrorMessage()}
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		out = body
	}
	json.NewEncoder(w).Encode(out) // a client that left has nobody to tell
}

// serve decodes a request into the SDK's own types: their fields are named as
// the members of the JSON.
func (f *Fake) serve(ctx context.Context, operation string, body *json.Decoder) (any, error) {
	switch operation {
	case "PutRecords":
		return serve(ctx, body, f.PutRecords, func(out *kinesis.PutRecordsOutput) any {
			return map[string]any{"FailedRecordCount": out.FailedRecordCount, "Records": out.Records}
		})
	case "ListShards":
		return serve(ctx, body, f.ListShards, func(out *kinesis.ListShardsOutput) any {
			return map[string]any{"Shards": out.Shards, "NextToken": out.NextToken}
		})
	case "DescribeStreamSummary":
		return serve(ctx, body, f.DescribeStreamSummary, func(out *kinesis.DescribeStreamSummaryOutput) any {
			return map[string]any{"StreamDescriptionSummary": map[string]any{"RetentionPeriodHours": out.StreamDescriptionSummary.RetentionPeriodHours}}
		})
	case "GetShardIterator":
		var in struct {
			ShardId, ShardIteratorType, StartingSequenceNumber *string
			Timestamp                                          *float64
		}
		if err := body.Decode(&in); err != nil {
			return nil, err
		}
		ask := &kinesis.GetShardIteratorInput{ShardId: in.ShardId, StartingSequenceNumber: in.StartingSequenceNumber}
		if in.ShardIteratorType != nil {
			ask.ShardIteratorType = types.ShardIteratorType(*in.ShardIteratorType)
		}
		if in.Timestamp != nil {
			at := time.UnixMilli(int64(*in.Timestamp * 1000))
			ask.Timestamp = &at
		}
		out, err := f.GetShardIterator(ctx, ask)
		if err != nil {
			return nil, err
		}
		return map[string]any{"ShardIterator": out.ShardIterator}, nil
	case "GetRecords":
		return serve(ctx, body, f.GetRecords, page)
	}
	return nil, fmt.Errorf("operation %q is not part of the fake", operation)
}

func serve[I, O any](ctx context.Context, body *json.Decoder,
	do func(context.Context, *I, ...func(*kinesis.Options)) (*O, error), answer func(*O) any) (any, error) {
	in := new(I)
	if err := body.Decode(in); err != nil {
		return nil, err
	}
	out, err := do(ctx, in)
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

// page is GetRecords' answer: its times are seconds.
func page(out *kinesis.GetRecordsOutput) any {
	records := []any{}
	for _, r := range out.Records {
		records = append(records, map[string]any{
			"Data": r.Data, "PartitionKey": r.PartitionKey, "SequenceNumber": r.SequenceNumber,
			"ApproximateArrivalTimestamp": float64(r.ApproximateArrivalTimestamp.UnixMilli()) / 1000,
		})
	}
	return map[string]any{
		"Records": records, "NextShardIterator": out.NextShardIterator, "MillisBehindLatest": out.MillisBehindLatest, "ChildShards": out.ChildShards,
	}
}
