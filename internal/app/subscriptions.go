package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/cespare/xxhash/v2"
	kafkago "github.com/segmentio/kafka-go"

	"sluice/filter"
	"sluice/filter/outbox"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/obs"
	"sluice/stream/kafka"
)

// filtersPerGroup is how many subscription filters a log group may have, 0 for any
// number.
func (a *App) filtersPerGroup() int {
	if n := a.cfg.SubscriptionFiltersPerLogGroup; n > 0 {
		return n
	}
	return a.quota(filter.AWSFiltersPerGroup)
}

// openOutbox makes the senders of all destinations outside, and the lanes that what
// logical destinations do not let in waits in.
func (a *App) openOutbox() error {
	rules := outbox.Rules{RetryFor: outbox.AWSRetryFor, Budget: a.cfg.Destinations.MaxBufferBytes}
	switch hours := a.cfg.Destinations.RetryHours; {
	case hours < 0:
		rules.RetryFor = 0
	case hours > 0:
		rules.RetryFor = time.Duration(hours) * time.Hour
	}
	if a.cfg.Limits == "aws" {
		rules.Disable = outbox.AWSDisable
	}
	var err error
	a.outbox, err = outbox.New(outbox.Config{
		Clock: a.clock, Source: a.streams, Journal: journal{a.store}, States: a.outboxStates, Rules: rules, Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.outside = outside{app: a, senders: map[string]outbox.Sender{}}
	if err := a.openDestinations(); err != nil {
		return err
	}
	a.subscriptions.Destinations(func(_ catalog.Scope, d filter.Destination) { a.announceDestination(d) })
	a.add(room{"outbox", a.outbox.Run})
	a.collectDestinations()
	return nil
}

// announceDestination serves what waits for a logical destination.
func (a *App) announceDestination(d filter.Destination) {
	a.outbox.Add(outbox.Target{Name: d.ARN, Route: d.Route, Sender: waiting{a, d.ARN}})
}

func (a *App) openDestinations() error {
	d := a.cfg.Destinations
	for i, w := range d.Webhooks {
		if err := a.openDestination(fmt.Sprintf("destinations.webhooks[%d]", i), w.ARN, "lambda", w.sender); err != nil {
			return err
		}
	}
	for i, k := range d.Kinesis {
		if err := a.openDestination(fmt.Sprintf("destinations.kinesis[%d]", i), k.ARN, "kinesis", k.sender); err != nil {
			return err
		}
	}
	for i, k := range d.Kafka {
		if err := a.openDestination(fmt.Sprintf("destinations.kafka[%d]", i), k.ARN, "kinesis", k.sender); err != nil {
			return err
		}
	}
	return nil
}

// openDestination makes the sender of one key and its lanes.
func (a *App) openDestination(at, text, service string, open func(a *App, arn awsapi.ARN) (outbox.Sender, error)) error {
	arn, err := awsapi.ParseARN(text)
	if err != nil || arn.Service != service {
		return misconfigured("%s: arn: %q is no ARN of %s: filters name the destination by it", at, text, service)
	}
	key := sameARN(arn)
	if a.outside.senders[key] != nil {
		return misconfigured("%s: arn: %s is there twice: remove one", at, text)
	}
	sender, err := open(a, arn)
	if err != nil {
		return misconfigured("%s: %w", at, err)
	}
	route, err := a.catalog.Route(text)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	a.outside.senders[key] = sender
	a.outbox.Add(outbox.Target{Name: text, Route: route, Sender: sender})
	return nil
}

func sameARN(arn awsapi.ARN) string {
	arn.Partition = "aws" // ignored, as everywhere
	return arn.String()
}

func (w Webhook) sender(_ *App, _ awsapi.ARN) (outbox.Sender, error) {
	header := http.Header{}
	if w.AuthorizationEnv != "" {
		value := os.Getenv(w.AuthorizationEnv)
		if value == "" {
			return nil, fmt.Errorf("authorization_env: the environment has no %s", w.AuthorizationEnv)
		}
		header.Set("Authorization", value)
	}
	return outbox.NewWebhook(outbox.WebhookConfig{URL: w.URL, Header: header, Concurrency: w.Concurrency})
}

func (k KinesisDestination) sender(_ *App, arn awsapi.ARN) (outbox.Sender, error) {
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion(arn.Region), config.WithRetryMaxAttempts(1))
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	client := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) {
		if k.Endpoint != "" {
			o.BaseEndpoint = &k.Endpoint
		}
	})
	return outbox.NewKinesis(client, arn.String()), nil
}

func (k KafkaDestination) sender(a *App, _ awsapi.ARN) (outbox.Sender, error) {
	cluster, err := dialCluster(k.Brokers, k.TLS, k.SASL)
	if err != nil {
		return nil, err
	}
	payload, err := kafka.ParsePayload(k.Payload)
	if err != nil {
		return nil, err
	}
	var compression kafkago.Compression
	if k.Compression != "" && k.Compression != "none" {
		if err := compression.UnmarshalText([]byte(k.Compression)); err != nil {
			return nil, fmt.Errorf("compression: %w", err)
		}
	}
	producer, err := kafka.NewProducer(kafka.ProducerConfig{
		Cluster: cluster, Topic: k.Topic, DeadLetterTopic: k.DeadLetterTopic, Payload: payload, Compression: compression, Logger: a.log,
	})
	if err != nil {
		return nil, err
	}
	node, err := a.nodeUID()
	if err != nil {
		return nil, err
	}
	return kafkaTopic{producer, node}, nil
}

// kafkaTopic is a Kafka topic as a destination.
type kafkaTopic struct {
	*kafka.Producer
	node uint64 // of the data folder
}

// stream names the parcels of a route among those of all who write to the topic:
// routes are numbers of this data folder's own.
func (k kafkaTopic) stream(route uint64) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], k.node)
	binary.LittleEndian.PutUint64(b[8:], route)
	return xxhash.Sum64(b[:])
}

// SendParcel implements outbox.ParcelSender.
func (k kafkaTopic) SendParcel(ctx context.Context, route uint64, p event.Parcel) error {
	return k.Produce(ctx, k.stream(route), p)
}

// Send implements outbox.Sender, for what waited in front of a logical destination:
// records are there already, so they go as they are. Those of one frame are one
// parcel again, so that each keeps an idempotence key of its own.
func (k kafkaTopic) Send(ctx context.Context, records []*outbox.Record) error {
	for len(records) > 0 {
		n := 0
		for n < len(records) && records[n].ID.Number == records[0].ID.Number {
			n++
		}
		id := records[0].ID
		p := event.Parcel{Position: event.Position{Shard: id.Shard, Number: id.Number}, Arrived: records[0].Arrived}
		for _, r := range records[:n] {
			p.Records = append(p.Records, r.Data)
		}
		if err := k.Produce(ctx, k.stream(id.Route), p); err != nil {
			return err
		}
		for _, r := range records[:n] {
			r.Delivered()
		}
		records = records[n:]
	}
	return nil
}

// Probe implements outbox.Sender: a topic has no reader that skips test messages, so
// none is written, and it is enough that the topic is there.
func (k kafkaTopic) Probe(ctx context.Context, _ time.Time) error { return k.Produce(ctx, 0) }

// outside is the destinations outside this process.
type outside struct {
	app     *App
	senders map[string]outbox.Sender // by ARN; never changed after open
}

func (o outside) sender(text string) (outbox.Sender, bool) {
	arn, err := awsapi.ParseARN(text)
	if err != nil {
		return nil, false
	}
	s, ok := o.senders[sameARN(arn)]
	return s, ok
}

// Has implements filter.Outside.
func (o outside) Has(arn string) bool { _, ok := o.sender(arn); return ok }

// Probe implements filter.Outside.
func (o outside) Probe(ctx context.Context, arn string) error {
	s, ok := o.sender(arn)
	if !ok {
		return fmt.Errorf("no destination %s", arn)
	}
	return s.Probe(ctx, o.app.clock.Now())
}

// close ends the connections of all senders, once nobody sends any more.
func (o outside) close() {
	for _, s := range o.senders {
		if c, ok := s.(interface{ Close() }); ok {
			c.Close()
		}
	}
}

// waiting sends on what a logical destination did not let in when it was matched,
// once it is let in.
type waiting struct {
	app *App
	arn string
}

// Send implements outbox.Sender. Whether those of one account go is asked once: none
// of them may pass an earlier one.
func (w waiting) Send(ctx context.Context, records []*outbox.Record) error {
	var refused error
	for len(records) > 0 {
		account, level := records[0].Account, records[0].AccountLevel
		var same, others []*outbox.Record
		for _, r := range records {
			if r.Account == account && r.AccountLevel == level {
				same = append(same, r)
			} else {
				others = append(others, r)
			}
		}
		records = others
		target, there, ok := w.app.subscriptions.Admits(w.arn, account, level)
		switch {
		case !there:
			return &outbox.Refusal{Err: fmt.Errorf("there is no destination %s", w.arn)}
		case !ok:
			refused = &outbox.Refusal{Err: fmt.Errorf("the access policy does not let account %s in", account)}
			continue
		}
		if err := w.app.sendTo(ctx, target, same); err != nil {
			return err
		}
	}
	return refused
}

// sendTo sends records of one account to a logical destination's target.
func (a *App) sendTo(ctx context.Context, target string, records []*outbox.Record) error {
	if s, ok := a.outside.sender(target); ok {
		return s.Send(ctx, records)
	}
	arn, err := awsapi.ParseARN(target)
	if s, ok := (ownStreams{a}).stream(arn); ok {
		return s.apart(records[0]).Send(ctx, records)
	}
	name, ok := arn.DeliveryStream()
	if err != nil || !ok {
		return &outbox.Refusal{Err: fmt.Errorf("there is no %s", target)}
	}
	d, ok := a.catalog.DeliveryStream(catalog.Scope{Account: arn.Account, Region: arn.Region}, name)
	if !ok {
		return &outbox.Refusal{Err: fmt.Errorf("there is no %s", target)}
	}
	for _, r := range records {
		if _, err := a.streams.Put(ctx, d.Route, a.clock.Now().UnixMilli(), [][]byte{r.Data}); err != nil {
			return err
		}
		r.Delivered()
	}
	return nil
}

// Probe implements outbox.Sender; nobody asks.
func (w waiting) Probe(context.Context, time.Time) error { return nil }

func (a *App) collectDestinations() {
	type reader = func(emit func(float64, ...string))
	byShard := func(value func(s outbox.Status) float64) reader {
		return func(emit func(float64, ...string)) {
			for _, s := range a.outbox.Status() {
				emit(value(s), s.Name, strconv.Itoa(int(s.Shard)))
			}
		}
	}
	counter := func(name, help string, value func(s outbox.Status) float64) {
		a.registry.Collect(obs.CounterKind, "sluice_destination_"+name, help, []string{"destination", "shard"}, byShard(value))
	}
	gauge := func(name, help string, value func(s outbox.Status) float64) {
		a.registry.Collect(obs.GaugeKind, "sluice_destination_"+name, help, []string{"destination", "shard"}, byShard(value))
	}
	counter("accepted_events_total", "Events that filters matched for a destination outside: delivered + dropped + lost + in flight.",
		func(s outbox.Status) float64 { return float64(a.indexes[s.Shard].Totals(s.Route).Accepted) })
	counter("lost_events_total", "Events for a destination outside whose log frames were damaged.", func(s outbox.Status) float64 { return float64(a.indexes[s.Shard].Totals(s.Route).Lost()) })
	counter("delivered_events_total", "Events that a destination outside took.", func(s outbox.Status) float64 { return float64(s.Delivered) })
	counter("delivered_bytes_total", "Message bytes of the events that a destination outside took.", func(s outbox.Status) float64 { return float64(s.Bytes) })
	counter("failures_total", "Attempts to send to a destination outside that failed.", func(s outbox.Status) float64 { return float64(s.Failures) })
	gauge("in_flight_events", "Events that wait for a destination outside.", func(s outbox.Status) float64 { return float64(a.streams.Pending(s.Route, s.Shard).Count) })
	gauge("in_flight_bytes", "Message bytes of the events that wait for a destination outside.", func(s outbox.Status) float64 { return float64(a.streams.Pending(s.Route, s.Shard).Bytes) })
	gauge("oldest_seconds", "Age of the oldest event that a destination outside has not taken.", func(s outbox.Status) float64 {
		if s.Oldest == 0 {
			return 0
		}
		return float64(a.clock.Now().UnixMilli()-s.Oldest) / 1000
	})
	gauge("condition", "0 sending, 1 retrying, 2 refused and waiting, 3 stopped: alarm on 2 and more.", func(s outbox.Status) float64 { return float64(s.Condition) })
	a.registry.Collect(obs.CounterKind, "sluice_destination_dropped_events_total", "Events for a destination outside that were given up, by reason.",
		[]string{"destination", "shard", "reason"}, func(emit func(float64, ...string)) {
			for _, s := range a.outbox.Status() {
				for _, reason := range []outbox.Reason{outbox.Expired, outbox.Disabled, outbox.TooLarge} {
					emit(float64(s.Skipped[reason].Events), s.Name, strconv.Itoa(int(s.Shard)), reason.String())
				}
			}
		})
}
