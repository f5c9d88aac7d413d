package app

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"sluice/ingest/kafka"
	"sluice/internal/kafkadial"
	"sluice/internal/obs"
)

// openKafka makes the Kafka sources that the configuration declares.
func (a *App) openKafka() error {
	if !a.cfg.has(roleIngest) {
		return nil
	}
	names, targets := map[string]bool{}, map[string]string{}
	for i, k := range a.cfg.Sources.Kafka {
		source, err := a.openKafkaSource(k)
		if err != nil {
			return misconfigured("sources.kafka[%d]: %w", i, err)
		}
		if names[k.Name] {
			return misconfigured("sources.kafka[%d]: the name %s is there twice: rename one", i, k.Name)
		}
		names[k.Name] = true
		for _, target := range k.config().Targets() {
			if other, taken := targets[target]; taken {
				return misconfigured("sources.kafka[%d]: %s and %s write to the same log streams: name them apart by log_group or log_stream", i, other, k.Name)
			}
			targets[target] = k.Name
		}
		a.kafka = append(a.kafka, source)
	}
	if len(a.kafka) > 0 {
		a.collectKafka()
	}
	return nil
}

func (a *App) openKafkaSource(k KafkaSource) (*kafka.Source, error) {
	cluster, err := dialCluster(k.Brokers, k.TLS, k.SASL)
	if err != nil {
		return nil, err
	}
	cfg := k.config()
	cfg.Scope, cfg.Logger = a.scope(), a.log
	cfg.Received = func(events int) { a.metrics.received.Add(uint64(events)) }
	return kafka.New(cfg, kafka.Links{
		Cluster: cluster, Definitions: a.catalog, Appender: a.store, Marks: a.origins, Clock: a.clock,
	})
}

func (k KafkaSource) config() kafka.Config {
	return kafka.Config{
		Name: k.Name, Topics: k.Topics, GroupID: k.GroupID, LogGroup: k.LogGroup, LogStream: k.LogStream, Start: k.Start,
		Timestamp: k.Timestamp, Oversize: k.Oversize, MaxMessageBytes: k.MaxMessageBytes, OnGap: k.OnGap,
		FetchBytes: k.FetchBytes, MaxBufferBytes: k.MaxBufferBytes,
		SessionTimeout: time.Duration(k.SessionSeconds) * time.Second, StallTimeout: time.Duration(k.StallSeconds) * time.Second,
	}
}

// password reads the password where the configuration says that it is: it never
// stands in the configuration itself.
func (s KafkaSASL) password() (kafkadial.Secret, error) {
	if s.PasswordEnv == "" {
		return "", nil
	}
	text := os.Getenv(s.PasswordEnv)
	if text == "" {
		return "", fmt.Errorf("sasl.password_env: the environment has no %s", s.PasswordEnv)
	}
	return kafkadial.Secret(text), nil
}

// startSources starts what brings events in by itself. stop ends it.
func (a *App) startSources(failed chan<- error) (stop func() error) {
	var stops []func() error
	for _, source := range a.kafka {
		stops = append(stops, start("kafka source "+source.Name(), source.Run, failed))
	}
	for _, source := range a.kinesis {
		stops = append(stops, start("kinesis source "+source.Name(), source.Run, failed))
	}
	return func() error {
		var errs []error
		for _, stop := range stops {
			errs = append(errs, stop())
		}
		return errors.Join(errs...)
	}
}

func (a *App) collectKafka() {
	type reader = func(emit func(float64, ...string))
	each := func(value func(s kafka.Status) int64) reader {
		return func(emit func(float64, ...string)) {
			for _, source := range a.kafka {
				emit(float64(value(source.Status())), source.Name())
			}
		}
	}
	counter := func(name, help string, value func(s kafka.Status) int64) {
		a.registry.Collect(obs.CounterKind, "sluice_kafka_source_"+name, help, []string{"source"}, each(value))
	}
	counter("records_total", "Records of a topic read to their end: stored + empty + quarantined.", kafka.Status.Records)
	counter("stored_records_total", "Records of a topic that are in the log.", func(s kafka.Status) int64 { return s.Stored })
	counter("stored_bytes_total", "Size of the values of a topic's records that are in the log.", func(s kafka.Status) int64 { return s.Bytes })
	counter("stored_events_total", "Events made of a topic's records: more when large values are split.", func(s kafka.Status) int64 { return s.Events })
	counter("empty_records_total", "Records with a null or empty value, which are no events.", func(s kafka.Status) int64 { return s.Empty })
	counter("quarantined_records_total", "Records put aside in "+kafka.QuarantineGroup+".", func(s kafka.Status) int64 { return s.Quarantined })
	counter("already_stored_offsets_total", "Offsets passed over, because the log had their records before Kafka knew.", func(s kafka.Status) int64 { return s.AlreadyStored })
	counter("invalid_utf8_records_total", "Records in which bytes were replaced by U+FFFD.", func(s kafka.Status) int64 { return s.InvalidUTF8 })
	counter("lost_offsets_total", "Offsets that the topic's retention took before they were read (on_gap: skip).", func(s kafka.Status) int64 { return s.Lost })
	counter("fetch_errors_total", "Fetches that failed.", func(s kafka.Status) int64 { return s.FetchErrors })
	counter("group_errors_total", "Failures to join the group or to commit offsets.", func(s kafka.Status) int64 { return s.GroupErrors })
	counter("rebalances_total", "Generations of the group that were joined.", func(s kafka.Status) int64 { return s.Rebalances })
	counter("stalls_total", "Times that lag stood still and the group was joined anew for it.", func(s kafka.Status) int64 { return s.Stalls })
	a.registry.Collect(obs.GaugeKind, "sluice_kafka_source_buffer_bytes", "Bytes of topics that are fetched and not in the log yet.", []string{"source"},
		each(func(s kafka.Status) int64 { return s.BufferBytes }))

	byPartition := func(name, help string, value func(p kafka.PartitionStatus) int64) {
		a.registry.Collect(obs.GaugeKind, "sluice_kafka_source_"+name, help, []string{"source", "topic", "partition"}, func(emit func(float64, ...string)) {
			for _, source := range a.kafka {
				for _, p := range source.Status().Partitions {
					emit(float64(value(p)), source.Name(), p.Topic, strconv.Itoa(p.Partition))
				}
			}
		})
	}
	byPartition("lag_records", "Offsets of an assigned partition that are not stored yet.", kafka.PartitionStatus.Lag)
	byPartition("condition", "0 reading, 1 retrying, 2 waiting for the log, 3 stopped because records are gone: alarm on 3.",
		func(p kafka.PartitionStatus) int64 { return int64(p.Condition) })
}
