package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// TagResource adds tags to a log group or a destination, by its ARN without ":*".
//
// Limits: at most 50 tags on a group, else TooManyTagsException; key 1-128, value
// 0-256.
//
// Beyond AWS, the tag sluice:store of a log group says how long its events can be
// read back (store_tag.go).
//
// Deviations: other resources have no tags. The texts for other ARNs
// and for too many tags are ours, none is recorded.

type tagResourceInput struct {
	ResourceARN *string           `json:"resourceArn"`
	Tags        map[string]string `json:"tags"`
}

func (a *API) tagResource(_ context.Context, c awsapi.Caller, in *tagResourceInput) (*none, error) {
	v := awsapi.LogsValidation()
	checkResource(v, in.ResourceARN)
	checkNewTags(v, in.Tags)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := checkSluiceTags(in.Tags); err != nil {
		return nil, err
	}
	return nil, a.changeTags(c, in.ResourceARN, addTags(in.Tags, errTooManyTags))
}
