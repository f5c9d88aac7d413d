//go:build integration

package kafka

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/internal/event"
	"sluice/internal/kafkabroker"
	"sluice/internal/kafkadial"
)

// TestBroker runs against a real broker.
func TestBroker(t *testing.T) {
	b := kafkabroker.Start(t, nil)
	d, err := kafkadial.New(kafkadial.Config{Brokers: []string{b.Address()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, *kafkabroker.Broker, *kafkadial.Cluster)
	}{
		{"reads every codec", testCodecs},
		{"shares partitions", testShares},
		{"silent", testSilent},
		{"killed under load", testKilled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, b, d) })
	}
}

// testCodecs has a real broker check the batches that are made
// here, by each codec, and hand them out again.
func testCodecs(t *testing.T, b *kafkabroker.Broker, d *kafkadial.Cluster) {
	for codec, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		b.CreateTopic(name, partitions)
		p := producer(t, d, func(c *ProducerConfig) { c.Topic, c.Compression = name, kafka.Compression(codec) })
		var parcels []event.Parcel
		for i := range uint64(12) {
			parcels = append(parcels, parcel(t, i+1, fmt.Sprint("s", i%5), 200, 900))
		}
		if err := p.Produce(t.Context(), 9, parcels...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := p.Produce(t.Context(), 9, parcels[:4]...); err != nil { // duplicates
			t.Fatalf("%s: %v", name, err)
		}
		s := consumeFrom(t, d, name, &sink{})
		s.until(2400)
		s.stop()
		s.once(2400)
		t.Logf("%s: %+v", name, s.c.Stats())
		kcatReads(t, b.Address(), name, 16)
	}
}

// kcatReads counts a topic's records by an independent client, which checks the
// batches and undoes their codec.
func kcatReads(t *testing.T, broker, topic string, want int) {
	t.Helper()
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Log("kcat is not installed:", err)
		return
	}
	command := exec.CommandContext(t.Context(), kcat, "-C", "-b", broker, "-t", topic, "-o", "beginning", "-e", "-q", "-X", "check.crcs=true", "-f", "%S %h\\n")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("kcat: %v: %s", err, out)
	}
	if got := strings.Count(string(out), originHeader+"="); got != want {
		t.Errorf("kcat read %d records of %s, want %d", got, topic, want)
	}
}

// testKilled kills the broker several times between requests and
// inside them. Produce never fails for it, and what was produced is visited once.
func testKilled(t *testing.T, b *kafkabroker.Broker, d *kafkadial.Cluster) {
	const kills, each = 2, 150
	b.CreateTopic("killed", partitions)
	p := producer(t, d, func(c *ProducerConfig) { c.Topic, c.Compression = "killed", kafka.Zstd })
	s := consumeFrom(t, d, "killed", &sink{})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()

	var wg sync.WaitGroup
	defer wg.Wait()
	reached := make(chan struct{})
	wg.Go(func() {
		defer close(reached)
		for i := range uint64((kills + 1) * each) {
			if i%each == each/2 && i/each < kills {
				reached <- struct{}{}
			}
			if err := p.Produce(ctx, 9, parcel(t, i+1, fmt.Sprint("s", i%7), 20, 200)); err != nil {
				t.Errorf("parcel %d: %v", i+1, err)
				return
			}
		}
	})
	for range reached {
		b.Kill()
		b.Restart()
	}
	s.until((kills + 1) * each * 20)
	s.stop()
	s.once((kills + 1) * each * 20)
	t.Logf("producer %+v, consumer %+v", p.Stats(), s.c.Stats())
	if p.Stats().Retries == 0 {
		t.Error("no request was tried again: the kills did not matter")
	}
}

// testShares has two members of a group share the partitions, and one take
// all when the other left, with a real coordinator.
func testShares(t *testing.T, b *kafkabroker.Broker, d *kafkadial.Cluster) {
	const topicPartitions, n = 4, 400
	b.CreateTopic("shared", topicPartitions)
	p := producer(t, d, func(c *ProducerConfig) { c.Topic, c.Payload = "shared", Raw })
	number := uint64(0)
	send := func() {
		for range n {
			number++
			if err := p.Produce(t.Context(), 9, parcel(t, number, fmt.Sprint("s", number%32), 1, 20)); err != nil {
				t.Fatal(err)
			}
		}
	}
	one, two := consumeFrom(t, d, "shared", &sink{}), consumeFrom(t, d, "shared", &sink{})
	shared := func() bool { return one.c.assigned.Load() == 2 && two.c.assigned.Load() == 2 }
	await(t, "both members to have half the partitions", shared)
	send()
	await(t, "all to be visited", func() bool { return one.len()+two.len() == n })
	if one.len() == 0 || two.len() == 0 {
		t.Errorf("one member visited %d, the other %d", one.len(), two.len())
	}
	one.stop()
	send()
	await(t, "the one that stayed to visit the rest", func() bool { return one.len()+two.len() == 2*n })
	two.stop()
	for m, times := range one.seen {
		two.seen[m] += times
	}
	two.once(2 * n)
}

// testSilent stops the broker's process without closing its connections:
// requests time out, and go on where they were.
func testSilent(t *testing.T, b *kafkabroker.Broker, d *kafkadial.Cluster) {
	b.CreateTopic("silent", partitions)
	p := producer(t, d, func(c *ProducerConfig) { c.Topic, c.Timeout = "silent", time.Second })
	s := consumeFrom(t, d, "silent", &sink{})
	if err := p.Produce(t.Context(), 9, parcel(t, 1, "s", 2, 20)); err != nil {
		t.Fatal(err)
	}
	s.until(2)
	b.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := p.Produce(ctx, 9, parcel(t, 2, "s", 2, 20)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("produce to a broker that is silent: %v, want the context's error", err)
	}
	b.Resume()
	if err := p.Produce(t.Context(), 9, parcel(t, 2, "s", 2, 20), parcel(t, 3, "s", 2, 20)); err != nil {
		t.Fatal(err)
	}
	s.until(6)
	s.stop()
	s.once(6)
	t.Logf("producer %+v, consumer %+v", p.Stats(), s.c.Stats())
}
