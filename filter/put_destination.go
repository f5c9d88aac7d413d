package filter

import (
	"context"
	"maps"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/logsapi"
)

// PutDestination makes a logical destination, or points the one that has its name
// at another target.
//
// Behaviour: target and role are replaced, access policy, tags and creation time
// stay. Without an access policy only the owner's log groups can send. What filters
// select from then on goes to the new target; what they selected before goes where
// it was going.
//
// Limits: name 1-512 without : and *.
//
// Deviations: the target is a delivery stream of the caller's account in any region
// of this process, or a stream that the configuration names. Tags are taken when
// the destination is made and added when it is changed.

type putDestinationInput struct {
	DestinationName *string           `json:"destinationName"`
	TargetARN       *string           `json:"targetArn"`
	RoleARN         *string           `json:"roleArn"`
	Tags            map[string]string `json:"tags"`
}

type putDestinationOutput struct {
	Destination destination `json:"destination"`
}

// destination is a logical destination as the API shows it.
type destination struct {
	DestinationName string `json:"destinationName"`
	TargetARN       string `json:"targetArn"`
	RoleARN         string `json:"roleArn"`
	AccessPolicy    string `json:"accessPolicy,omitempty"`
	ARN             string `json:"arn"`
	CreationTime    int64  `json:"creationTime"`
}

const (
	maxARN          = 2048
	maxAccessPolicy = 5120
	maxTags         = 50
)

func (in *putDestinationInput) validate() error {
	v := awsapi.LogsValidation()
	checkFilterName(v, "destinationName", in.DestinationName)
	required(v, "targetArn", in.TargetARN, maxARN)
	required(v, "roleArn", in.RoleARN, maxARN)
	logsapi.CheckTags(v, in.Tags)
	if len(in.Tags) > maxTags {
		return errTooManyTags
	}
	return v.Err()
}

// required checks a text that must be there.
func required(v *awsapi.Validation, member string, value *string, most int) {
	v.NotNull(member, value != nil)
	if value != nil {
		v.Length(member, *value, 1, most)
	}
}

// errTooManyTags: the code is the model's, the text is ours.
var errTooManyTags = &awsapi.Error{Code: awsapi.CodeTooManyTags, Message: "A resource can have at most 50 tags."}

func (a *API) putDestination(ctx context.Context, c awsapi.Caller, in *putDestinationInput) (*putDestinationOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	if err := a.reachTarget(ctx, c, *in.TargetARN); err != nil {
		return nil, err
	}
	arn := c.DestinationARN(*in.DestinationName)
	route, err := a.cfg.Catalog.Route(arn)
	if err != nil {
		return nil, answer(err, nil)
	}
	target, err := a.cfg.Catalog.Route(*in.TargetARN)
	if err != nil {
		return nil, answer(err, nil)
	}
	d, err := a.subscriptions.destinations.Upsert(scopeOf(c), *in.DestinationName, func(d *Destination, there bool) error {
		if !there {
			*d = Destination{Name: *in.DestinationName, ARN: arn, Route: route, Created: a.cfg.Clock.Now().UnixMilli()}
		}
		d.TargetARN, d.RoleARN, d.TargetRoute = *in.TargetARN, *in.RoleARN, target
		return addTags(d, in.Tags)
	})
	if err != nil {
		return nil, answer(err, nil)
	}
	a.subscriptions.changed()
	if a.cfg.Announce != nil {
		a.cfg.Announce(d)
	}
	return &putDestinationOutput{shownDestination(d)}, nil
}

// addTags adds tags to a copy of a destination's own.
func addTags(d *Destination, tags map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	all := maps.Clone(d.Tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	if len(all) > maxTags {
		return errTooManyTags
	}
	d.Tags = all
	return nil
}

// reachTarget stands for the test message to a destination's target.
func (a *API) reachTarget(ctx context.Context, c awsapi.Caller, text string) error {
	arn, err := awsapi.ParseARN(text)
	if err != nil {
		return awsapi.InvalidParameter("targetArn is not a valid ARN")
	}
	switch arn.Service {
	case "kinesis":
		return a.reachKinesis(ctx, c.Account, arn)
	case "firehose":
		return a.reachFirehose(ctx, catalog.Scope{Account: c.Account, Region: arn.Region}, arn)
	}
	return awsapi.InvalidParameter("PutDestination operation cannot work with targetArn for vendor %s", arn.Service)
}

func shownDestination(d Destination) destination {
	return destination{
		DestinationName: d.Name, TargetARN: d.TargetARN, RoleARN: d.RoleARN, AccessPolicy: d.AccessPolicy, ARN: d.ARN, CreationTime: d.Created,
	}
}

// DestinationTags gives logsapi's tag operations the tags of destinations.
func (a *API) DestinationTags() *DestinationTags { return &DestinationTags{a.subscriptions} }

// DestinationTags is the tags of logical destinations.
type DestinationTags struct{ subscriptions *Subscriptions }

// Tags returns a destination's tags.
func (t *DestinationTags) Tags(s catalog.Scope, name string) (map[string]string, error) {
	d, ok := t.subscriptions.destinations.Get(s, name)
	if !ok {
		return nil, awsapi.ErrDestinationNotFound
	}
	return d.Tags, nil
}

// ChangeTags changes a copy of a destination's tags.
func (t *DestinationTags) ChangeTags(s catalog.Scope, name string, change func(tags map[string]string) error) error {
	_, err := t.subscriptions.destinations.Change(s, name, func(d *Destination) error {
		d.Tags = maps.Clone(d.Tags)
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		return change(d.Tags)
	})
	return answer(err, awsapi.ErrDestinationNotFound)
}
