package torture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/bench/kafkaserver"
)

const (
	topicName  = "matches"
	partitions = 6
	brokers    = 3 // so that leaders can move
)

// topic is where the delivery stream throughKafka gets its events from: a cluster
// of its own with one topic.
type topic struct {
	process   *kafkaserver.Process
	transport *kafka.Transport
	client    *kafka.Client
}

func startTopic(ctx context.Context, file string) (*topic, error) {
	process, err := kafkaserver.Start(ctx, file, "-brokers", fmt.Sprint(brokers))
	if err != nil {
		return nil, err
	}
	transport := &kafka.Transport{MetadataTTL: time.Second}
	k := &topic{process, transport, &kafka.Client{Addr: kafka.TCP(process.Address), Transport: transport, Timeout: 10 * time.Second}}
	resp, err := k.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topicName, NumPartitions: partitions, ReplicationFactor: 1}},
	})
	if err == nil {
		err = resp.Errors[topicName]
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create topic %s: %w", topicName, err), k.close())
	}
	return k, nil
}

// tell has something go wrong with the cluster, or heals it.
func (k *topic) tell(command string) error { return k.process.Tell(command) }

// left is how many records the group of a delivery stream has not committed, and
// where: what it delivered is committed after that.
func (k *topic) left(ctx context.Context, stream string) (sum int64, where string, err error) {
	all, ends := make([]int, partitions), make([]kafka.OffsetRequest, partitions)
	for p := range partitions {
		all[p], ends[p] = p, kafka.LastOffsetOf(p)
	}
	end, err := k.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topicName: ends}})
	if err != nil {
		return 0, "", err
	}
	committed, err := k.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "sluice-delivery-" + stream, Topics: map[string][]int{topicName: all}})
	if err != nil {
		return 0, "", err
	}
	if committed.Error != nil {
		return 0, "", committed.Error
	}
	var has [partitions]int64
	for _, p := range end.Topics[topicName] {
		if p.Error != nil {
			return 0, "", p.Error
		}
		has[p.Partition] = p.LastOffset
	}
	for _, p := range committed.Topics[topicName] {
		if p.Error != nil {
			return 0, "", p.Error
		}
		if left := has[p.Partition] - max(0, p.CommittedOffset); left != 0 { // -1: none yet
			sum += left
			where += fmt.Sprintf(", %s-%d: committed %d of %d", topicName, p.Partition, p.CommittedOffset, has[p.Partition])
		}
	}
	return sum, where, nil
}

func (k *topic) close() error {
	k.transport.CloseIdleConnections()
	return k.process.Close()
}
