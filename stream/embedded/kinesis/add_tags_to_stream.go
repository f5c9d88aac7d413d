package kinesis

import (
	"context"
	"maps"
	"strings"

	"sluice/internal/awsapi"
)

// AddTagsToStream adds tags to a stream, or changes those it has.
//
// Limits: 50 tags a stream; keys of 1-128 characters that do not begin with aws:,
// values of up to 256.
func (r *Room) addTagsToStream() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "AddTagsToStream", r.tag)
}

type addTagsToStreamInput struct {
	target
	Tags map[string]string
}

const maxTags = 50

// checkTags answers to tags that no stream may have.
func checkTags(tags map[string]string) error {
	v := awsapi.KinesisValidation()
	for key, value := range tags {
		v.Length("tags.key", key, 1, 128)
		v.Length("tags.value", value, 0, 256)
	}
	if err := v.Err(); err != nil {
		return err
	}
	if len(tags) > maxTags {
		return tooManyTags(len(tags))
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return awsapi.InvalidArgument("Tag keys starting with 'aws:' are reserved for system use")
		}
	}
	return nil
}

func tooManyTags(n int) error {
	return awsapi.InvalidArgument("Failed to add tags to stream: it would have %d tags, and the limit is %d.", n, maxTags)
}

func (r *Room) tag(_ context.Context, c awsapi.Caller, in *addTagsToStreamInput) (*none, error) {
	v := awsapi.KinesisValidation()
	v.NotNull("tags", in.Tags != nil)
	if in.Tags != nil {
		v.ListLength("tags", "{}", len(in.Tags), 1, 200)
	}
	s, err := r.find(c, in.target, v)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return nil, r.change(c, s, func(s *Stream) error {
		tags := maps.Clone(s.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, in.Tags)
		if len(tags) > maxTags {
			return tooManyTags(len(tags))
		}
		s.Tags = tags
		return nil
	})
}
