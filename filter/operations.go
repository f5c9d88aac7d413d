package filter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
)

// Positions tells where the log ends: a filter is in force from there on, or up
// to there. *store.Store does.
type Positions interface {
	// Next lists, by shard, the position that the next frame will get.
	Next() []uint64
}

// APIConfig is what the operations on subscription filters need.
type APIConfig struct {
	// Catalog has groups, filters and delivery streams. Required.
	Catalog *catalog.Catalog
	// Positions dates the versions of filters. Required.
	Positions Positions
	// Clock gives creation times. Required.
	Clock clock.Event
	// FiltersPerGroup bounds the filters of a log group. Default: no bound; AWS's
	// own limit, which "limits: aws" asks for, is AWSFiltersPerGroup.
	FiltersPerGroup int
	// Regexes bounds filters with regular expressions. Default: no bound.
	Regexes *RegexQuota
	// Passed tells whether the dispatcher needs a version of a filter that ended
	// at these positions no more. Optional; without it ended versions are kept.
	Passed func(ends []uint64) bool
	// Subscriptions has destinations and account policies. Default: those of the
	// catalog, whose table nobody else may have opened then.
	Subscriptions *Subscriptions
	// Outside is the destinations outside this process. Optional.
	Outside Outside
	// Streams are the Kinesis streams of this process. Optional.
	Streams Streams
	// Announce is told of each logical destination that is made or changed. Optional.
	Announce func(d Destination)
	// OneAccountPolicy holds AWS's quota: one account policy for an account and
	// region.
	OneAccountPolicy bool
}

// AWSFiltersPerGroup is how many subscription filters AWS takes for a log group.
const AWSFiltersPerGroup = 2

// API is the operations on subscription filters.
type API struct {
	cfg           APIConfig
	subscriptions *Subscriptions

	policies sync.Mutex // held while account policies change
}

// NewAPI checks the configuration.
func NewAPI(cfg APIConfig) (*API, error) {
	if cfg.Catalog == nil || cfg.Positions == nil || cfg.Clock == nil {
		return nil, errors.New("make subscription filter operations: catalog, positions and clock are needed")
	}
	a := &API{cfg: cfg, subscriptions: cfg.Subscriptions}
	if a.subscriptions == nil {
		var err error
		if a.subscriptions, err = OpenSubscriptions(cfg.Catalog, ""); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Operations lists the operations for awsapi.New.
func (a *API) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		operation("PutSubscriptionFilter", a.putSubscriptionFilter),
		operation("DescribeSubscriptionFilters", a.describeSubscriptionFilters),
		operation("DeleteSubscriptionFilter", a.deleteSubscriptionFilter),
		operation("TestMetricFilter", a.testMetricFilter),
		operation("PutDestination", a.putDestination),
		operation("PutDestinationPolicy", a.putDestinationPolicy),
		operation("DescribeDestinations", a.describeDestinations),
		operation("DeleteDestination", a.deleteDestination),
		operation("PutAccountPolicy", a.putAccountPolicy),
		operation("DescribeAccountPolicies", a.describeAccountPolicies),
		operation("DeleteAccountPolicy", a.deleteAccountPolicy),
	}
}

// forget drops ended versions that nothing will be matched by again, so that a
// filter which is often changed does not grow.
func (a *API) forget() error {
	if a.cfg.Passed == nil {
		return nil
	}
	if err := a.subscriptions.forget(a.cfg.Passed); err != nil {
		return err
	}
	return a.cfg.Catalog.DropFilterVersions(func(f catalog.SubscriptionFilter) bool { return a.cfg.Passed(f.To) })
}

// none is the answer of an operation without output: an empty body.
type none struct{}

func operation[In, Out any](name string, serve func(context.Context, awsapi.Caller, *In) (*Out, error)) awsapi.Operation {
	return awsapi.JSON("logs", "Logs_20140328."+name, serve)
}

// maxName is the limit of names of groups and filters, in characters.
const maxName = 512

// groupTooLong tells of a log group name over its length, for which AWS has a
// text of its own.
func groupTooLong(name *string) bool {
	return name != nil && utf8.RuneCountInString(*name) > maxName
}

func checkGroupName(v *awsapi.Validation, name *string) {
	v.NotNull("logGroupName", name != nil)
	if name != nil {
		v.Length("logGroupName", *name, 1, maxName)
		v.Pattern("logGroupName", *name, awsapi.PatternLogGroupName, *name == "" || awsapi.ValidLogGroupName(*name))
	}
}

func checkFilterName(v *awsapi.Validation, member string, name *string) {
	v.NotNull(member, name != nil)
	if name != nil {
		v.Length(member, *name, 1, maxName)
		v.Pattern(member, *name, awsapi.PatternLogStreamName, awsapi.ValidLogStreamName(*name))
	}
}

func (a *API) groupOf(c awsapi.Caller, name string) (catalog.LogGroup, error) {
	g, ok := a.cfg.Catalog.Group(scopeOf(c), name)
	if !ok {
		return g, awsapi.ErrLogGroupNotFound
	}
	return g, nil
}

func scopeOf(c awsapi.Caller) catalog.Scope {
	return catalog.Scope{Account: c.Account, Region: c.Region}
}

// answer maps what the catalog says to AWS's words.
func answer(err, notFound error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, catalog.ErrNotFound):
		return notFound
	case awsapi.CodeOf(err) != "":
		return err
	}
	return fmt.Errorf("%w: %w", awsapi.ErrServiceUnavailable, err)
}
