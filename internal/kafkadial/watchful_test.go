package kafkadial_test

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/kafkadial"
)

// TestLeaderThatMoved has knowledge that nobody would refresh within the test: the
// attempt that fails does it.
func TestLeaderThatMoved(t *testing.T) {
	const topic, brokers = "t", 3
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	c, err := kafkadial.New(kafkadial.Config{Brokers: cluster.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, request func(client *kafkadial.Client) error) {
		t.Helper()
		client := c.Client(time.Hour, topic)
		defer client.Close()
		if err := request(client); err != nil {
			t.Fatal(what, err)
		}
		next := (cluster.LeaderFor(topic, 0) + 1) % brokers
		if err := cluster.MoveTopicPartition(topic, 0, next); err != nil {
			t.Fatal(err)
		}
		if err := request(client); err == nil {
			t.Errorf("%s: no error by the broker that leads no more", what)
		}
		if err := request(client); err != nil {
			t.Errorf("%s: a second time: %v", what, err)
		}
	}
	f("bounds", func(client *kafkadial.Client) error {
		_, _, err := client.Bounds(t.Context(), topic, 0)
		return err
	})
	f("produce", func(client *kafkadial.Client) error {
		res, err := client.Produce(t.Context(), &kafka.ProduceRequest{
			Topic: topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("x"))}),
		})
		if err != nil {
			return err
		}
		return res.Error
	})
	f("fetch", func(client *kafkadial.Client) error {
		page, err := client.Fetch(t.Context(), topic, 0, 0, 1<<20)
		page.Discard()
		return err
	})
}
