package app

import (
	"fmt"
	"maps"
	"strconv"

	kafkago "github.com/segmentio/kafka-go"

	"sluice/filter"
	"sluice/internal/awsapi"
	"sluice/internal/kafkadial"
	"sluice/stream/kafka"
)

// Several processes share the work over Kafka. What one of them hands to the next
// stands in a topic, who of several takes it is settled by a consumer group, and
// nothing else is shared: pipelines are in every process's configuration.
//
//	ingest                    filter                       firehose
//	log -> forwarder -> <prefix>.events -> worker -> <prefix>.<delivery stream> -> lanes -> S3

// eventsTopic takes what ingest processes store.
func (s *ScaleOut) eventsTopic() string { return s.Prefix + ".events" }

// filterGroup is the consumer group of filter processes.
func (s *ScaleOut) filterGroup() string { return s.Prefix + ".filter" }

// matchesTopic takes what filters select for a delivery stream.
func (s *ScaleOut) matchesTopic(stream string) string { return s.Prefix + "." + stream }

// cluster opens connections to the brokers that processes meet at.
func (s *ScaleOut) cluster() (*kafkadial.Cluster, error) {
	return dialCluster(s.Brokers, s.TLS, s.SASL)
}

func dialCluster(brokers []string, tls KafkaTLS, sasl KafkaSASL) (*kafkadial.Cluster, error) {
	password, err := sasl.password()
	if err != nil {
		return nil, err
	}
	return kafkadial.New(kafkadial.Config{
		Brokers: brokers,
		TLS:     kafkadial.TLS{Enabled: tls.Enabled, CAFile: tls.CAFile, CertFile: tls.CertFile, KeyFile: tls.KeyFile, ServerName: tls.ServerName},
		SASL:    kafkadial.SASL{Mechanism: sasl.Mechanism, Username: sasl.Username, Password: password, Region: sasl.Region},
	})
}

// producer writes sealed batches to a topic.
func (a *App) sharedProducer(cluster *kafkadial.Cluster, topic string) (*kafka.Producer, error) {
	s := a.cfg.ScaleOut
	var compression kafkago.Compression
	if s.Compression != "none" {
		if err := compression.UnmarshalText([]byte(s.Compression)); err != nil {
			return nil, fmt.Errorf("compression: %w", err)
		}
	}
	p, err := kafka.NewProducer(kafka.ProducerConfig{
		Cluster: cluster, Topic: topic, DeadLetterTopic: s.DeadLetterTopic, Payload: kafka.Batch, Compression: compression, Logger: a.log,
	})
	if err == nil {
		a.scaleOut.close = append(a.scaleOut.close, p.Close)
	}
	return p, err
}

// scaledOut is what a process has that is one of several.
type scaledOut struct {
	forwarder forwarder
	worker    sharedFilter
	close     []func() // connections, once nobody sends any more
}

// localFilters are the subscription filters that the dispatcher matches in the log of
// this process.
func (a *App) localFilters() (filter.Definitions, error) {
	switch {
	case !a.cfg.ScaleOut.wanted():
		return a.subscriptions, nil
	case !a.cfg.has(roleIngest):
		return nothing{}, nil
	}
	route, err := a.catalog.Route(forwarderARN)
	if err != nil {
		return nil, err
	}
	a.scaleOut.forwarder.route = route
	return everything{route}, nil
}

// openScaleOut makes the parts of the process's roles that meet others over Kafka.
func (a *App) openScaleOut() error {
	if !a.cfg.ScaleOut.wanted() {
		return nil
	}
	if err := a.checkShared(); err != nil {
		return misconfigured("scale_out: %w", err)
	}
	cluster, err := a.cfg.ScaleOut.cluster()
	if err != nil {
		return misconfigured("scale_out: %w", err)
	}
	if a.cfg.has(roleIngest) {
		if err := a.openForwarder(cluster); err != nil {
			return fmt.Errorf("scale_out: %w", err)
		}
	}
	if err := a.openSharedFilter(cluster); err != nil {
		return misconfigured("scale_out: %w", err)
	}
	return nil
}

// checkShared refuses pipelines that one process can run and several cannot.
func (a *App) checkShared() error {
	s := &a.cfg.ScaleOut
	for _, d := range a.cfg.Pipelines.DeliveryStreams {
		if name, _ := d["DeliveryStreamName"].(string); s.matchesTopic(name) == s.eventsTopic() {
			return fmt.Errorf("delivery stream %s: its topic would be that of everything that is stored: give it another name", name)
		}
	}
	for _, f := range a.cfg.Pipelines.SubscriptionFilters {
		if len(f.EmitSystemFields) > 0 {
			return fmt.Errorf("subscription filter %s: emitSystemFields: sealed batches do not carry them from process to process: leave them out", f.FilterName)
		}
	}
	return nil
}

// sharedPipelines is what of the pipelines is this process's to define. Subscription
// filters are the worker's already.
func (a *App) sharedPipelines() (p Pipelines) {
	if a.cfg.has(roleIngest) {
		p.LogGroups = a.cfg.Pipelines.LogGroups
	}
	if !a.cfg.has(roleFirehose) {
		return p
	}
	for _, d := range a.cfg.Pipelines.DeliveryStreams {
		name, _ := d["DeliveryStreamName"].(string)
		if there, ok := a.catalog.DeliveryStream(a.scope(), name); ok && there.Type == "DirectPut" {
			// What it has is in this log, where a process without scale_out put it.
			a.log.Warn("delivery stream delivers what this log has for it, and no topic: take the role from this process once nothing is in flight", "delivery_stream", name)
			continue
		}
		p.DeliveryStreams = append(p.DeliveryStreams, a.sharedDeliveryStream(name, d))
	}
	return p
}

// sharedDeliveryStream reads what filters put into the delivery stream's topic. One
// that is declared to have a source of its own is left as it is.
func (a *App) sharedDeliveryStream(name string, d map[string]any) map[string]any {
	if kind, given := d["DeliveryStreamType"]; given && kind != "DirectPut" {
		return d
	}
	d = maps.Clone(d)
	d["DeliveryStreamType"] = "MSKAsSource"
	d["MSKSourceConfiguration"] = map[string]any{
		"MSKClusterARN": a.cfg.sharedClusterARN(), "TopicName": a.cfg.ScaleOut.matchesTopic(name),
		"AuthenticationConfiguration": map[string]any{
			"Connectivity": "PRIVATE", // demanded, and nobody looks at it here
			"RoleARN":      awsapi.ARN{Partition: "aws", Service: "iam", Account: a.cfg.AccountID, Resource: "role/sluice"}.String(),
		},
	}
	return d
}

// deliveryStreamOf is the name of the delivery stream of this account and region
// that an ARN names.
func (a *App) deliveryStreamOf(arn awsapi.ARN) (string, bool) {
	name, ok := arn.DeliveryStream()
	return name, ok && arn.Account == a.cfg.AccountID && arn.Region == a.cfg.Region
}

// partitionLabel is a partition as a label of metrics.
func partitionLabel(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
