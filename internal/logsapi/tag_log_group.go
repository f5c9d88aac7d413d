package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// TagLogGroup adds tags to a log group, by name. AWS calls it deprecated in
// favour of TagResource; both see one set of tags.
//
// Limits: at most 50 tags on a group; key 1-128, value 0-256.
//
// Beyond AWS, the tag sluice:store of a log group says how long its events can be
// read back (store_tag.go).
//
// Deviations: the text for too many tags is ours, none is recorded.

type tagLogGroupInput struct {
	LogGroupName *string           `json:"logGroupName"`
	Tags         map[string]string `json:"tags"`
}

func (a *API) tagLogGroup(_ context.Context, c awsapi.Caller, in *tagLogGroupInput) (*none, error) {
	if tooLong(in.LogGroupName) {
		return nil, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	checkNewTags(v, in.Tags)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := checkSluiceTags(in.Tags); err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, groupRef{LogGroupName: in.LogGroupName})
	if err != nil {
		return nil, err
	}
	return nil, a.update(g, ofGroup(addTags(in.Tags, awsapi.InvalidParameter(errTooManyTags.Message))))
}
