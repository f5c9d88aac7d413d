package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"sluice/filter/outbox"
	"sluice/firehose"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/obs"
	"sluice/stream/embedded"
	"sluice/stream/embedded/kinesis"
)

// openKinesis makes the room of the Kinesis streams of this process. Those of other
// places that the configuration names are destinations of the outbox.
func (a *App) openKinesis() error {
	definitions, err := catalog.OpenTable[kinesis.Stream](a.catalog, catalog.KinesisStreams)
	if err != nil {
		return err
	}
	a.dataStreams, err = kinesis.New(kinesis.Config{
		Streams: a.streams, Definitions: definitions, UIDs: a.catalog, Clock: a.clock, Logger: a.log,
		Rates: a.cfg.Limits == "aws", MaxShards: a.quota(kinesisShards), Made: a.feedStream, Published: a.recordsPublished,
		Needed: a.neededOfStream,
	})
	if err != nil {
		return err
	}
	a.add(room{"kinesis streams", a.dataStreams.Run}, a.dataStreams.Operations()...)
	a.collectKinesis()
	return nil
}

// kinesisShards is AWS's quota of shards for an account in most regions.
const kinesisShards = 500

// feedStream has the outbox put into a stream what filters match for it. The
// configuration's word on an ARN goes before.
func (a *App) feedStream(s kinesis.Stream) error {
	arn := streamARN(s)
	route, err := a.catalog.Route(arn)
	if err != nil {
		return err
	}
	a.wakes.Store(s.UID, wakeOf(route))
	a.outbox.Add(outbox.Target{Name: arn, Route: route, Sender: dataStream{
		room: a.dataStreamOf, scope: catalog.Scope{Account: s.Account, Region: s.Region}, name: s.Name,
	}})
	return nil
}

// wakeOf is the key by which those who read a stream are woken. Matches for the
// stream wake its lanes of the outbox by its route.
func wakeOf(route uint64) uint64 { return ^route }

// recordsPublished wakes the delivery streams that read a stream.
func (a *App) recordsPublished(stream uint64) {
	if wake, ok := a.wakes.Load(stream); ok {
		a.streams.Published(wake.(uint64))
	}
}

// neededOfStream is the first position that a delivery stream still reads of a
// stream.
func (a *App) neededOfStream(s kinesis.Stream, shard uint32) uint64 {
	needed := uint64(math.MaxUint64)
	a.firehose.Reading(func(arn string, position func(shard uint32) uint64) {
		if of, name, ok := (followedStreams{a}).named(arn); ok && name == s.Name && of.Account == s.Account && of.Region == s.Region {
			needed = min(needed, position(shard))
		}
	})
	return needed
}

// followedStreams are the streams of this process as sources of delivery streams.
type followedStreams struct{ app *App }

func (f followedStreams) named(arn string) (of catalog.Scope, name string, ok bool) {
	parsed, err := awsapi.ParseARN(arn)
	if err != nil {
		return of, "", false
	}
	name, ok = parsed.Stream()
	return catalog.Scope{Account: parsed.Account, Region: parsed.Region}, name, ok
}

// Ends implements firehose.Streams.
func (f followedStreams) Ends(arn string) (positions []uint64, ok bool) {
	of, name, ok := f.named(arn)
	if !ok || !f.app.dataStreams.Has(of, name) {
		return nil, false
	}
	return f.app.streams.Ends(), true
}

// Follow implements firehose.Streams. It is called before there is a room to ask,
// the Follower's methods after.
func (f followedStreams) Follow(arn string, from []uint64) (firehose.Source, error) {
	of, name, ok := f.named(arn)
	if !ok {
		return nil, fmt.Errorf("follow %q: not the ARN of a stream", arn)
	}
	route, err := f.app.catalog.Route(arn)
	if err != nil {
		return nil, err
	}
	return f.app.streams.Follow(func() (uint64, bool) {
		s, ok := f.app.dataStreams.Stream(of, name)
		return s.UID, ok
	}, wakeOf(route), from), nil
}

func streamARN(s kinesis.Stream) string {
	return awsapi.Caller{Account: s.Account, Region: s.Region}.StreamARN(s.Name)
}

func (a *App) dataStreamOf() *kinesis.Room { return a.dataStreams }

// dataStream is a Kinesis stream of this process as a destination: records are in it
// once, for their marks are in the frame that has them.
type dataStream struct {
	room  func() *kinesis.Room // which is made after the first destination
	scope catalog.Scope
	name  string
	// of is mixed into the origin of records: what waits for a logical destination
	// is let in for each account by itself, so each has a mark of its own.
	of uint64
}

// apart is the stream for what waits from the account of a record.
func (d dataStream) apart(r *outbox.Record) dataStream {
	d.of = xxhash.Sum64String(fmt.Sprintf("%d/%s/%t", r.ID.Route, r.Account, r.AccountLevel))
	return d
}

// Send implements outbox.Sender. All records are of one route and shard.
func (d dataStream) Send(ctx context.Context, records []*outbox.Record) error {
	made := make([]kinesis.Made, len(records))
	for i, r := range records {
		made[i] = kinesis.Made{Number: r.ID.Number, Part: r.ID.Part, Key: r.Key, Data: r.Data}
	}
	from := embedded.Origin{Route: records[0].ID.Route ^ d.of, Shard: records[0].ID.Shard}
	err := d.room().Take(ctx, d.scope, d.name, from, made)
	if errors.Is(err, kinesis.ErrNotFound) {
		return &outbox.Refusal{Err: fmt.Errorf("stream %s: %w", d.name, err)}
	}
	if err != nil {
		return err
	}
	for _, r := range records {
		r.Delivered()
	}
	return nil
}

// Probe implements outbox.Sender; streams of this process are looked up instead.
func (d dataStream) Probe(context.Context, time.Time) error { return nil }

// ownStreams are the streams that subscription filters reach without a test
// message: those of this process, but for names that the configuration gives to
// destinations outside.
type ownStreams struct{ app *App }

// Has implements filter.Streams.
func (o ownStreams) Has(s catalog.Scope, name string) bool {
	if o.app.outside.Has(awsapi.Caller{Account: s.Account, Region: s.Region}.StreamARN(name)) {
		return false
	}
	return o.app.dataStreams.Has(s, name)
}

// stream is the stream of this process that an ARN names, as a destination.
func (o ownStreams) stream(arn awsapi.ARN) (dataStream, bool) {
	name, ok := arn.Stream()
	scope := catalog.Scope{Account: arn.Account, Region: arn.Region}
	if !ok || !o.Has(scope, name) {
		return dataStream{}, false
	}
	return dataStream{room: o.app.dataStreamOf, scope: scope, name: name}, true
}

func (a *App) collectKinesis() {
	each := func(value func(embedded.Totals) int64) func(emit func(float64, ...string)) {
		return func(emit func(float64, ...string)) {
			a.dataStreams.All(func(s kinesis.Stream) { emit(float64(value(a.streams.Totals(s.UID))), streamARN(s)) })
		}
	}
	a.registry.Collect(obs.CounterKind, "sluice_kinesis_records_total", "Records put into a Kinesis stream of this process.", []string{"stream"},
		each(func(t embedded.Totals) int64 { return t.Accepted }))
	a.registry.Collect(obs.CounterKind, "sluice_kinesis_bytes_total", "Bytes of data put into a Kinesis stream of this process.", []string{"stream"},
		each(func(t embedded.Totals) int64 { return t.AcceptedBytes }))
	a.registry.Collect(obs.GaugeKind, "sluice_kinesis_kept_records", "Records that a Kinesis stream keeps for its retention.", []string{"stream"},
		each(func(t embedded.Totals) int64 { return t.InFlight }))
}
