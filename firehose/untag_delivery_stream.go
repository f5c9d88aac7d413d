package firehose

import (
	"context"
	"strconv"
	"strings"

	"sluice/internal/awsapi"
)

// UntagDeliveryStream takes tags off a delivery stream.
//
// Behaviour: keys that it does not have are passed over. VersionId stays.
//
// Limits: 1-50 keys.
//
// Known deviations: none known.
func (r *Room) untagDeliveryStream() awsapi.Operation {
	return awsapi.JSON(service, target+"UntagDeliveryStream", r.untag)
}

type untagInput struct {
	DeliveryStreamName string
	TagKeys            []string
}

func (r *Room) untag(_ context.Context, c awsapi.Caller, in *untagInput) (*emptyOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	v.NotNull("tagKeys", in.TagKeys != nil)
	if in.TagKeys != nil {
		v.ListLength("tagKeys", "", len(in.TagKeys), 1, maxTags)
	}
	for i, key := range in.TagKeys {
		validateTagKey(v, "tagKeys."+strconv.Itoa(i+1)+".member", key)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	return r.changeTags(c, in.DeliveryStreamName, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

func validateTagKey(v *awsapi.Validation, at, key string) {
	v.Length(at, key, 1, 128)
	v.Pattern(at, key, patternTag, validTag(key) && !strings.HasPrefix(key, "aws:"))
}
