package firehose

import (
	"context"
	"errors"
	"maps"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// TagDeliveryStream adds tags to a delivery stream, or gives them new values.
//
// Behaviour: all of them or none. VersionId stays.
//
// Limits: 1-50 tags; 50 on a stream: LimitExceededException. Keys 1-128 that do
// not start with aws:, values 0-256.
//
// Known deviations: the text of the LimitExceededException is ours.
func (r *Room) tagDeliveryStream() awsapi.Operation {
	return awsapi.JSON(service, target+"TagDeliveryStream", r.tag)
}

type tagInput struct {
	DeliveryStreamName string
	Tags               []tag
}

func (r *Room) tag(_ context.Context, c awsapi.Caller, in *tagInput) (*emptyOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	v.NotNull("tags", in.Tags != nil)
	if in.Tags != nil {
		if len(in.Tags) == 0 {
			v.ListLength("tags", "", 0, 1, maxTags)
		}
		validateTags(v, in.Tags)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	return r.changeTags(c, in.DeliveryStreamName, func(tags map[string]string) error {
		maps.Copy(tags, tagMap(in.Tags))
		if len(tags) > maxTags {
			return awsapi.LimitExceeded("A delivery stream cannot have more than %d tags.", maxTags)
		}
		return nil
	})
}

func tagMap(tags []tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

func (r *Room) changeTags(c awsapi.Caller, name string, change func(map[string]string) error) (*emptyOutput, error) {
	var refused *awsapi.Error
	_, err := r.links.Definitions.TagDeliveryStream(scopeOf(c), name, change)
	switch {
	case errors.As(err, &refused):
		return nil, refused
	case errors.Is(err, catalog.ErrNotFound):
		return nil, awsapi.DeliveryStreamNotFound(c, name)
	case err != nil:
		r.cfg.Logger.Error("tag delivery stream", "stream", name, "error", err)
		return nil, awsapi.ErrServiceUnavailable
	}
	return &emptyOutput{}, nil
}
