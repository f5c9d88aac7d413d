package kinesis

import (
	"context"

	"sluice/internal/awsapi"
)

// DescribeLimits shows how many shards and streams there may be, and are.
//
// Known deviations: without AWS's limits the numbers shown are those of one stream;
// streams in ON_DEMAND mode are never refused.
func (r *Room) describeLimits() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "DescribeLimits", r.limits)
}

type describeLimitsOutput struct {
	ShardLimit               int64
	OpenShardCount           int64
	OnDemandStreamCount      int64
	OnDemandStreamCountLimit int64
}

const onDemandStreams = 50 // AWS's quota

func (r *Room) limits(_ context.Context, c awsapi.Caller, _ *none) (*describeLimitsOutput, error) {
	out := &describeLimitsOutput{ShardLimit: maxShards, OpenShardCount: r.openShards(c), OnDemandStreamCountLimit: onDemandStreams}
	if r.cfg.MaxShards > 0 {
		out.ShardLimit = int64(r.cfg.MaxShards)
	}
	for _, s := range r.cfg.Definitions.List(scopeOf(c), "", "", 0) {
		if s.Mode == modeOnDemand {
			out.OnDemandStreamCount++
		}
	}
	return out, nil
}
