package logsapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/store"
)

// Events is what operations read events from; *store.Store is one.
type Events interface {
	// Scan visits the batches that may hold events of a query, in log order. A
	// batch lives until visit returns.
	Scan(ctx context.Context, q store.Query, visit func(event.Batch) error) error
	// StreamStats tells what is known of a log stream's events; false if it has
	// none.
	StreamStats(streamUID uint64) (store.StreamStats, bool)
	// GroupBytes is the size of a log group's messages.
	GroupBytes(groupUID uint64) int64

	Index
	Feed
}

// Positions tells where the log ends; *store.Store does.
type Positions interface {
	// Next lists, by shard, the position that the next frame will get.
	Next() []uint64
}

// Tagged are named resources with tags; an unknown name is an error with AWS's
// text.
type Tagged interface {
	Tags(s catalog.Scope, name string) (map[string]string, error)
	// ChangeTags replaces the tags by what change makes of a copy.
	ChangeTags(s catalog.Scope, name string, change func(tags map[string]string) error) error
}

// Config is what the operations need. What has no default is required.
type Config struct {
	Catalog   *catalog.Catalog
	Events    Events
	Positions Positions
	// Clock dates definitions and bounds what retention still shows.
	Clock clock.Event

	// Destinations have tags too. Optional.
	Destinations Tagged
	// MetricFilters counts those of a log group. Optional.
	MetricFilters func(catalog.LogGroup) int

	// ScanBytes bounds the batches that one FilterLogEvents reads before it answers
	// with what it has. Default 128 MiB.
	ScanBytes int64
	// ScanTime bounds how long it looks. Default 1 s.
	ScanTime time.Duration
	// LiveTailSessions bounds the live tails under way. Default 32; AWS's own
	// quota is AWSLiveTailSessions.
	LiveTailSessions int
}

// API is the operations over one catalog and one store.
type API struct {
	cfg   Config
	tails liveTails
}

// New checks the configuration.
func New(cfg Config) (*API, error) {
	if cfg.Catalog == nil || cfg.Events == nil || cfg.Positions == nil || cfg.Clock == nil {
		return nil, errors.New("make log group operations: catalog, events, positions and clock are needed")
	}
	setDefault(&cfg.ScanBytes, defaultScanBytes)
	setDefault(&cfg.ScanTime, defaultScanTime)
	setDefault(&cfg.LiveTailSessions, defaultLiveTailSessions)
	return &API{cfg: cfg, tails: liveTails{stopping: make(chan struct{})}}, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Operations lists the operations for awsapi.New.
func (a *API) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		operation("CreateLogGroup", a.createLogGroup),
		operation("DescribeLogGroups", a.describeLogGroups),
		operation("ListLogGroups", a.listLogGroups),
		operation("DeleteLogGroup", a.deleteLogGroup),
		operation("PutLogGroupDeletionProtection", a.putLogGroupDeletionProtection),
		operation("CreateLogStream", a.createLogStream),
		operation("DescribeLogStreams", a.describeLogStreams),
		operation("DeleteLogStream", a.deleteLogStream),
		operation("GetLogEvents", a.getLogEvents),
		operation("FilterLogEvents", a.filterLogEvents),
		awsapi.Raw("logs", "Logs_20140328.StartLiveTail", a.startLiveTail),
		operation("PutRetentionPolicy", a.putRetentionPolicy),
		operation("DeleteRetentionPolicy", a.deleteRetentionPolicy),
		operation("TagLogGroup", a.tagLogGroup),
		operation("UntagLogGroup", a.untagLogGroup),
		operation("ListTagsLogGroup", a.listTagsLogGroup),
		operation("TagResource", a.tagResource),
		operation("UntagResource", a.untagResource),
		operation("ListTagsForResource", a.listTagsForResource),
	}
}

// none is the answer of an operation without output: an empty body.
type none struct{}

func operation[In, Out any](name string, serve func(context.Context, awsapi.Caller, *In) (*Out, error)) awsapi.Operation {
	return awsapi.JSON("logs", "Logs_20140328."+name, serve)
}

func (a *API) now() int64 { return a.cfg.Clock.Now().UnixMilli() }

func scopeOf(c awsapi.Caller) catalog.Scope {
	return catalog.Scope{Account: c.Account, Region: c.Region}
}

// unavailable is the answer to a catalog or a store that cannot do its work: the
// client should come back, the operator finds the reason in the log.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", awsapi.ErrServiceUnavailable, err)
}

// answer maps what the catalog says to AWS's words; the two errors are for a name
// that is not there and for one that is.
func answer(err, notFound, exists error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, catalog.ErrNotFound):
		return notFound
	case errors.Is(err, catalog.ErrExists):
		return exists
	case awsapi.CodeOf(err) != "":
		return err
	}
	return unavailable(err)
}
