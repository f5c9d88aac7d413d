package filter

import (
	"context"
	"errors"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// PutSubscriptionFilter makes a subscription filter, or changes the one that has
// its name.
//
// Behaviour: the filter selects what is stored from now on; a changed one selects
// by its old definition what was stored before. Checks run in this order:
// members, destination (service, role), log group, pattern, number of filters, and
// whether the destination is there. creationTime is that of the first version.
//
// Limits: name 1-512 without : and *; pattern up to 1,024. The number of filters of
// a log group is bounded only by configuration; a change never counts.
//
// Deviations: destinations are delivery streams of the caller's account and
// region, partition ignored; whether one is there is looked up and no test message
// is written. Kinesis streams, Lambda functions and cross-account destinations are
// refused with AWS's texts for those that do not answer. fieldSelectionCriteria and
// emitSystemFields are refused by name. applyOnTransformedLogs is kept and shown;
// there are no transformers, so it changes nothing. AWS's quota of five filters with
// a regular expression for each log group is not kept.

type putSubscriptionFilterInput struct {
	LogGroupName           *string  `json:"logGroupName"`
	FilterName             *string  `json:"filterName"`
	FilterPattern          *string  `json:"filterPattern"`
	DestinationARN         *string  `json:"destinationArn"`
	RoleARN                *string  `json:"roleArn"`
	Distribution           *string  `json:"distribution"`
	ApplyOnTransformedLogs bool     `json:"applyOnTransformedLogs"`
	FieldSelectionCriteria *string  `json:"fieldSelectionCriteria"`
	EmitSystemFields       []string `json:"emitSystemFields"`
}

const (
	distributionRandom      = "Random"
	distributionByLogStream = "ByLogStream"

	maxPattern   = 1024
	maxSelection = 2000
)

func (in *putSubscriptionFilterInput) validate() error {
	if groupTooLong(in.LogGroupName) {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	checkFilterName(v, "filterName", in.FilterName)
	v.NotNull("filterPattern", in.FilterPattern != nil)
	if in.FilterPattern != nil {
		v.Length("filterPattern", *in.FilterPattern, 0, maxPattern)
	}
	v.NotNull("destinationArn", in.DestinationARN != nil)
	if in.DestinationARN != nil {
		v.Length("destinationArn", *in.DestinationARN, 1, 2048)
	}
	if in.RoleARN != nil {
		v.Length("roleArn", *in.RoleARN, 1, 2048)
	}
	if in.Distribution != nil {
		v.Enum("distribution", *in.Distribution, distributionRandom, distributionByLogStream)
	}
	if in.FieldSelectionCriteria != nil {
		v.Length("fieldSelectionCriteria", *in.FieldSelectionCriteria, 0, maxSelection)
	}
	return v.Err()
}

func (a *API) putSubscriptionFilter(_ context.Context, c awsapi.Caller, in *putSubscriptionFilterInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	if err := in.checkSupported(); err != nil {
		return nil, err
	}
	destination, err := checkDestination(c, *in.DestinationARN, in.RoleARN != nil)
	if err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if err := checkPattern(*in.FilterPattern); err != nil {
		return nil, err
	}
	if err := a.forget(); err != nil {
		return nil, err
	}
	f := in.filter(g)
	f.Created = a.cfg.Clock.Now().UnixMilli()
	_, err = a.cfg.Catalog.PutSubscriptionFilter(f, a.cfg.Positions.Next, func(others []catalog.SubscriptionFilter) error {
		return a.admit(c, f, others, destination)
	})
	return nil, answer(err, awsapi.ErrLogGroupNotFound)
}

// checkSupported refuses by name what would otherwise be lost silently.
func (in *putSubscriptionFilterInput) checkSupported() error {
	if in.FieldSelectionCriteria != nil && *in.FieldSelectionCriteria != "" {
		return awsapi.InvalidParameter("fieldSelectionCriteria is not supported")
	}
	if len(in.EmitSystemFields) > 0 {
		return awsapi.InvalidParameter("emitSystemFields is not supported")
	}
	return nil
}

// checkDestination answers to an ARN that no filter can have, whatever exists.
func checkDestination(c awsapi.Caller, text string, role bool) (awsapi.ARN, error) {
	arn, err := awsapi.ParseARN(text)
	if err != nil {
		return arn, awsapi.InvalidParameter("destinationArn is not a valid ARN")
	}
	switch arn.Service {
	case "kinesis", "firehose":
		if !role {
			return arn, awsapi.DestinationWithoutRole(arn.Service)
		}
	case "lambda":
		if arn.Account != c.Account {
			return arn, awsapi.ErrCrossAccountLambda
		}
		if role {
			return arn, awsapi.DestinationWithRole(arn.Service)
		}
	case "logs": // a role there proves membership in an organisation
		if _, ok := arn.Destination(); !ok {
			return arn, awsapi.DestinationVendor(arn.Service)
		}
	default:
		return arn, awsapi.DestinationVendor(arn.Service)
	}
	return arn, nil
}

func checkPattern(text string) error {
	_, err := pattern.Compile(text)
	var refused *pattern.Error
	if errors.As(err, &refused) {
		return &awsapi.Error{Code: awsapi.CodeInvalidParameter, Message: refused.Message}
	}
	return err
}

func (in *putSubscriptionFilterInput) filter(g catalog.LogGroup) catalog.SubscriptionFilter {
	f := catalog.SubscriptionFilter{
		GroupUID: g.UID, Name: *in.FilterName, Pattern: *in.FilterPattern,
		DestinationARN: *in.DestinationARN, Distribution: distributionByLogStream,
		ApplyOnTransformedLogs: in.ApplyOnTransformedLogs,
	}
	if in.RoleARN != nil {
		f.RoleARN = *in.RoleARN
	}
	if in.Distribution != nil {
		f.Distribution = *in.Distribution
	}
	return f
}

// admit checks what depends on other definitions, while none of the group's
// filters changes.
func (a *API) admit(c awsapi.Caller, f catalog.SubscriptionFilter, others []catalog.SubscriptionFilter, destination awsapi.ARN) error {
	_, exists := a.cfg.Catalog.SubscriptionFilter(f.GroupUID, f.Name)
	if most := a.cfg.FiltersPerGroup; most > 0 && !exists && len(others) >= most {
		return awsapi.ErrLimitExceeded
	}
	return a.reach(c, destination)
}

// sourceStream is the type of a delivery stream that reads a Kinesis stream and
// takes nothing else.
const sourceStream = "KinesisStreamAsSource"

// reach stands for AWS's test message.
func (a *API) reach(c awsapi.Caller, destination awsapi.ARN) error {
	switch destination.Service {
	case "kinesis":
		return awsapi.ErrUndeliverableToKinesis
	case "lambda":
		return awsapi.ErrLambdaNotExecutable
	case "logs":
		return awsapi.ErrUndeliverableToDestination
	}
	name, ok := destination.DeliveryStream()
	if !ok || !destination.OwnedBy(c) {
		return awsapi.ErrUndeliverableToFirehose
	}
	d, ok := a.cfg.Catalog.DeliveryStream(scopeOf(c), name)
	if !ok || d.Type == sourceStream {
		return awsapi.ErrUndeliverableToFirehose
	}
	return nil
}
