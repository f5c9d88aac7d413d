package alarms

import (
	"context"
	"errors"
	"strconv"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// TagResource adds tags to an alarm, or gives them other values.
//
// Limits: 50 tags a request; a key has up to 128 characters, a value 256.
//
// Deviations from AWS: alarms are the only resources of CloudWatch here.

type tagResourceInput struct {
	ResourceARN string
	Tags        []tag
}

func (r *Room) tagResource(ctx context.Context, c awsapi.Caller, in *tagResourceInput) (*struct{}, error) {
	v := awsapi.CloudWatchValidation()
	v.NotNull("resourceARN", in.ResourceARN != "")
	checkTags(v, in.Tags)
	if err := v.Err(); err != nil {
		return nil, err
	}
	return nil, r.retag(c, in.ResourceARN, func(tags map[string]string) {
		for _, t := range in.Tags {
			tags[t.Key] = t.Value
		}
	})
}

const maxTags = 50

func checkTags(v *awsapi.Validation, tags []tag) {
	v.ListLength("tags", "", len(tags), 0, maxTags)
	for i, t := range tags {
		at := "tags." + strconv.Itoa(i+1) + ".member."
		v.Length(at+"key", t.Key, 1, 128)
		v.Length(at+"value", t.Value, 0, 256)
	}
}

// retag changes a copy of an alarm's tags. They are no part of what the engine
// or the history looks at.
func (r *Room) retag(c awsapi.Caller, resource string, change func(tags map[string]string)) error {
	name, ok := named(c, resource)
	if !ok {
		return errNotFound
	}
	_, err := r.cfg.Definitions.Change(scopeOf(c), name, func(d *Definition) error {
		tags := make(map[string]string, len(d.Tags))
		for k, v := range d.Tags {
			tags[k] = v
		}
		change(tags)
		if len(tags) > maxTags {
			return refused("InvalidParameterValueException", "An alarm can have at most 50 tags.")
		}
		d.Tags = tags
		return nil
	})
	if errors.Is(err, catalog.ErrNotFound) {
		return errNotFound
	}
	return err
}
