package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"sluice/filter"
	"sluice/filter/outbox"
	"sluice/firehose"
	"sluice/ingest/kafka"
	kinesissource "sluice/ingest/kinesis"
	"sluice/ingest/requests"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/logsapi"
	"sluice/internal/objput"
	"sluice/internal/obs"
	"sluice/internal/origins"
	"sluice/internal/store"
	"sluice/internal/wal"
	"sluice/stream/embedded"
	"sluice/stream/embedded/kinesis"
)

// App is one sluice process.
type App struct {
	cfg   Config
	log   *slog.Logger
	clock clock.Event
	dir   dataDir

	catalog       *catalog.Catalog
	store         *store.Store
	streams       *embedded.Streams
	regexes       *filter.RegexQuota
	indexes       []*embedded.Index
	requests      []*requests.Seen
	objects       objput.Store
	dispatcher    *filter.Dispatcher
	subscriptions *filter.Subscriptions
	outbox        *outbox.Room
	outboxStates  []*outbox.State
	outside       outside
	firehose      *firehose.Room
	origins       origins.Shards
	kafka         []*kafka.Source
	kinesis       []*kinesissource.Source
	replication   replication
	alarms        alarmRoom
	dataStreams   *kinesis.Room
	wakes         sync.Map // of those who read a stream, by its uid
	scaleOut      scaledOut

	samples       *sampleStore
	atStart       own    // before anything came in
	rooms         []room // see add
	operations    []awsapi.Operation
	byTarget      map[string]awsapi.Operation
	api           *awsapi.Server
	stopLiveTails func()
	registry      *obs.Registry
	ready         *obs.Readiness
	metrics       *metrics
	serving       serving
}

// New checks the configuration, opens the data folder and recovers what is in
// it. It starts nothing; Close undoes it when Run is not called.
func New(cfg Config) (*App, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: cfg.Logger, clock: clock.Real{}, registry: obs.NewRegistry(Version), ready: &obs.Readiness{}}
	if err := a.checkBinds(); err != nil {
		return nil, err
	}
	if cfg.TestClock != "" {
		at, err := time.Parse(time.RFC3339, cfg.TestClock)
		if err != nil {
			return nil, misconfigured("test_clock: %q is no RFC 3339 instant like 2026-01-02T03:04:05Z", cfg.TestClock)
		}
		a.clock = clock.NewTest(at)
	}
	if err := a.open(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) checkBinds() error {
	for _, addr := range []string{a.cfg.Listen, a.cfg.Admin} {
		if err := awsapi.CheckBind(addr, len(a.cfg.Credentials)+len(a.cfg.BearerTokens) > 0, a.cfg.Insecure); err != nil {
			return err
		}
	}
	return nil
}

// open recovers state from the bottom up.
func (a *App) open() error {
	var err error
	if a.dir, err = openDataDir(a.cfg.FS, a.cfg.DataDir); err != nil {
		return err
	}
	if a.catalog, err = a.openCatalog(); err != nil {
		return fmt.Errorf("open catalog: %w", err)
	}
	filters, lanes, err := a.openStore()
	if err != nil {
		return err
	}
	s3 := a.cfg.S3Options.config()
	s3.Journal, s3.Logger = a.dir.path("uploads"), a.log
	if a.objects, err = objput.Open(context.Background(), a.cfg.S3, a.cfg.FS, s3); err != nil {
		if strings.HasPrefix(a.cfg.S3, "folder:") || errors.Is(err, objput.ErrJournal) {
			return err // of the disk
		}
		return misconfigured("s3: %w", err)
	}
	if a.subscriptions, err = filter.OpenSubscriptions(a.catalog, a.cfg.OrganizationID); err != nil {
		return err
	}
	metricFilters, err := a.openMetrics()
	if err != nil {
		return err
	}
	definitions, err := a.localFilters()
	if err != nil {
		return err
	}
	a.dispatcher = filter.New(filter.Config{
		Metrics: metricFilters, DimensionSets: a.cfg.Metrics.DimensionSets,
		Definitions: definitions, Published: a.streams.Published, Clock: a.clock, Logger: a.log,
	}, filters...)
	sources, err := a.openDeliverySources()
	if err != nil {
		return err
	}
	if a.firehose, err = firehose.New(firehose.Config{
		Clock: a.clock, Logger: a.log, Home: a.scope(), MaxDeliveryStreams: a.quota(5_000),
		Scratch: a.dir.path("scratch/firehose"), ScratchFS: a.cfg.FS,
		SpoolBytes: a.cfg.Sources.Delivery.SpoolBytes, SkipGaps: a.cfg.Sources.Delivery.OnGap == "skip",
	}, firehose.Links{
		Definitions: a.catalog, Source: a.streams, Sink: a.streams, Journal: journal{a.store}, Store: a.objects, States: lanes,
		ErrorLog: deliveryErrors{a}, Outside: sources, Streams: followedStreams{a},
	}); err != nil {
		return err
	}
	if err := a.openOutbox(); err != nil {
		return err
	}
	if err := a.openKinesis(); err != nil {
		return err
	}
	if err := a.openScaleOut(); err != nil {
		return err
	}
	if err := a.openExports(); err != nil {
		return err
	}
	if err := a.openAlarms(); err != nil {
		return err
	}
	if err := a.openAPI(); err != nil {
		return err
	}
	if err := a.openCrossregion(); err != nil {
		return err
	}
	return errors.Join(a.openKafka(), a.openKinesisSources())
}

func (a *App) openCatalog() (*catalog.Catalog, error) {
	if a.cfg.Catalog != nil {
		return catalog.Open(a.cfg.Catalog)
	}
	return catalog.OpenFile(a.dir.path("catalog.db"))
}

// openStore recovers the log with everything that follows it.
func (a *App) openStore() ([]filter.Shard, []*firehose.State, error) {
	n := a.cfg.Log.Shards
	filters, lanes := make([]filter.Shard, n), make([]*firehose.State, n)
	a.indexes = make([]*embedded.Index, n)
	a.origins = make(origins.Shards, n)
	var err error
	cfg := a.storeConfig()
	cfg.Folders = func(shard uint32) []wal.Folder {
		filters[shard].State, lanes[shard], a.indexes[shard] = filter.NewState(), firehose.NewState(), embedded.NewIndex()
		a.origins[shard] = origins.NewMarks()
		a.outboxStates = append(a.outboxStates, outbox.NewState())
		a.requests = append(a.requests, requests.NewSeen(requests.Limit/n))
		folders := []wal.Folder{a.indexes[shard], filters[shard].State, lanes[shard], a.origins[shard], a.requests[shard], a.outboxStates[shard]}
		return append(folders, a.alarmFolder(shard)...)
	}
	a.store, err = store.Open(a.cfg.FS, cfg)
	if errors.Is(err, store.ErrFewerShards) {
		return nil, nil, misconfigured("%w", err)
	}
	if err != nil {
		return nil, nil, err
	}
	parts := make([]embedded.Shard, n)
	for i := range parts {
		filters[i].Number, filters[i].Log = uint32(i), a.store.Log(uint32(i))
		a.origins[i].Follow(a.store.Log(uint32(i)))
		parts[i] = embedded.Shard{Log: a.store.Shard(uint32(i)), Index: a.indexes[i]}
	}
	a.streams = embedded.New(parts...)
	return filters, lanes, nil
}

// openAPI makes the operations and the server that dispatches to them.
func (a *App) openAPI() error {
	a.metrics = newMetrics(a.registry)
	filters, err := filter.NewAPI(filter.APIConfig{
		Catalog: a.catalog, Positions: a.store, Clock: a.clock, FiltersPerGroup: a.filtersPerGroup(),
		Passed: a.dispatcher.Passed, Subscriptions: a.subscriptions, OneAccountPolicy: a.quota(1) == 1, Regexes: a.regexes,
		Outside: a.outside, Announce: a.announceDestination, Streams: ownStreams{a},
	})
	if err != nil {
		return err
	}
	logs, err := logsapi.New(logsapi.Config{
		Catalog: a.catalog, Events: a.store, Positions: a.store, Clock: a.clock, LiveTailSessions: a.quota(logsapi.AWSLiveTailSessions),
		Destinations: filters.DestinationTags(), MetricFilters: a.regexes.Metrics.Count,
	})
	if err != nil {
		return err
	}
	a.stopLiveTails = logs.StopLiveTails
	events, err := a.openIngest()
	if err != nil {
		return err
	}
	var ops []awsapi.Operation
	for _, more := range [][]awsapi.Operation{logs.Operations(), events.Operations(), filters.Operations(), a.firehose.Operations(), a.operations} {
		ops = append(ops, more...)
	}
	a.byTarget = make(map[string]awsapi.Operation, len(ops))
	for i, op := range ops {
		a.byTarget[op.Target] = op
		ops[i] = a.withRoles(a.readOnly(op))
	}
	border := a.apiConfig()
	if a.cfg.has(roleIngest) {
		if err := a.addHTTPIngest(&border); err != nil {
			return err
		}
	}
	a.api, err = awsapi.New(border, ops...)
	if err != nil {
		return misconfigured("%w", err) // an account, a region, a credential
	}
	a.collect()
	a.ready.Add("log", func(context.Context) error { return a.store.Err() })
	return nil
}

func (a *App) apiConfig() awsapi.Config {
	c := awsapi.Config{
		AccountID: a.cfg.AccountID, Region: a.cfg.Region,
		MaxWireBytes: int(a.cfg.HTTP.MaxBodyBytes), MaxBodyBytes: int(a.cfg.HTTP.MaxInflatedBytes),
		Budget:      awsapi.NewBudget(a.cfg.HTTP.MaxInFlightBytes),
		BodyTimeout: time.Duration(a.cfg.HTTP.ReadTimeoutSeconds) * time.Second,
		Observer:    a.metrics, Log: a.log,
	}
	for _, k := range a.cfg.Credentials {
		c.Credentials = append(c.Credentials, awsapi.Credential{
			AccessKey: k.AccessKeyID, SecretKey: k.SecretAccessKey, SessionToken: k.SessionToken, Account: k.AccountID,
			Actions: k.Actions, Regions: k.Regions,
		})
	}
	return c
}

func (a *App) scope() catalog.Scope {
	return catalog.Scope{Account: a.cfg.AccountID, Region: a.cfg.Region}
}

// quota is one of AWS's quotas, or none.
func (a *App) quota(n int) int {
	if a.cfg.Limits == "aws" {
		return n
	}
	return 0
}

// Handler serves the data port, without a listener: for tests.
func (a *App) Handler() http.Handler { return a.withReplication(a.api) }

// Close closes what New opened.
func (a *App) Close() error {
	var errs []error
	a.outside.close()
	for _, close := range a.scaleOut.close {
		close()
	}
	if c, ok := a.objects.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.catalog != nil {
		errs = append(errs, a.catalog.Close())
	}
	if a.dir.lock != nil {
		errs = append(errs, a.dir.lock.Close())
	}
	return errors.Join(errs...)
}

// journal appends firehose's frames to the log.
type journal struct{ store *store.Store }

func (j journal) Append(ctx context.Context, shard uint32, t wal.Type, key uint64, payload []byte) error {
	_, err := j.store.Log(shard).Append(ctx, t, key, payload)
	return err
}
