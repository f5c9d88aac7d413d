package kinesis

import (
	"context"
	"errors"
	"fmt"

	"sluice/internal/awsapi"
	"sluice/internal/store"
	"sluice/stream/embedded"
)

// PutRecord puts one record into a stream.
//
// Behaviour: the record is durable when the call returns. Sequence numbers of a shard
// only grow, so that SequenceNumberForOrdering has nothing to do but to be one of the
// stream's.
//
// Limits: data and key 1 MiB together, or what the stream was made with; a key of
// 1-256 characters; ExplicitHashKey below 2^128. Under AWS's limits 1 MiB and 1,000
// records a second for each shard: ProvisionedThroughputExceededException, which is
// also the answer while the disk budget is used up.
func (r *Room) putRecord() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "PutRecord", r.put)
}

type putRecordInput struct {
	target
	recordEntry
	SequenceNumberForOrdering *string
}

// recordEntry is a record as clients send it.
type recordEntry struct {
	Data            []byte
	PartitionKey    *string
	ExplicitHashKey *string
}

type putRecordOutput struct{ ShardId, SequenceNumber string }

const (
	mostKey  = 256
	mostData = mostRecordKiB << 10
)

// validate checks what the model says of a record; at is its path.
func (e *recordEntry) validate(v *awsapi.Validation, at string) {
	v.NotNull(at+"data", e.Data != nil)
	if len(e.Data) > mostData {
		v.ListLength(at+"data", fmt.Sprintf("java.nio.HeapByteBuffer[pos=0 lim=%[1]d cap=%[1]d]", len(e.Data)), len(e.Data), 0, mostData)
	}
	v.NotNull(at+"partitionKey", e.PartitionKey != nil)
	if e.PartitionKey != nil && (len(*e.PartitionKey) > mostKey || len(*e.PartitionKey) == 0) {
		v.Length(at+"partitionKey", *e.PartitionKey, 1, mostKey)
	}
	if e.ExplicitHashKey != nil && !decimal(*e.ExplicitHashKey, 39) {
		v.Pattern(at+"explicitHashKey", *e.ExplicitHashKey, patternHashKey, false)
	}
}

// decimal tells whether a text is a number of at most n digits without leading
// zeros.
func decimal(text string, n int) bool {
	if len(text) == 0 || len(text) > n || text[0] == '0' && len(text) > 1 {
		return false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// incoming checks what the stream says of a record and finds its shard.
func (r *Room) incoming(s *Stream, index int, e *recordEntry) (incoming, error) {
	if size, most := len(e.Data)+len(*e.PartitionKey), s.MaxRecordKiB<<10; size > most {
		return incoming{}, awsapi.InvalidArgument("The record is %d bytes long with its partition key, and stream %s takes at most %d.", size, s.Name, most)
	}
	record := embedded.Record{Key: []byte(*e.PartitionKey), Data: e.Data}
	if e.ExplicitHashKey != nil {
		h, ok := parseHashKey(*e.ExplicitHashKey)
		if !ok {
			return incoming{}, awsapi.InvalidArgument("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", *e.ExplicitHashKey)
		}
		record.Hash, record.Explicit = embedded.Hash(h), true
	}
	record.Shard = s.of(hashOf(&record)).Number
	return incoming{index, s.logShard(record.Shard), record}, nil
}

func (r *Room) put(ctx context.Context, c awsapi.Caller, in *putRecordInput) (*putRecordOutput, error) {
	v := awsapi.KinesisValidation()
	in.recordEntry.validate(v, "")
	if n := in.SequenceNumberForOrdering; n != nil && !decimal(*n, 129) {
		v.Pattern("sequenceNumberForOrdering", *n, patternSequence, false)
	}
	s, err := r.find(c, in.target, v)
	if err != nil {
		return nil, err
	}
	if n := in.SequenceNumberForOrdering; n != nil {
		if _, ok := parseSequence(*n); !ok {
			return nil, awsapi.InvalidArgument("ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid.", *n, s.Name, c.Account)
		}
	}
	one, err := r.incoming(&s, 0, &in.recordEntry)
	if err != nil {
		return nil, err
	}
	shard := &s.Shards[one.record.Shard]
	if !r.rates.write(s.UID, shard.Number, len(in.Data)+len(*in.PartitionKey)) {
		return nil, throughputExceeded(c, &s, shard)
	}
	out := &putRecordOutput{ShardId: shard.ID()}
	err = r.append(ctx, &s, frame{one.log, []incoming{one}}, nil, embedded.Mark{}, func(_ *incoming, p place) {
		out.SequenceNumber = string(appendSequence(nil, shard.Created, shard.Number, p))
	})
	if err != nil {
		return nil, r.refusal(ctx, c, &s, shard, err)
	}
	return out, nil
}

// refusal is what a client is told of an append that failed.
func (r *Room) refusal(ctx context.Context, c awsapi.Caller, s *Stream, shard *Shard, err error) *awsapi.Error {
	if errors.Is(err, store.ErrFull) {
		return throughputExceeded(c, s, shard)
	}
	if ctx.Err() == nil {
		r.cfg.Logger.Error("put records", "stream", s.Name, "error", err)
	}
	return awsapi.ErrInternalFailure
}
