package kinesis

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// CreateStream makes a stream.
//
// Behaviour: the stream is ACTIVE when the call returns. With ShardCount the mode is
// PROVISIONED, without it ON_DEMAND with four shards, as AWS makes them. A name that
// is taken: ResourceInUseException.
//
// Limits: name 1-128 of [a-zA-Z0-9_.-]; 10,000 shards, or AWS's quota for an account
// and region under AWS's limits (LimitExceededException); records of 1 MiB with
// their key, MaxRecordSizeInKiB up to 10 MiB; retention 24 hours.
//
// Known deviations: CREATING is never seen. The number of shards of an ON_DEMAND
// stream never changes; WarmThroughputMiBps means nothing.
func (r *Room) createStream() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "CreateStream", r.create)
}

type createStreamInput struct {
	StreamName         *string
	ShardCount         *int64
	StreamModeDetails  *streamModeDetails
	Tags               map[string]string
	MaxRecordSizeInKiB *int64
}

type streamModeDetails struct{ StreamMode string }

const (
	modeProvisioned = "PROVISIONED"
	modeOnDemand    = "ON_DEMAND"

	onDemandShards = 4
	maxShards      = 10_000

	leastRetention = 24       // hours
	mostRetention  = 24 * 365 // hours

	leastRecordKiB = 1024
	mostRecordKiB  = 10_240
)

type none struct{}

func (in *createStreamInput) validate() error {
	v := awsapi.KinesisValidation()
	v.NotNull("streamName", in.StreamName != nil)
	if in.StreamName != nil {
		validateName(v, "streamName", *in.StreamName)
	}
	if in.ShardCount != nil && *in.ShardCount < 1 {
		v.Range("shardCount", *in.ShardCount, 1, *in.ShardCount)
	}
	if in.StreamModeDetails != nil {
		v.Enum("streamModeDetails.streamMode", in.StreamModeDetails.StreamMode, modeProvisioned, modeOnDemand)
	}
	if in.MaxRecordSizeInKiB != nil {
		v.Range("maxRecordSizeInKiB", *in.MaxRecordSizeInKiB, leastRecordKiB, mostRecordKiB)
	}
	if err := v.Err(); err != nil {
		return err
	}
	if in.mode() == modeOnDemand && in.ShardCount != nil {
		return awsapi.InvalidArgument("ShardCount cannot be set for a stream in ON_DEMAND mode.")
	}
	return checkTags(in.Tags)
}

func (in *createStreamInput) mode() string {
	switch {
	case in.StreamModeDetails != nil:
		return in.StreamModeDetails.StreamMode
	case in.ShardCount == nil:
		return modeOnDemand
	}
	return modeProvisioned
}

func (r *Room) create(_ context.Context, c awsapi.Caller, in *createStreamInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	shards := int64(onDemandShards)
	if in.ShardCount != nil {
		shards = *in.ShardCount
	}
	if r.Has(scopeOf(c), *in.StreamName) {
		return nil, streamExists(c, *in.StreamName)
	}
	if err := r.quota(c, shards); err != nil {
		return nil, err
	}
	now := r.now()
	s := Stream{
		Name: *in.StreamName, Account: c.Account, Region: c.Region, Created: now, Mode: in.mode(), RetentionHours: leastRetention,
		MaxRecordKiB: leastRecordKiB, Shards: divide(int(shards), now), Logs: r.cfg.Streams.Shards(), Tags: in.Tags,
	}
	if in.MaxRecordSizeInKiB != nil {
		s.MaxRecordKiB = int(*in.MaxRecordSizeInKiB)
	}
	var err error
	if s.UID, err = r.cfg.UIDs.UID(); err != nil {
		return nil, err
	}
	r.name(s)
	if err = r.cfg.Definitions.Create(scopeOf(c), s.Name, s); err != nil {
		r.forget(s)
		if errors.Is(err, catalog.ErrExists) {
			return nil, streamExists(c, s.Name)
		}
		return nil, err
	}
	return nil, r.made(s)
}

// name makes a stream known by its uid, before it can get records.
func (r *Room) name(s Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[s.UID] = streamName{catalog.Scope{Account: s.Account, Region: s.Region}, s.Name}
}

// forget lets go of a stream that is not defined any more.
func (r *Room) forget(s Stream) {
	r.mu.Lock()
	delete(r.names, s.UID)
	r.mu.Unlock()
	r.cfg.Streams.Drop(s.UID)
	r.rates.forget(s.UID)
}

func (r *Room) quota(c awsapi.Caller, more int64) error {
	most := int64(maxShards)
	have := int64(0)
	if quota := int64(r.cfg.MaxShards); quota > 0 {
		most, have = quota, r.openShards(c)
	}
	if have+more > most {
		return awsapi.LimitExceeded("This request would exceed the shard limit for the account %s in %s. Current shard count for the account: %d. Limit: %d. Number of additional shards that would have resulted from this request: %d.",
			c.Account, c.Region, have, most, more)
	}
	return nil
}

func (r *Room) openShards(c awsapi.Caller) (n int64) {
	for _, s := range r.cfg.Definitions.List(scopeOf(c), "", "", 0) {
		n += int64(len(s.Shards))
	}
	return n
}

func streamExists(c awsapi.Caller, name string) error {
	return awsapi.ResourceInUse("Stream %s under account %s already exists.", name, c.Account)
}
