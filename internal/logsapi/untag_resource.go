package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// UntagResource removes tags from a log group or a destination, by its ARN without ":*". Keys that
// are not there are no error.

type untagResourceInput struct {
	ResourceARN *string  `json:"resourceArn"`
	TagKeys     []string `json:"tagKeys"`
}

func (a *API) untagResource(_ context.Context, c awsapi.Caller, in *untagResourceInput) (*none, error) {
	v := awsapi.LogsValidation()
	checkResource(v, in.ResourceARN)
	checkTagKeys(v, "tagKeys", in.TagKeys, 0)
	if err := v.Err(); err != nil {
		return nil, err
	}
	return nil, a.changeTags(c, in.ResourceARN, removeTags(in.TagKeys))
}
