package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sluice/filter/outbox"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
	"sluice/internal/obs"
	"sluice/stream/kafka"
)

// forwarder writes everything that is stored here to the topic that filter processes
// read. It is a destination outside like others: the dispatcher selects all events
// for it, and an outbox whose positions are in the log sends them.
type forwarder struct {
	room  *outbox.Room
	route uint64
	topic *kafka.Producer
}

// everything is the one subscription filter of every log group of a process that
// leaves filtering to others.
type everything struct{ route uint64 }

// FilterVersions implements filter.Definitions: no log group has filters of its own.
func (everything) FilterVersions() []catalog.SubscriptionFilter { return nil }

// Generation implements filter.Definitions.
func (everything) Generation() uint64 { return 1 }

// PolicyVersions implements filter.AccountDefinitions.
func (e everything) PolicyVersions(group uint64) []catalog.SubscriptionFilter {
	return []catalog.SubscriptionFilter{{UID: e.route, Filter: e.route, GroupUID: group, Name: "forwarder", Route: e.route}}
}

// nothing is the filters of a process that stores nothing.
type nothing struct{}

// FilterVersions implements filter.Definitions.
func (nothing) FilterVersions() []catalog.SubscriptionFilter { return nil }

// Generation implements filter.Definitions.
func (nothing) Generation() uint64 { return 1 }

func (a *App) openForwarder(cluster *kafkadial.Cluster) error {
	s := a.cfg.ScaleOut
	producer, err := a.sharedProducer(cluster, s.eventsTopic())
	if err != nil {
		return err
	}
	node, err := a.nodeUID()
	if err != nil {
		return err
	}
	f := &a.scaleOut.forwarder
	f.topic = producer
	// Nothing is given up however long brokers are away: the log has it, and the disk
	// budget turns clients away before it is full.
	f.room, err = outbox.New(outbox.Config{
		Clock: a.clock, Source: a.streams, Journal: journal{a.store}, States: a.outboxStates,
		Rules: outbox.Rules{Budget: s.MaxBufferBytes}, Logger: a.log,
	})
	if err != nil {
		return err
	}
	f.room.Add(outbox.Target{Name: s.eventsTopic(), Route: f.route, Sender: toTopic{producer, node}})
	a.add(room{"forwarder", f.room.Run})
	a.collectForwarder()
	return nil
}

// nodeUID tells the batches of this data folder from those of others, for good.
func (a *App) nodeUID() (uint64, error) {
	id, err := a.dir.id(a.cfg.FS)
	if err != nil {
		return 0, err
	}
	uid, err := strconv.ParseUint(id[:16], 16, 64)
	if err != nil {
		return 0, fmt.Errorf("data folder %s: ID: %w", a.dir.root, err)
	}
	return uid, nil
}

// forwarderARN names the forwarder among the routes of the log.
const forwarderARN = "arn:aws:sluice:::scale-out/events"

// toTopic sends parcels as batches whose origin is this node.
type toTopic struct {
	producer *kafka.Producer
	node     uint64
}

// SendParcel implements outbox.ParcelSender.
func (t toTopic) SendParcel(ctx context.Context, _ uint64, p event.Parcel) error {
	err := t.producer.Produce(ctx, t.node, p)
	var permanent *kafka.PermanentError
	if errors.As(err, &permanent) {
		return &outbox.Refusal{Err: err} // it waits and alarms; nothing goes past it
	}
	return err
}

// Send implements outbox.Sender; a ParcelSender is given no records.
func (t toTopic) Send(context.Context, []*outbox.Record) error {
	return errors.New("send to the events topic: records are batches")
}

// Probe implements outbox.Sender.
func (t toTopic) Probe(ctx context.Context, _ time.Time) error {
	return t.producer.Produce(ctx, t.node)
}

func (a *App) collectForwarder() {
	f := &a.scaleOut.forwarder
	byShard := func(kind obs.Kind, name, help string, value func(s outbox.Status) float64) {
		a.registry.Collect(kind, "sluice_forwarder_"+name, help, []string{"shard"}, func(emit func(float64, ...string)) {
			for _, s := range f.room.Status() {
				emit(value(s), partitionLabel(s.Shard))
			}
		})
	}
	byShard(obs.CounterKind, "accepted_events_total", "Events stored since this process forwards: forwarded + lost + in flight.",
		func(s outbox.Status) float64 { return float64(a.indexes[s.Shard].Totals(s.Route).Accepted) })
	byShard(obs.CounterKind, "lost_events_total", "Events to forward whose log frames were damaged.",
		func(s outbox.Status) float64 { return float64(a.indexes[s.Shard].Totals(s.Route).Lost()) })
	byShard(obs.CounterKind, "forwarded_events_total", "Events that the events topic has.", func(s outbox.Status) float64 { return float64(s.Delivered) })
	byShard(obs.CounterKind, "forwarded_bytes_total", "Message bytes of the events that the events topic has.", func(s outbox.Status) float64 { return float64(s.Bytes) })
	byShard(obs.CounterKind, "failures_total", "Attempts to write to the events topic that failed.", func(s outbox.Status) float64 { return float64(s.Failures) })
	byShard(obs.GaugeKind, "in_flight_events", "Events that the events topic does not have yet: the lag.",
		func(s outbox.Status) float64 { return float64(a.streams.Pending(s.Route, s.Shard).Count) })
	byShard(obs.GaugeKind, "in_flight_bytes", "Message bytes of the events that the events topic does not have yet.",
		func(s outbox.Status) float64 { return float64(a.streams.Pending(s.Route, s.Shard).Bytes) })
	byShard(obs.GaugeKind, "oldest_seconds", "Age of the oldest event that the events topic does not have yet.", func(s outbox.Status) float64 { return a.ageOf(s.Oldest) })
	byShard(obs.GaugeKind, "condition", "0 sending, 1 retrying, 2 refused and waiting, 3 stopped: alarm on 2 and more.",
		func(s outbox.Status) float64 { return float64(s.Condition) })
	a.collectProducer("forwarder", func(emit func(p *kafka.Producer, topic string)) { emit(f.topic, a.cfg.ScaleOut.eventsTopic()) })
}

// ageOf is how long ago an instant was, in seconds; 0 is none.
func (a *App) ageOf(ms int64) float64 {
	if ms == 0 {
		return 0
	}
	return float64(a.clock.Now().UnixMilli()-ms) / 1000
}

// collectProducer exports what producers count.
func (a *App) collectProducer(part string, each func(emit func(p *kafka.Producer, topic string))) {
	counter := func(name, help string, value func(s kafka.ProducerStats) int64) {
		a.registry.Collect(obs.CounterKind, "sluice_"+part+"_"+name, help, []string{"topic"}, func(emit func(float64, ...string)) {
			each(func(p *kafka.Producer, topic string) { emit(float64(value(p.Stats())), topic) })
		})
	}
	counter("records_total", "Records that are on all in-sync replicas, since the start.", func(s kafka.ProducerStats) int64 { return s.Records })
	counter("retries_total", "Requests to Kafka that were made again.", func(s kafka.ProducerStats) int64 { return s.Retries })
	counter("dead_letters_total", "Records that brokers never will take, and that are in the dead-letter topic.", func(s kafka.ProducerStats) int64 { return s.DeadLetters })
}
