package kinesis

import (
	"context"

	"sluice/internal/awsapi"
)

// GetShardIterator hands out a place in a shard, where GetRecords goes on.
//
// Behaviour: AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER take a sequence number of
// the shard, AT_TIMESTAMP an instant, TRIM_HORIZON is the oldest record that the
// retention leaves, LATEST is behind everything that was acknowledged. An iterator
// lives five minutes by the event clock.
//
// Known deviations: five calls a second for each shard are not counted.
func (r *Room) getShardIterator() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "GetShardIterator", r.iterate)
}

type getShardIteratorInput struct {
	target
	ShardId                *string
	ShardIteratorType      *string
	StartingSequenceNumber *string
	Timestamp              *instant
}

type getShardIteratorOutput struct{ ShardIterator string }

// The kinds of iterator.
const (
	atSequenceNumber    = "AT_SEQUENCE_NUMBER"
	afterSequenceNumber = "AFTER_SEQUENCE_NUMBER"
	trimHorizon         = "TRIM_HORIZON"
	latest              = "LATEST"
	atTimestamp         = "AT_TIMESTAMP"
)

// lifetime of iterators and of tokens, ms.
const lifetime = 300_000

func (in *getShardIteratorInput) validate(v *awsapi.Validation) {
	v.NotNull("shardId", in.ShardId != nil)
	validateShardID(v, "shardId", in.ShardId)
	v.NotNull("shardIteratorType", in.ShardIteratorType != nil)
	if in.ShardIteratorType != nil {
		v.Enum("shardIteratorType", *in.ShardIteratorType, afterSequenceNumber, latest, atTimestamp, atSequenceNumber, trimHorizon)
	}
	if n := in.StartingSequenceNumber; n != nil && !decimal(*n, 129) {
		v.Pattern("startingSequenceNumber", *n, patternSequence, false)
	}
}

// semantics checks that what the kind needs is there, and nothing else.
func (in *getShardIteratorInput) semantics() error {
	kind := *in.ShardIteratorType
	number := "no StartingSequenceNumber"
	if in.StartingSequenceNumber != nil {
		number = "also a StartingSequenceNumber"
	}
	needs := kind == atSequenceNumber || kind == afterSequenceNumber
	if needs != (in.StartingSequenceNumber != nil) {
		return awsapi.InvalidArgument("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "+
			"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified %s and %s.", kind, number)
	}
	if kind == atTimestamp && in.Timestamp == nil {
		return awsapi.InvalidArgument("Must specify timestamp when using AT_TIMESTAMP shard iterator type")
	}
	return nil
}

func (r *Room) iterate(_ context.Context, c awsapi.Caller, in *getShardIteratorInput) (*getShardIteratorOutput, error) {
	v := awsapi.KinesisValidation()
	in.validate(v)
	s, err := r.find(c, in.target, v)
	if err != nil {
		return nil, err
	}
	shard, err := s.named(c, *in.ShardId)
	if err != nil {
		return nil, err
	}
	if err := in.semantics(); err != nil {
		return nil, err
	}
	it := iterator{stream: s.UID, shard: shard.Number, created: r.now()}
	log := s.logShard(shard.Number)
	switch *in.ShardIteratorType {
	case latest:
		it.from.position = r.cfg.Streams.End(log)
	case atTimestamp:
		it.since = in.Timestamp.UnixMilli()
		if it.since > it.created {
			return nil, awsapi.InvalidArgument("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d", it.since, it.created)
		}
		it.from.position = r.cfg.Streams.Since(s.UID, log, it.since)
	case atSequenceNumber, afterSequenceNumber:
		if it.from, err = s.at(c, shard, *in.StartingSequenceNumber); err != nil {
			return nil, err
		}
		if *in.ShardIteratorType == afterSequenceNumber {
			it.from = it.from.next()
		}
	}
	return &getShardIteratorOutput{it.String()}, nil
}

// named finds a shard that a request names.
func (s *Stream) named(c awsapi.Caller, id string) (*Shard, error) {
	number, ok := shardNumber(id)
	if !ok {
		return nil, awsapi.ResourceNotFound("Could not find shard %s in stream %s under account %s.", id, s.Name, c.Account)
	}
	shard, ok := s.shard(id)
	if !ok {
		return nil, shardNotFound(c, s, Shard{Number: number})
	}
	return shard, nil
}

func shardNotFound(c awsapi.Caller, s *Stream, shard Shard) error {
	return awsapi.ResourceNotFound("Shard %s in stream %s under account %s does not exist", shard.ID(), s.Name, c.Account)
}

// at is the place that a sequence number names.
func (s *Stream) at(c awsapi.Caller, shard *Shard, text string) (place, error) {
	n, ok := parseSequence(text)
	switch {
	case !ok:
		return place{}, awsapi.InvalidArgument("StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s is invalid.",
			text, shard.ID(), s.Name, c.Account)
	case n.shard != shard.Number:
		return place{}, awsapi.InvalidArgument("Invalid StartingSequenceNumber. It encodes %s, while it was used in a call to a shard with %s",
			Shard{Number: n.shard}.ID(), shard.ID())
	case n.created != shard.Created/1000:
		return place{}, awsapi.InvalidArgument("StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s is invalid because it did not come from this stream.",
			text, shard.ID(), s.Name, c.Account)
	}
	return n.place, nil
}
