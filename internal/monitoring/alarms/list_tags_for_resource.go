package alarms

import (
	"context"
	"maps"
	"slices"

	"sluice/internal/awsapi"
)

// ListTagsForResource lists an alarm's tags in the order of their keys; none of
// an alarm that does not exist, as AWS does.

type listTagsForResourceInput struct{ ResourceARN string }

type listTagsForResourceOutput struct{ Tags []tag }

func (r *Room) listTagsForResource(_ context.Context, c awsapi.Caller, in *listTagsForResourceInput) (*listTagsForResourceOutput, error) {
	v := awsapi.CloudWatchValidation()
	v.NotNull("resourceARN", in.ResourceARN != "")
	if err := v.Err(); err != nil {
		return nil, err
	}
	out := &listTagsForResourceOutput{}
	name, ok := named(c, in.ResourceARN)
	if !ok {
		return out, nil
	}
	d, _ := r.cfg.Definitions.Get(scopeOf(c), name)
	for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
		out.Tags = append(out.Tags, tag{key, d.Tags[key]})
	}
	return out, nil
}
