package kinesis

import (
	"context"
	"maps"
	"slices"

	"sluice/internal/awsapi"
)

// ListTagsForStream lists the tags of a stream in the order of their keys.
//
// Limits: Limit 1-50, default 50.
func (r *Room) listTagsForStream() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "ListTagsForStream", r.tags)
}

type listTagsForStreamInput struct {
	target
	ExclusiveStartTagKey *string
	Limit                *int64
}

type listTagsForStreamOutput struct {
	Tags        []tag
	HasMoreTags bool
}

type tag struct{ Key, Value string }

func (r *Room) tags(_ context.Context, c awsapi.Caller, in *listTagsForStreamInput) (*listTagsForStreamOutput, error) {
	v := awsapi.KinesisValidation()
	page := maxTags
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, maxTags)
		page = int(*in.Limit)
	}
	if in.ExclusiveStartTagKey != nil {
		v.Length("exclusiveStartTagKey", *in.ExclusiveStartTagKey, 1, 128)
	}
	s, err := r.find(c, in.target, v)
	if err != nil {
		return nil, err
	}
	out := &listTagsForStreamOutput{Tags: []tag{}}
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		if in.ExclusiveStartTagKey != nil && key <= *in.ExclusiveStartTagKey {
			continue
		}
		if len(out.Tags) == page {
			out.HasMoreTags = true
			break
		}
		out.Tags = append(out.Tags, tag{key, s.Tags[key]})
	}
	return out, nil
}
