package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// UntagLogGroup removes tags from a log group, by name. AWS calls it deprecated
// in favour of UntagResource. Keys that are not there are no error.

type untagLogGroupInput struct {
	LogGroupName *string  `json:"logGroupName"`
	Tags         []string `json:"tags"`
}

func (a *API) untagLogGroup(_ context.Context, c awsapi.Caller, in *untagLogGroupInput) (*none, error) {
	if tooLong(in.LogGroupName) {
		return nil, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	checkTagKeys(v, "tags", in.Tags, 1)
	if err := v.Err(); err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, groupRef{LogGroupName: in.LogGroupName})
	if err != nil {
		return nil, err
	}
	return nil, a.update(g, ofGroup(removeTags(in.Tags)))
}
