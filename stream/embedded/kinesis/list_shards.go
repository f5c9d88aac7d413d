package kinesis

import (
	"context"
	"encoding/base64"

	"github.com/cespare/xxhash/v2"

	"sluice/internal/awsapi"
)

// ListShards lists the shards of a stream in the order of their numbers.
//
// Behaviour: every filter but AFTER_SHARD_ID gives all shards, for all are open and
// none is older than the stream. A NextToken lives five minutes by the event clock:
// ExpiredNextTokenException.
//
// Limits: MaxResults 1-10,000, default 1,000.
//
// Known deviations: StreamCreationTimestamp is not looked at.
func (r *Room) listShards() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "ListShards", r.shards)
}

type listShardsInput struct {
	target
	NextToken             *string
	ExclusiveStartShardId *string
	MaxResults            *int64
	ShardFilter           *shardFilter
}

type shardFilter struct {
	Type      string
	ShardId   *string
	Timestamp *instant
}

type listShardsOutput struct {
	Shards    []shardDescription
	NextToken string `json:",omitzero"`
}

const (
	listedShards = 1000

	filterAfter = "AFTER_SHARD_ID"
)

func (in *listShardsInput) validate(v *awsapi.Validation) {
	validateShardID(v, "exclusiveStartShardId", in.ExclusiveStartShardId)
	if in.MaxResults != nil {
		v.Range("maxResults", *in.MaxResults, 1, mostPage)
	}
	if f := in.ShardFilter; f != nil {
		v.Enum("shardFilter.type", f.Type, filterAfter, "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP")
		validateShardID(v, "shardFilter.shardId", f.ShardId)
	}
}

// semantics checks what the model cannot.
func (in *listShardsInput) semantics() error {
	named := in.StreamName != nil || in.StreamARN != nil
	switch f := in.ShardFilter; {
	case !named && in.NextToken == nil:
		return awsapi.InvalidArgument("Either NextToken or StreamName should be provided.")
	case named && in.NextToken != nil:
		return awsapi.InvalidArgument("NextToken and StreamName cannot be provided together.")
	case f == nil:
		return nil
	case f.Type == filterAfter && f.ShardId == nil:
		return awsapi.InvalidArgument("ShardId must be provided for the ShardFilter type %s.", f.Type)
	case (f.Type == "AT_TIMESTAMP" || f.Type == "FROM_TIMESTAMP") && f.Timestamp == nil:
		return awsapi.InvalidArgument("Timestamp must be provided for the ShardFilter type %s.", f.Type)
	}
	return nil
}

func (r *Room) shards(_ context.Context, c awsapi.Caller, in *listShardsInput) (*listShardsOutput, error) {
	v := awsapi.KinesisValidation()
	in.validate(v)
	in.target.validate(v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := in.semantics(); err != nil {
		return nil, err
	}
	after := in.ExclusiveStartShardId
	if f := in.ShardFilter; f != nil && f.Type == filterAfter {
		after = f.ShardId
	}
	var s Stream
	var err error
	if in.NextToken != nil {
		var token shardToken
		if s, token, err = r.tokenStream(c, *in.NextToken); err == nil {
			id := Shard{Number: token.shard}.ID()
			after = &id
		}
	} else {
		s, err = r.find(c, in.target, awsapi.KinesisValidation())
	}
	if err != nil {
		return nil, err
	}
	page := int64(listedShards)
	if in.MaxResults != nil {
		page = *in.MaxResults
	}
	shards, more := s.behind(after, page)
	out := &listShardsOutput{Shards: describeShards(shards)}
	if more {
		out.NextToken = shardToken{s.UID, shards[len(shards)-1].Number, r.now()}.String()
	}
	return out, nil
}

// shardToken is where a listing goes on: behind a shard.
type shardToken struct {
	stream  uint64
	shard   uint32
	created int64 // ms
}

const shardTokenSize = 8 + 4 + 8

func (t shardToken) String() string {
	b := le.AppendUint64(nil, t.stream)
	b = le.AppendUint32(b, t.shard)
	b = le.AppendUint64(b, uint64(t.created))
	return base64.StdEncoding.EncodeToString(le.AppendUint64(b, xxhash.Sum64(b)))
}

func (r *Room) tokenStream(c awsapi.Caller, text string) (s Stream, t shardToken, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != shardTokenSize+8 || xxhash.Sum64(b[:shardTokenSize]) != le.Uint64(b[shardTokenSize:]) {
		return s, t, awsapi.InvalidArgument("NextToken is invalid.")
	}
	t = shardToken{le.Uint64(b), le.Uint32(b[8:]), int64(le.Uint64(b[12:]))}
	if now := r.now(); now-t.created > lifetime {
		return s, t, &awsapi.Error{Code: "ExpiredNextTokenException", Message: "The NextToken has expired: it was created more than 300 seconds ago."}
	}
	s, ok := r.byUID(t.stream)
	if !ok || s.Account != c.Account || s.Region != c.Region {
		return s, t, awsapi.InvalidArgument("NextToken is invalid.")
	}
	return s, t, nil
}
