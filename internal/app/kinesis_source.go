package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"sluice/crossregion"
	"sluice/firehose"
	kinesissource "sluice/ingest/kinesis"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/objput"
	"sluice/internal/obs"
	"sluice/stream/kinesis"
)

// openKinesisSources makes the Kinesis sources that the configuration declares.
func (a *App) openKinesisSources() error {
	if !a.cfg.has(roleIngest) || len(a.cfg.Sources.Kinesis) == 0 {
		return nil
	}
	table, err := catalog.OpenTable[kinesissource.Lane](a.catalog, catalog.KinesisLanes)
	if err != nil {
		return err
	}
	leases, err := objput.OpenFolder(a.cfg.FS, a.dir.path("leases"))
	if err != nil {
		return err
	}
	lanes, names := kinesissource.NewLanes(table), map[string]bool{}
	for i, k := range a.cfg.Sources.Kinesis {
		source, err := a.openKinesisSource(k, lanes, leases)
		if err == nil && names[k.Name] {
			err = fmt.Errorf("the name %s is there twice: rename one", k.Name)
		}
		if err != nil {
			return misconfigured("sources.kinesis[%d]: %w", i, err)
		}
		names[k.Name] = true
		a.kinesis = append(a.kinesis, source)
	}
	a.collectKinesisSources()
	return nil
}

func (a *App) openKinesisSource(k KinesisLogs, lanes *kinesissource.Lanes, leases objput.Registers) (*kinesissource.Source, error) {
	arn, err := awsapi.ParseARN(k.ARN)
	if err != nil {
		return nil, fmt.Errorf("arn: %w", err)
	}
	name, ok := arn.Stream()
	if !ok {
		return nil, fmt.Errorf("arn: %s is not that of a Kinesis stream", k.ARN)
	}
	client, err := kinesis.NewClient(context.Background(), arn.Region, k.Endpoint)
	if err != nil {
		return nil, err
	}
	// The leases are this data folder's own, and so is the name: after a crash they
	// are taken again at once.
	group := &kinesisGroup{kinesis.LeasesConfig{
		Client: client, Stream: k.ARN, Owner: "this", Logger: a.log.With("kinesis_source", k.Name),
		Table: kinesis.NewLeaseTable(leases, "kinesis", k.Name, k.ARN),
	}}
	switch k.Start {
	case "", "earliest":
	case "latest":
		group.cfg.Start = kinesis.Latest
	default:
		return nil, fmt.Errorf("start: %q is not one of earliest, latest", k.Start)
	}
	if _, err := kinesis.NewLeases(group.cfg); err != nil {
		return nil, err
	}
	local := crossregion.Local{Store: a.store, Origins: a.origins}
	return kinesissource.New(kinesissource.Config{
		Name: k.Name, Stream: name, Account: arn.Account, Region: arn.Region, Payload: k.Payload, LogGroup: k.LogGroup, LogStream: k.LogStream,
		Scope: a.scope(), OnGap: k.OnGap, Logger: a.log, Received: func(events int) { a.metrics.received.Add(uint64(events)) },
	}, kinesissource.Links{
		Shards: sourceShards{group}, Definitions: a.catalog, Appender: local, Marks: local, Lanes: lanes, Clock: a.clock,
	})
}

// sourceShards hands the shards that a delivery stream would read to a source of
// events.
type sourceShards struct{ group *kinesisGroup }

// Run implements kinesissource.Shards.
func (s sourceShards) Run(ctx context.Context, serve func(context.Context, kinesissource.Shard)) {
	s.group.Run(ctx, func(ctx context.Context, c firehose.Claim) { serve(ctx, sourceShard{c}) })
}

// sourceShard is a shard whose note is the number of its place.
type sourceShard struct{ claim firehose.Claim }

// Name implements kinesissource.Shard.
func (s sourceShard) Name() string { return s.claim.Part() }

// Begin implements kinesissource.Shard.
func (s sourceShard) Begin(ctx context.Context) (kinesissource.Place, error) {
	c, err := s.claim.Committed(ctx)
	if err != nil || !c.Known {
		if err == nil {
			c.Place, err = s.claim.Start(ctx)
		}
		return kinesissource.Place(c.Place), err
	}
	c.Place.Number, err = strconv.ParseUint(c.Note, 10, 64)
	return kinesissource.Place(c.Place), err
}

// Commit implements kinesissource.Shard.
func (s sourceShard) Commit(ctx context.Context, p kinesissource.Place) error {
	return s.claim.Commit(ctx, firehose.Committed{Place: firehose.Place(p), Note: strconv.FormatUint(p.Number, 10)})
}

// Fetch implements kinesissource.Shard.
func (s sourceShard) Fetch(ctx context.Context, from kinesissource.Place, visit func(kinesissource.Record) error) (kinesissource.Page, error) {
	got, err := s.claim.Fetch(ctx, firehose.Place(from), 0, func(r *firehose.Record) error {
		return visit(kinesissource.Record{Number: r.Number, Arrived: r.Arrived, Batch: r.Batch, Data: r.Value})
	})
	var gap *firehose.GapError
	if errors.As(err, &gap) {
		err = &kinesissource.GapError{From: kinesissource.Place(gap.From), First: kinesissource.Place(gap.First)}
	}
	return kinesissource.Page{Next: kinesissource.Place(got.Next), Behind: got.Behind, Last: got.Last}, err
}

func (a *App) collectKinesisSources() {
	counter := func(name, help string, value func(s kinesissource.Status) int64) {
		a.registry.Collect(obs.CounterKind, "sluice_kinesis_source_"+name, help, []string{"source"}, func(emit func(float64, ...string)) {
			for _, source := range a.kinesis {
				emit(float64(value(source.Status())), source.Name())
			}
		})
	}
	counter("records_total", "Records of a Kinesis stream read, those that come again included.", func(s kinesissource.Status) int64 { return s.Records })
	counter("stored_events_total", "Events of a Kinesis stream's records that are in the log.", func(s kinesissource.Status) int64 { return s.Events })
	counter("control_records_total", "Records that were CONTROL_MESSAGE documents, which are no events.", func(s kinesissource.Status) int64 { return s.Control })
	counter("quarantined_records_total", "Records put aside in "+kinesissource.QuarantineGroup+".", func(s kinesissource.Status) int64 { return s.Quarantined })
	counter("already_stored_records_total", "Records passed over, because the log had them.", func(s kinesissource.Status) int64 { return s.AlreadyStored })
	counter("errors_total", "Fetches and commits of a Kinesis stream that failed.", func(s kinesissource.Status) int64 { return s.Errors })
	counter("gaps_total", "Times that lost records were passed over (on_gap: skip).", func(s kinesissource.Status) int64 { return s.Gaps })
	shard := func(name, help string, value func(s kinesissource.ShardStatus) float64) {
		a.registry.Collect(obs.GaugeKind, "sluice_kinesis_source_"+name, help, []string{"source", "shard"}, func(emit func(float64, ...string)) {
			for _, source := range a.kinesis {
				for _, s := range source.Status().Shards {
					emit(value(s), source.Name(), s.Name)
				}
			}
		})
	}
	shard("lag_seconds", "How old the next record of a shard is.", func(s kinesissource.ShardStatus) float64 { return s.Behind.Seconds() })
	shard("condition", "0 reading, 1 retrying, 2 waiting for the log, 3 stopped because records are gone: alarm on 3.",
		func(s kinesissource.ShardStatus) float64 { return float64(s.Condition) })
}
