package logsapi

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// ListTagsForResource returns the tags of a log group or a destination, by its ARN without ":*".

type listTagsForResourceInput struct {
	ResourceARN *string `json:"resourceArn"`
}

func (a *API) listTagsForResource(_ context.Context, c awsapi.Caller, in *listTagsForResourceInput) (*tagsOutput, error) {
	v := awsapi.LogsValidation()
	checkResource(v, in.ResourceARN)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if scope, name, ok := a.destination(c, in.ResourceARN); ok {
		tags, err := a.cfg.Destinations.Tags(scope, name)
		if err != nil {
			return nil, err
		}
		return tagsOf(catalog.LogGroup{Tags: tags}), nil
	}
	g, err := a.resourceGroup(c, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return tagsOf(g), nil
}
