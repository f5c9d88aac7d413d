package app

import (
	"context"
	"fmt"
	"time"

	"sluice/firehose"
	"sluice/firehose/kafka"
	"sluice/internal/awsapi"
	"sluice/internal/kafkadial"
	"sluice/internal/objput"
	"sluice/internal/obs"
	"sluice/stream/kinesis"
)

// deliverySources opens what delivery streams read outside of this process.
type deliverySources struct {
	app      *App
	clusters map[string]KafkaCluster // by ARN
	dialled  map[string]*kafkadial.Cluster
	streams  map[string]KinesisSource
	clients  map[string]kinesis.ReadClient
}

// openDeliverySources reads the configuration. It connects to nothing.
func (a *App) openDeliverySources() (*deliverySources, error) {
	d := &deliverySources{app: a, clusters: map[string]KafkaCluster{}, dialled: map[string]*kafkadial.Cluster{},
		streams: map[string]KinesisSource{}, clients: map[string]kinesis.ReadClient{}}
	if g := a.cfg.Sources.Delivery.OnGap; g != "" && g != "fail" && g != "skip" {
		return nil, misconfigured("sources.delivery.on_gap: %q is not one of fail, skip", g)
	}
	for i, c := range a.cfg.Sources.Delivery.Clusters {
		key, err := sourceKey(c.ARN)
		if err == nil && d.dialled[key] != nil {
			err = fmt.Errorf("arn: %s is there twice: remove one", c.ARN)
		}
		if err == nil {
			d.clusters[key] = c
			d.dialled[key], err = c.dial()
		}
		if err != nil {
			return nil, misconfigured("sources.delivery.clusters[%d]: %w", i, err)
		}
	}
	for i, s := range a.cfg.Sources.Delivery.Streams {
		if err := d.addStream(s); err != nil {
			return nil, misconfigured("sources.delivery.streams[%d]: %w", i, err)
		}
	}
	return d, nil
}

func (d *deliverySources) addStream(s KinesisSource) error {
	arn, err := awsapi.ParseARN(s.ARN)
	if err != nil {
		return fmt.Errorf("arn: %w", err)
	}
	if _, ok := arn.Stream(); !ok {
		return fmt.Errorf("arn: %s is not that of a Kinesis stream", s.ARN)
	}
	key := sameARN(arn)
	if d.clients[key] != nil {
		return fmt.Errorf("arn: %s is there twice: remove one", s.ARN)
	}
	d.streams[key] = s
	d.clients[key], err = kinesis.NewClient(context.Background(), arn.Region, s.Endpoint)
	return err
}

// sourceKey is an ARN without its partition, which is ignored as everywhere.
func sourceKey(text string) (string, error) {
	arn, err := awsapi.ParseARN(text)
	if err != nil {
		return "", fmt.Errorf("arn: %w", err)
	}
	return sameARN(arn), nil
}

func (c KafkaCluster) dial() (*kafkadial.Cluster, error) {
	password, err := c.SASL.password()
	if err != nil {
		return nil, err
	}
	return kafkadial.New(kafkadial.Config{
		Brokers: c.Brokers,
		TLS: kafkadial.TLS{
			Enabled: c.TLS.Enabled, CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, ServerName: c.TLS.ServerName,
		},
		SASL: kafkadial.SASL{Mechanism: c.SASL.Mechanism, Username: c.SASL.Username, Password: password, Region: c.SASL.Region},
	})
}

// Open implements firehose.Outside.
func (d *deliverySources) Open(o firehose.Origin) (firehose.Group, error) {
	key, err := sourceKey(o.ARN)
	if err != nil {
		return nil, err
	}
	if client := d.clients[key]; client != nil && o.Topic == "" {
		return d.openStream(o, d.streams[key], client)
	}
	cluster, ok := d.dialled[key]
	if !ok {
		return nil, firehose.ErrNoSource
	}
	start := o.Start
	if o.ARN == d.app.cfg.sharedClusterARN() {
		// What filters put into the topic is the delivery stream's, also before this
		// process heard of it.
		start = time.Time{}
	}
	return kafka.New(kafka.Config{
		Cluster: cluster, Topic: o.Topic, GroupID: d.group(o), Start: start,
		SessionTimeout: time.Duration(d.clusters[key].SessionSeconds) * time.Second,
		Logger:         d.app.log.With("delivery_stream", o.DeliveryStream),
	})
}

// group is the name of a delivery stream's consumer group: that of all processes
// that have the stream.
func (d *deliverySources) group(o firehose.Origin) string {
	name := "sluice-delivery-" + o.DeliveryStream
	if o.ARN == d.app.cfg.sharedClusterARN() { // several installations may share that cluster
		name = d.app.cfg.ScaleOut.Prefix + "-delivery-" + o.DeliveryStream
	}
	if o.Scope == d.app.scope() {
		return name
	}
	return name + "@" + o.Account + "." + o.Region
}

// openStream shares a Kinesis stream by leases in the object store.
func (d *deliverySources) openStream(o firehose.Origin, s KinesisSource, client kinesis.ReadClient) (firehose.Group, error) {
	registers, ok := d.app.objects.(objput.Registers)
	if !ok {
		return nil, fmt.Errorf("object store %s keeps no leases", d.app.cfg.S3)
	}
	g := &kinesisGroup{kinesis.LeasesConfig{
		Client: client, Stream: s.ARN, Table: kinesis.NewLeaseTable(registers, o.Bucket, d.group(o), s.ARN),
		Term: time.Duration(s.TermSeconds) * time.Second, Logger: d.app.log.With("delivery_stream", o.DeliveryStream),
	}}
	if !o.Start.IsZero() {
		g.cfg.Start = kinesis.AtTime(o.Start)
	}
	_, err := kinesis.NewLeases(g.cfg)
	return g, err
}

// collectDeliverySources exports how delivery streams fare with their sources.
func (a *App) collectDeliverySources() {
	labels := []string{"account", "region", "delivery_stream"}
	collect := func(kind obs.Kind, name, help string, value func(s firehose.Status) float64) {
		a.registry.Collect(kind, "sluice_delivery_"+name, help, labels, func(emit func(float64, ...string)) {
			for _, s := range a.deliveryStatus() {
				if s.Outside {
					emit(value(s.Status), s.Account, s.Region, s.Name)
				}
			}
		})
	}
	collect(obs.GaugeKind, "source_parts", "Partitions or shards of the source that are this process's.", func(s firehose.Status) float64 { return float64(s.Parts) })
	collect(obs.GaugeKind, "source_lag_records", "Positions of the source, in the parts of this process, that are not delivered.", func(s firehose.Status) float64 { return float64(s.Lag) })
	collect(obs.GaugeKind, "source_behind_seconds", "Age of what is read next against the newest record of its part, where the source tells.", func(s firehose.Status) float64 { return s.Behind.Seconds() })
	collect(obs.GaugeKind, "spool_bytes", "Scratch files of what was read and is not delivered.", func(s firehose.Status) float64 { return float64(s.SpoolBytes) })
	collect(obs.CounterKind, "source_lost_positions_total", "Positions that the source lost before they were read (on_gap: skip).", func(s firehose.Status) float64 { return float64(s.LostPositions) })
	collect(obs.CounterKind, "source_duplicates_total", "Records that were there before, and were passed over.", func(s firehose.Status) float64 { return float64(s.Duplicates) })
	a.registry.Collect(obs.CounterKind, "sluice_delivery_retries_total", "Attempts to read or to deliver that failed, since the start.", labels, func(emit func(float64, ...string)) {
		for _, s := range a.deliveryStatus() {
			emit(float64(s.Retries), s.Account, s.Region, s.Name)
		}
	})
}
