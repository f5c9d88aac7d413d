package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/bench/kafkaserver"
)

// broker is a Kafka cluster with a topic of its own: a process that was started
// for it, or somebody's cluster.
type broker struct {
	address, topic string
	client         *kafka.Client
	transport      *kafka.Transport
	partitions     int

	process *kafkaserver.Process // nil for somebody's cluster
}

func startBroker(ctx context.Context, o Options) (*broker, error) {
	b := &broker{address: o.Kafka, topic: "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36), partitions: o.Connections}
	if b.address == "" {
		var err error
		if b.process, err = kafkaserver.Start(ctx, o.Broker); err != nil {
			return nil, err
		}
		b.address = b.process.Address
	}
	b.transport = &kafka.Transport{}
	b.client = &kafka.Client{Addr: kafka.TCP(b.address), Transport: b.transport, Timeout: time.Minute}
	if err := b.createTopic(ctx); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

func (b *broker) createTopic(ctx context.Context) error {
	resp, err := b.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: b.topic, NumPartitions: b.partitions, ReplicationFactor: 1}},
	})
	if err == nil {
		err = resp.Errors[b.topic]
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", b.topic, err)
	}
	return nil
}

// produce sends the lines of a request as one batch of records, which is not
// compressed: what is measured is what reads it.
func (b *broker) produce(ctx context.Context, n int, r *request) error {
	now := time.Now()
	records := make([]kafka.Record, 0, r.events)
	for line := range bytes.Lines(r.lines) {
		records = append(records, kafka.Record{Time: now, Value: kafka.NewBytes(line[:len(line)-1])})
	}
	resp, err := b.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: b.topic, Partition: n % b.partitions, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = resp.Error
	}
	if err != nil {
		return fmt.Errorf("produce to %s: %w", b.topic, err)
	}
	return nil
}

// stop ends the process; a topic of somebody's cluster is deleted.
func (b *broker) stop() error {
	defer b.transport.CloseIdleConnections()
	if b.process != nil {
		return b.process.Close()
	}
	_, err := b.client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{b.topic}})
	return err
}
