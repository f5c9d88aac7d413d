package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// ListTagsForResource returns a log group's tags, by its ARN without ":*".

type listTagsForResourceInput struct {
	ResourceARN *string `json:"resourceArn"`
}

func (a *API) listTagsForResource(_ context.Context, c awsapi.Caller, in *listTagsForResourceInput) (*tagsOutput, error) {
	v := awsapi.LogsValidation()
	checkResource(v, in.ResourceARN)
	if err := v.Err(); err != nil {
		return nil, err
	}
	g, err := a.resourceGroup(c, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return tagsOf(g), nil
}
