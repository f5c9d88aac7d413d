package app

import (
	"context"
	"fmt"
	"time"

	"sluice/filter/worker"
	ingestkafka "sluice/ingest/kafka"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/kafkadial"
	"sluice/internal/obs"
	"sluice/stream/kafka"
)

// sharedFilter is the filter of several processes: whichever has the role matches
// the partitions that the consumer group gives it.
type sharedFilter struct {
	worker    *worker.Worker
	events    *kafka.Consumer
	sources   []*ingestkafka.Source
	producers map[string]*kafka.Producer // by topic
}

// openSharedFilter makes the worker; in processes without the role only to refuse
// pipelines that no worker could run.
func (a *App) openSharedFilter(cluster *kafkadial.Cluster) error {
	f := &a.scaleOut.worker
	f.producers = map[string]*kafka.Producer{}
	destinations, err := a.sharedDestinations(cluster)
	if err != nil {
		return err
	}
	f.worker, err = worker.New(worker.Config{
		Filters: a.sharedFilters(), Destinations: destinations, Generation: a.cfg.ScaleOut.Generation,
	})
	if err != nil {
		return fmt.Errorf("pipelines: %w", err)
	}
	if !a.cfg.has(roleFilter) {
		return nil
	}
	if err := a.openEvents(cluster); err != nil {
		return err
	}
	for i, k := range a.cfg.ScaleOut.Sources {
		if err := a.openSharedSource(k); err != nil {
			return misconfigured("sources[%d]: %w", i, err)
		}
	}
	a.collectSharedFilter()
	return nil
}

// sharedFilters are the declared subscription filters.
func (a *App) sharedFilters() (filters []worker.Filter) {
	for _, f := range a.cfg.Pipelines.SubscriptionFilters {
		arn := f.DestinationARN
		if parsed, err := awsapi.ParseARN(arn); err == nil {
			arn = sameARN(parsed)
		}
		filters = append(filters, worker.Filter{
			Scope: a.scope(), LogGroup: f.LogGroupName,
			SubscriptionFilter: catalog.SubscriptionFilter{
				Name: f.FilterName, Pattern: f.FilterPattern, DestinationARN: arn, Distribution: f.Distribution,
				FieldSelectionCriteria: f.FieldSelectionCriteria, EmitSystemFields: f.EmitSystemFields,
			},
		})
	}
	return filters
}

// sharedDestinations are where declared filters lead, each once: topics, all of them.
func (a *App) sharedDestinations(cluster *kafkadial.Cluster) (destinations []worker.Destination, err error) {
	seen := map[string]bool{}
	for _, f := range a.cfg.Pipelines.SubscriptionFilters {
		arn, err := awsapi.ParseARN(f.DestinationARN)
		if err != nil {
			return nil, fmt.Errorf("subscription filter %s: destinationArn: %w", f.FilterName, err)
		}
		key := sameARN(arn)
		if seen[key] {
			continue
		}
		seen[key] = true
		p, err := a.sharedDestination(cluster, arn)
		if err != nil {
			return nil, fmt.Errorf("subscription filter %s: %w", f.FilterName, err)
		}
		destinations = append(destinations, worker.Destination{ARN: key, Producer: p})
	}
	return destinations, nil
}

func (a *App) sharedDestination(cluster *kafkadial.Cluster, arn awsapi.ARN) (worker.Producer, error) {
	if s, ok := a.outside.senders[sameARN(arn)].(kafkaTopic); ok {
		a.scaleOut.worker.producers[arn.String()] = s.Producer
		return s.Producer, nil
	}
	stream, ok := a.deliveryStreamOf(arn)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is not reached by several processes: with scale_out a filter leads to a delivery stream of pipelines or to a topic of destinations.kafka", arn)
	case !a.declaresStream(stream):
		return nil, fmt.Errorf("there is no delivery stream %s in pipelines", stream)
	}
	topic := a.cfg.ScaleOut.matchesTopic(stream)
	p, err := a.sharedProducer(cluster, topic)
	a.scaleOut.worker.producers[topic] = p
	return p, err
}

// openEvents makes this process a member of the group that reads what others store.
func (a *App) openEvents(cluster *kafkadial.Cluster) error {
	s, f := a.cfg.ScaleOut, &a.scaleOut.worker
	cfg := kafka.ConsumerConfig{
		Cluster: cluster, Topic: s.eventsTopic(), GroupID: s.filterGroup(), FetchBytes: s.FetchBytes,
		SessionTimeout: time.Duration(s.SessionSeconds) * time.Second, StallTimeout: time.Duration(s.StallSeconds) * time.Second,
		Logger: a.log,
	}
	if s.DeadLetterTopic != "" {
		aside, err := a.sharedProducer(cluster, s.eventsTopic())
		if err != nil {
			return err
		}
		cfg.PutAside = aside.PutAside
	}
	var err error
	if f.events, err = kafka.NewConsumer(cfg); err != nil {
		return err
	}
	source := f.worker.Source(s.eventsTopic())
	a.add(room{"filter worker", func(ctx context.Context) error { return f.events.Run(ctx, source.Visit) }})
	return nil
}

// unmarked is the marks of a source whose batches go past the log: there are none,
// and readers know what comes twice.
type unmarked struct{}

// Mark implements ingestkafka.Marks.
func (unmarked) Mark(context.Context, uint64, uint32) (uint64, error) { return 0, nil }

// openSharedSource reads a topic of another program's records. The definitions that
// a source wants to make are nobody else's and forgotten with the process.
func (a *App) openSharedSource(k KafkaSource) error {
	cluster, err := dialCluster(k.Brokers, k.TLS, k.SASL)
	if err != nil {
		return err
	}
	names, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		return err
	}
	cfg := k.config()
	cfg.Scope, cfg.Logger, cfg.Aligned = a.scope(), a.log, true
	source, err := ingestkafka.New(cfg, ingestkafka.Links{
		Cluster: cluster, Definitions: names, Appender: a.scaleOut.worker.worker.Source(k.Topics[0]), Marks: unmarked{}, Clock: a.clock,
	})
	if err != nil {
		return err
	}
	a.scaleOut.worker.sources = append(a.scaleOut.worker.sources, source)
	a.add(room{"filter source " + source.Name(), source.Run})
	return nil
}

func (a *App) collectSharedFilter() {
	f, r := &a.scaleOut.worker, a.registry
	counter := func(name, help string, value func(s worker.Status) int64) {
		r.CounterFunc("sluice_worker_"+name, help, func() float64 { return float64(value(f.worker.Status())) })
	}
	counter("events_total", "Events of log groups with filters that were matched, since the start.", func(s worker.Status) int64 { return s.Events })
	counter("unfiltered_events_total", "Events of log groups without filters.", func(s worker.Status) int64 { return s.Unfiltered })
	counter("foreign_records_total", "Records of the events topic that are no batches.", func(s worker.Status) int64 { return s.Foreign })

	byFilter := func(name, help string, value func(s worker.FilterStatus) int64) {
		r.Collect(obs.CounterKind, "sluice_worker_filter_"+name, help, []string{"account", "region", "log_group", "filter"}, func(emit func(float64, ...string)) {
			for _, s := range f.worker.Status().Filters {
				emit(float64(value(s)), s.Account, s.Region, s.LogGroup, s.Name)
			}
		})
	}
	byFilter("read_events_total", "Events that a subscription filter was matched with: matched + unmatched.", func(s worker.FilterStatus) int64 { return s.Read })
	byFilter("matched_events_total", "Events that a subscription filter selected.", func(s worker.FilterStatus) int64 { return s.Matched })
	byFilter("matched_bytes_total", "Message bytes of the events that a subscription filter selected.", func(s worker.FilterStatus) int64 { return s.Bytes })

	byDestination := func(kind obs.Kind, name, help string, value func(s worker.DestinationStatus) float64) {
		r.Collect(kind, "sluice_worker_destination_"+name, help, []string{"destination"}, func(emit func(float64, ...string)) {
			for _, s := range f.worker.Status().Destinations {
				emit(value(s), s.ARN)
			}
		})
	}
	byDestination(obs.CounterKind, "events_total", "Events that a destination took, repeated ones included.", func(s worker.DestinationStatus) float64 { return float64(s.Events) })
	byDestination(obs.CounterKind, "bytes_total", "Message bytes of the events that a destination took.", func(s worker.DestinationStatus) float64 { return float64(s.Bytes) })
	byDestination(obs.CounterKind, "failures_total", "Attempts to send to a destination that failed.", func(s worker.DestinationStatus) float64 { return float64(s.Failures) })
	byDestination(obs.GaugeKind, "oldest_seconds", "Age of the oldest event that was read for a destination and that it has not taken.",
		func(s worker.DestinationStatus) float64 { return a.ageOf(s.Oldest) })
	byDestination(obs.GaugeKind, "failing", "1 while a destination's last attempt failed.", func(s worker.DestinationStatus) float64 {
		if s.Failing {
			return 1
		}
		return 0
	})
	a.collectEvents()
	a.collectProducer("worker", func(emit func(p *kafka.Producer, topic string)) {
		for topic, p := range f.producers {
			emit(p, topic)
		}
	})
}

// collectEvents exports what the member of the filters' group counts.
func (a *App) collectEvents() {
	f := &a.scaleOut.worker
	counter := func(name, help string, value func(s kafka.ConsumerStats) int64) {
		a.registry.CounterFunc("sluice_worker_"+name, help, func() float64 { return float64(value(f.events.Stats())) })
	}
	counter("read_records_total", "Records of the events topic that were matched.", func(s kafka.ConsumerStats) int64 { return s.Records })
	counter("read_bytes_total", "Size of the values of the records that were matched.", func(s kafka.ConsumerStats) int64 { return s.Bytes })
	counter("duplicate_records_total", "Records that were there before, by their origin.", func(s kafka.ConsumerStats) int64 { return s.Duplicates })
	counter("unreadable_records_total", "Records that were put aside because they cannot be read.", func(s kafka.ConsumerStats) int64 { return s.Unreadable })
	counter("rebalances_total", "Generations of the group that were joined.", func(s kafka.ConsumerStats) int64 { return s.Rebalances })
	counter("stalls_total", "Times that lag stood still and the group was joined anew for it.", func(s kafka.ConsumerStats) int64 { return s.Stalls })
	counter("gaps_total", "Partitions that stopped because records are gone: alarm on any.", func(s kafka.ConsumerStats) int64 { return s.Gaps })
	counter("errors_total", "Fetches, matches and commits that failed.", func(s kafka.ConsumerStats) int64 { return s.Errors })
	a.registry.GaugeFunc("sluice_worker_partitions", "Partitions of the events topic that are this process's.", func() float64 { return float64(f.events.Stats().Partitions) })
	a.registry.Collect(obs.GaugeKind, "sluice_worker_lag_records", "Records of a partition of the events topic, one that is this process's, that are not matched.",
		[]string{"partition"}, func(emit func(float64, ...string)) {
			for _, p := range f.events.Partitions() {
				emit(float64(p.Lag()), partitionLabel(uint32(p.Partition)))
			}
		})
}
