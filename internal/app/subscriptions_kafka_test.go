package app_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// TestKafkaAsDestination sends matches to a topic and reads them there.
func TestKafkaAsDestination(t *testing.T) {
	const arn = "arn:aws:kinesis:us-east-1:000000000000:stream/audit"
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) {
		c.Pipelines.DeliveryStreams = nil
		c.Pipelines.SubscriptionFilters[0].DestinationARN = arn
		c.Destinations.Kafka = []app.KafkaDestination{{ARN: arn, Brokers: cluster.ListenAddrs(), Topic: "audit", Payload: "raw"}}
	})
	var want []string
	for _, m := range []string{"ERROR a", "ERROR b", "ERROR c"} {
		want = append(want, m)
		if !p.put("s0", m, "INFO") {
			t.Fatal("put")
		}
	}
	p.until("everything is delivered", func() bool { return p.metric("sluice_destination_delivered_events_total") == 3 })
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("audit"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	for len(got) < len(want) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if !slices.Equal(got, want) { // one log stream: one partition, in order
		t.Errorf("got %v", got)
	}
}
