package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// broker is a Kafka cluster with a topic of its own: a process that was started
// for it, or somebody's cluster.
type broker struct {
	address, topic string
	client         *kafka.Client
	transport      *kafka.Transport
	partitions     int

	cmd   *exec.Cmd // nil for somebody's cluster
	stdin io.Closer
}

func startBroker(ctx context.Context, o Options) (*broker, error) {
	b := &broker{address: o.Kafka, topic: "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36), partitions: o.Connections}
	if b.address == "" {
		if err := b.startProcess(ctx, o.Broker); err != nil {
			return nil, err
		}
	}
	b.transport = &kafka.Transport{}
	b.client = &kafka.Client{Addr: kafka.TCP(b.address), Transport: b.transport, Timeout: time.Minute}
	if err := b.createTopic(ctx); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

func (b *broker) startProcess(ctx context.Context, binary string) error {
	b.cmd = exec.CommandContext(ctx, binary)
	stdin, err := b.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", binary, err)
	}
	b.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("%s does not say where it listens: %w", binary, err), b.stop())
	}
	b.address = strings.TrimSpace(line)
	return nil
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
	if b.transport != nil {
		defer b.transport.CloseIdleConnections()
	}
	if b.cmd == nil {
		_, err := b.client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{b.topic}})
		return err
	}
	return errors.Join(b.stdin.Close(), b.cmd.Wait())
}
