package kinesis

import (
	"context"
	"maps"

	"sluice/internal/awsapi"
)

// RemoveTagsFromStream removes tags from a stream; those it has not do not matter.
//
// Limits: 50 keys.
func (r *Room) removeTagsFromStream() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "RemoveTagsFromStream", r.untag)
}

type removeTagsFromStreamInput struct {
	target
	TagKeys []string
}

func (r *Room) untag(_ context.Context, c awsapi.Caller, in *removeTagsFromStreamInput) (*none, error) {
	v := awsapi.KinesisValidation()
	v.NotNull("tagKeys", in.TagKeys != nil)
	if in.TagKeys != nil {
		v.ListLength("tagKeys", awsapi.List(in.TagKeys), len(in.TagKeys), 1, maxTags)
	}
	s, err := r.find(c, in.target, v)
	if err != nil {
		return nil, err
	}
	return nil, r.change(c, s, func(s *Stream) error {
		s.Tags = maps.Clone(s.Tags)
		for _, key := range in.TagKeys {
			delete(s.Tags, key)
		}
		return nil
	})
}
