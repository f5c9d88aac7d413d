package kinesis

import (
	"context"

	"sluice/internal/awsapi"
)

// DescribeStream shows a stream with its shards.
//
// Behaviour: shards come in the order of their numbers, behind
// ExclusiveStartShardId.
//
// Limits: Limit 1-10,000, default 100.
//
// Known deviations: there is no enhanced monitoring, and the encryption is NONE.
func (r *Room) describeStream() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "DescribeStream", r.describe)
}

type describeStreamInput struct {
	target
	Limit                 *int64
	ExclusiveStartShardId *string
}

type describeStreamOutput struct{ StreamDescription streamDescription }

type streamDescription struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       streamModeDetails
	Shards                  []shardDescription
	HasMoreShards           bool
	RetentionPeriodHours    int
	StreamCreationTimestamp instant
	EnhancedMonitoring      []enhancedMetrics
	EncryptionType          string
}

// enhancedMetrics is what Kinesis says of a stream that has none.
type enhancedMetrics struct{ ShardLevelMetrics []string }

func noEnhancedMetrics() []enhancedMetrics {
	return []enhancedMetrics{{ShardLevelMetrics: []string{}}}
}

type shardDescription struct {
	ShardId             string
	HashKeyRange        hashKeyRange
	SequenceNumberRange sequenceNumberRange
}

type hashKeyRange struct{ StartingHashKey, EndingHashKey string }

type sequenceNumberRange struct {
	StartingSequenceNumber string
	EndingSequenceNumber   string `json:",omitzero"`
}

const (
	statusActive   = "ACTIVE"
	encryptionNone = "NONE"

	describedShards = 100
	mostPage        = 10_000
)

func describeShards(shards []Shard) []shardDescription {
	out := make([]shardDescription, len(shards))
	for i, s := range shards {
		out[i] = shardDescription{
			ShardId: s.ID(), HashKeyRange: hashKeyRange{s.First.String(), s.Last.String()},
			SequenceNumberRange: sequenceNumberRange{StartingSequenceNumber: string(appendSequence(nil, s.Created, s.Number, place{}))},
		}
	}
	return out
}

func (r *Room) describe(_ context.Context, c awsapi.Caller, in *describeStreamInput) (*describeStreamOutput, error) {
	v := awsapi.KinesisValidation()
	page := int64(describedShards)
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, mostPage)
		page = *in.Limit
	}
	validateShardID(v, "exclusiveStartShardId", in.ExclusiveStartShardId)
	s, err := r.find(c, in.target, v)
	if err != nil {
		return nil, err
	}
	shards, more := s.behind(in.ExclusiveStartShardId, page)
	return &describeStreamOutput{streamDescription{
		StreamName: s.Name, StreamARN: c.StreamARN(s.Name), StreamStatus: statusActive, StreamModeDetails: streamModeDetails{s.Mode},
		Shards: describeShards(shards), HasMoreShards: more, RetentionPeriodHours: s.RetentionHours,
		StreamCreationTimestamp: instantOf(s.Created), EnhancedMonitoring: noEnhancedMetrics(), EncryptionType: encryptionNone,
	}}, nil
}

func validateShardID(v *awsapi.Validation, member string, id *string) {
	if id != nil {
		validateName(v, member, *id)
	}
}

// behind is a page of the shards behind one, or of all.
func (s *Stream) behind(id *string, page int64) (shards []Shard, more bool) {
	shards = s.Shards
	if id != nil {
		for len(shards) > 0 && shards[0].ID() <= *id {
			shards = shards[1:]
		}
	}
	if int64(len(shards)) > page {
		return shards[:page], true
	}
	return shards, false
}
