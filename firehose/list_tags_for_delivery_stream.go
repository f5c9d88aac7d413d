package firehose

import (
	"context"
	"maps"
	"slices"

	"sluice/internal/awsapi"
)

// ListTagsForDeliveryStream lists the tags of a delivery stream by their keys.
//
// Behaviour: starts behind ExclusiveStartTagKey, which need not exist.
//
// Limits: Limit 1-50, default 50.
//
// Known deviations: none known.
func (r *Room) listTagsForDeliveryStream() awsapi.Operation {
	return awsapi.JSON(service, target+"ListTagsForDeliveryStream", r.listTags)
}

type listTagsInput struct {
	DeliveryStreamName   string
	ExclusiveStartTagKey string
	Limit                *int64
}

type listTagsOutput struct {
	Tags        []tag
	HasMoreTags bool
}

func (r *Room) listTags(_ context.Context, c awsapi.Caller, in *listTagsInput) (*listTagsOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	if in.ExclusiveStartTagKey != "" {
		validateTagKey(v, "exclusiveStartTagKey", in.ExclusiveStartTagKey)
	}
	limit := maxTags
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, maxTags)
		limit = int(*in.Limit)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	d, ok := r.links.Definitions.DeliveryStream(scopeOf(c), in.DeliveryStreamName)
	if !ok {
		return nil, awsapi.DeliveryStreamNotFound(c, in.DeliveryStreamName)
	}
	out := &listTagsOutput{Tags: []tag{}}
	for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
		if key <= in.ExclusiveStartTagKey {
			continue
		}
		if len(out.Tags) == limit {
			out.HasMoreTags = true
			break
		}
		out.Tags = append(out.Tags, tag{key, d.Tags[key]})
	}
	return out, nil
}
