package alarms

import (
	"context"

	"sluice/internal/awsapi"
)

// UntagResource takes tags from an alarm. Keys that it does not have are passed
// over.

type untagResourceInput struct {
	ResourceARN string
	TagKeys     []string
}

func (r *Room) untagResource(_ context.Context, c awsapi.Caller, in *untagResourceInput) (*struct{}, error) {
	v := awsapi.CloudWatchValidation()
	v.NotNull("resourceARN", in.ResourceARN != "")
	v.NotNull("tagKeys", in.TagKeys != nil)
	if err := v.Err(); err != nil {
		return nil, err
	}
	return nil, r.retag(c, in.ResourceARN, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}
