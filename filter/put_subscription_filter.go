package filter

import (
	"context"
	"errors"
	"strings"

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
// a log group is bounded only by configuration; a change never counts. With AWS's
// limits, five filters of a log group, metric filters included, have regular
// expressions.
//
// Deviations: destinations in this process (delivery streams, logical destinations)
// are looked up and get no test message; those outside, which the configuration
// names, get AWS's. Any other is refused with AWS's texts for those that do not
// answer. applyOnTransformedLogs is kept and shown; there are no transformers, so it
// changes nothing. AWS's text for a fieldSelectionCriteria that is none goes on with
// what is wrong.

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
	for _, field := range in.EmitSystemFields {
		v.Enum("emitSystemFields", field, fieldAccount, fieldRegion, fieldLog)
	}
	if err := v.Err(); err != nil {
		return err
	}
	if in.FieldSelectionCriteria != nil {
		if _, err := ParseSelection(*in.FieldSelectionCriteria); err != nil {
			return invalidSelection(err)
		}
	}
	return nil
}

// invalidSelection begins with AWS's text, and goes on with what is wrong.
func invalidSelection(err error) error {
	return awsapi.InvalidParameter("The provided field selection criteria is invalid: %s", strings.TrimPrefix(err.Error(), "parse field selection: "))
}

func (a *API) putSubscriptionFilter(ctx context.Context, c awsapi.Caller, in *putSubscriptionFilterInput) (*none, error) {
	if err := in.validate(); err != nil {
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
	// The limit comes before the destination; both before the group is locked, for
	// a test message takes time.
	if err := a.room(f, len(a.cfg.Catalog.SubscriptionFilters(g.UID))); err != nil {
		return nil, err
	}
	if err := a.reach(ctx, c, destination, sender{actionPutFilter, in.RoleARN != nil}); err != nil {
		return nil, err
	}
	err = a.cfg.Regexes.change(g, f.Pattern, otherThan(f.Name), anyName, func() error {
		_, err := a.cfg.Catalog.PutSubscriptionFilter(f, a.cfg.Positions.Next, func(others []catalog.SubscriptionFilter) error {
			return a.room(f, len(others))
		})
		return err
	})
	return nil, answer(err, awsapi.ErrLogGroupNotFound)
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
		ApplyOnTransformedLogs: in.ApplyOnTransformedLogs, EmitSystemFields: in.EmitSystemFields,
	}
	if in.FieldSelectionCriteria != nil {
		f.FieldSelectionCriteria = *in.FieldSelectionCriteria
	}
	if in.RoleARN != nil {
		f.RoleARN = *in.RoleARN
	}
	if in.Distribution != nil {
		f.Distribution = *in.Distribution
	}
	return f
}

// room tells whether a log group may have one more filter. A change never counts.
func (a *API) room(f catalog.SubscriptionFilter, others int) error {
	_, exists := a.cfg.Catalog.SubscriptionFilter(f.GroupUID, f.Name)
	if most := a.cfg.FiltersPerGroup; most > 0 && !exists && others >= most {
		return awsapi.ErrLimitExceeded
	}
	return nil
}
