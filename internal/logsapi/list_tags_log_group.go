package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// ListTagsLogGroup returns a log group's tags, by name. AWS calls it deprecated
// in favour of ListTagsForResource.

type listTagsLogGroupInput struct {
	LogGroupName *string `json:"logGroupName"`
}

func (a *API) listTagsLogGroup(_ context.Context, c awsapi.Caller, in *listTagsLogGroupInput) (*tagsOutput, error) {
	if err := checkOnlyGroup(in.LogGroupName); err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, groupRef{LogGroupName: in.LogGroupName})
	if err != nil {
		return nil, err
	}
	return tagsOf(g), nil
}
