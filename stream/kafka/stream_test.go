package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"sluice/internal/event"
	"sluice/internal/kafkadial"
	"sluice/internal/kafkatest"
)

func TestMain(m *testing.M) {
	if serveBroker() {
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	topic      = "matches"
	deadLetter = "dead"
	partitions = 3
)

func brokers(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, *kafkadial.Cluster) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic, deadLetter), kfake.GroupMinSessionTimeout(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Cleanup(kafkatest.Expire(c)) // connections end while members join
	d, err := kafkadial.New(kafkadial.Config{Brokers: c.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

var quiet = slog.New(slog.DiscardHandler)

func producer(t testing.TB, d *kafkadial.Cluster, change func(*ProducerConfig)) *Producer {
	t.Helper()
	cfg := ProducerConfig{Cluster: d, Topic: topic, Payload: Batch, Logger: quiet}
	if change != nil {
		change(&cfg)
	}
	p, err := NewProducer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// delivery is n events of a log stream.
func delivery(t testing.TB, number uint64, stream string, n, size int) event.Delivery {
	t.Helper()
	b := event.GetBuilder(n * (size + 40))
	defer b.Release()
	for i := range n {
		if err := b.Append(1_700_000_000_000+int64(i), fmt.Appendf(nil, "%s/%d/%d %s", stream, number, i, strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := b.Seal(event.Header{Request: number, StreamUID: 7}, event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: "/g", LogStream: stream})
	if err != nil {
		t.Fatal(err)
	}
	record, err := event.AppendSelected(nil, batch, nil)
	if err != nil {
		t.Fatal(err)
	}
	if batch, err = event.Open(record); err != nil {
		t.Fatal(err)
	}
	return event.Delivery{Batch: batch, Filter: "errors", Position: event.Position{Number: number}}
}

func parcel(t testing.TB, number uint64, stream string, n, size int) event.Parcel {
	d := delivery(t, number, stream, n, size)
	return event.Parcel{Position: d.Position, Arrived: 1, Deliveries: []event.Delivery{d}}
}

// sink is a consumer's downstream: it keeps messages and counts them.
type sink struct {
	t    testing.TB
	c    *Consumer
	stop func()

	mu    sync.Mutex // guards the fields below
	seen  map[string]int
	order []string
	fail  int // visits to fail after they did their work
}

func consume(t testing.TB, d *kafkadial.Cluster, s *sink) *sink { return consumeFrom(t, d, topic, s) }

func consumeFrom(t testing.TB, d *kafkadial.Cluster, topic string, s *sink) *sink {
	t.Helper()
	return consumeWith(t, ConsumerConfig{Cluster: d, Topic: topic}, s)
}

// consumeWith starts a member of the group g.
func consumeWith(t testing.TB, cfg ConsumerConfig, s *sink) *sink {
	t.Helper()
	cfg.GroupID, cfg.Logger = "g", quiet
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 10 * time.Second // a busy machine is no dead member
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = 10 * time.Second
	}
	c, err := NewConsumer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s.run(t, c, s.visit)
}

// consumeVisiting is consume with a visitor of its own around the sink.
func consumeVisiting(t testing.TB, d *kafkadial.Cluster, s *sink, visitor func(*sink) Visit) *sink {
	t.Helper()
	c, err := NewConsumer(ConsumerConfig{Cluster: d, Topic: topic, GroupID: "g", SessionTimeout: time.Second, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return s.run(t, c, visitor(s))
}

func (s *sink) run(t testing.TB, c *Consumer, visit Visit) *sink {
	s.t, s.c = t, c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, visit) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *sink) visit(_ context.Context, parcels []event.Parcel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		return errors.New("downstream is down")
	}
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	for _, p := range parcels {
		for _, d := range p.Deliveries {
			for i := range d.Batch.Len() {
				s.add(string(d.Batch.Message(i)))
			}
		}
		for _, r := range p.Records {
			s.add(string(r))
		}
	}
	return nil
}

func (s *sink) add(message string) {
	s.seen[message]++
	s.order = append(s.order, message)
}

func (s *sink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.order)
}

func (s *sink) until(n int) {
	s.t.Helper()
	await(s.t, fmt.Sprintf("%d messages", n), func() bool { return s.len() >= n })
}

// await returns when something holds that no channel tells of.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

// once wants each message one time.
func (s *sink) once(n int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for m, times := range s.seen {
		if times != 1 {
			s.t.Errorf("%.40s was visited %d times", m, times)
		}
	}
	if len(s.seen) != n {
		s.t.Errorf("%d different messages, want %d", len(s.seen), n)
	}
}

func TestBatchesComeBack(t *testing.T) {
	f := func(codec kafka.Compression) {
		t.Helper()
		_, d := brokers(t)
		p := producer(t, d, func(c *ProducerConfig) { c.Compression = codec })
		var parcels []event.Parcel
		for i := range uint64(30) {
			parcels = append(parcels, parcel(t, i+1, fmt.Sprint("s", i%5), 20, 50))
		}
		if err := p.Produce(t.Context(), 9, parcels...); err != nil {
			t.Fatal(err)
		}
		s := consume(t, d, &sink{})
		s.until(600)
		s.stop()
		s.once(600)
		// Order is kept within a log stream.
		last := map[string]string{}
		for _, m := range s.order {
			var stream string
			var number, index int
			if _, err := fmt.Sscanf(strings.ReplaceAll(m, "/", " "), "%s %d %d", &stream, &number, &index); err != nil {
				t.Fatal(err)
			}
			at := fmt.Sprintf("%06d/%06d", number, index)
			if at <= last[stream] {
				t.Errorf("%s of %s after %s", at, stream, last[stream])
			}
			last[stream] = at
		}
	}
	f(0)
	f(kafka.Gzip)
	f(kafka.Snappy)
	f(kafka.Lz4)
	f(kafka.Zstd)
}

func TestPayloads(t *testing.T) {
	f := func(payload Payload, records int, check func(value string)) {
		t.Helper()
		_, d := brokers(t)
		p := producer(t, d, func(c *ProducerConfig) { c.Payload = payload })
		one := parcel(t, 1, "s", 3, 5)
		one.Deliveries[0].Selection = event.Selection{0, 2}
		if err := p.Produce(t.Context(), 9, one); err != nil {
			t.Fatal(err)
		}
		s := consume(t, d, &sink{})
		s.until(records)
		s.stop()
		s.once(records)
		check(s.order[0])
	}
	contains := func(value string) {
		if !strings.Contains(value, `"messageType":"DATA_MESSAGE"`) || strings.Count(value, `"message":`) != 2 {
			t.Errorf("document %s", value)
		}
	}
	f(CloudWatchJSON, 1, contains)
	f(CloudWatchGzip, 1, func(value string) {
		zr, err := gzip.NewReader(strings.NewReader(value))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(zr)
		if err != nil {
			t.Fatal(err)
		}
		contains(string(text))
	})
	f(Raw, 2, func(value string) {
		if value != "s/1/0 xxxxx" {
			t.Errorf("message %q", value)
		}
	})
	f(Batch, 2, func(value string) {
		if value != "s/1/0 xxxxx" {
			t.Errorf("message %q", value)
		}
	})
}

// TestAmbiguousAnswers lets the broker store requests and answer that it did not,
// and the caller give everything again, also across consumers.
func TestAmbiguousAnswers(t *testing.T) {
	cluster, d := brokers(t)
	p := producer(t, d, nil)
	lost := kfake.Fault{Count: 3, Err: requestTimedOut()}
	lost.Keys = append(lost.Keys, 0)
	cluster.Fault(lost)
	var parcels []event.Parcel
	for i := range uint64(20) {
		parcels = append(parcels, parcel(t, i+1, fmt.Sprint("s", i%5), 2, 20))
	}
	if err := p.Produce(t.Context(), 9, parcels[:12]...); err != nil {
		t.Fatal(err)
	}
	if p.Stats().Retries == 0 {
		t.Error("no request was tried again: the fault did not happen")
	}
	s := consume(t, d, &sink{})
	s.until(24)
	s.stop()
	duplicates := s.c.Stats().Duplicates
	if duplicates == 0 {
		t.Error("no duplicate was stored: the fault did not happen")
	}
	// A producer that crashed sends again from the start; another consumer goes on.
	again := producer(t, d, nil)
	if err := again.Produce(t.Context(), 9, parcels...); err != nil {
		t.Fatal(err)
	}
	next := consume(t, d, &sink{seen: s.seen, order: s.order})
	next.until(40)
	next.stop()
	next.once(40)
	if next.c.Stats().Duplicates != 12 {
		t.Errorf("%d duplicates were passed over, want 12", next.c.Stats().Duplicates)
	}
}

func TestFailedVisitComesAgain(t *testing.T) {
	_, d := brokers(t)
	p := producer(t, d, nil)
	for i := range uint64(10) {
		if err := p.Produce(t.Context(), 9, parcel(t, i+1, "s", 3, 10)); err != nil {
			t.Fatal(err)
		}
	}
	s := consume(t, d, &sink{fail: 3})
	s.until(30)
	s.stop()
	s.once(30)
}

// TestMembers hands partitions from one consumer to another and back.
func TestMembers(t *testing.T) {
	_, d := brokers(t)
	p := producer(t, d, nil)
	n := uint64(0)
	send := func() {
		for range 15 {
			n++
			if err := p.Produce(t.Context(), 9, parcel(t, n, fmt.Sprint("s", n%7), 2, 10)); err != nil {
				t.Fatal(err)
			}
		}
	}
	send()
	one := consume(t, d, &sink{})
	one.until(30)
	two := consume(t, d, &sink{})
	await(t, "the second member", func() bool { return two.c.Stats().Rebalances > 0 })
	send()
	total := func() int { return one.len() + two.len() }
	await(t, "60 messages", func() bool { return total() >= 60 })
	one.stop()
	send()
	await(t, "90 messages", func() bool { return total() >= 90 })
	two.stop()
	for m, times := range one.seen {
		two.seen[m] += times
	}
	two.once(90)
}

func TestLargeBatchesAreSplit(t *testing.T) {
	_, d := brokers(t)
	p := producer(t, d, nil)
	if err := p.Produce(t.Context(), 9, parcel(t, 1, "s", 5000, 1000)); err != nil {
		t.Fatal(err)
	}
	if p.Stats().Records < 5 {
		t.Errorf("5 MB in %d records", p.Stats().Records)
	}
	s := consume(t, d, &sink{})
	s.until(5000)
	s.stop()
	s.once(5000)
}

func TestPermanentErrors(t *testing.T) {
	_, d := brokers(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "10000"}))
	large, small := parcel(t, 1, "s", 1, 20_000), parcel(t, 2, "s", 1, 10)
	bare := producer(t, d, nil)
	var permanent *PermanentError
	if err := bare.Produce(t.Context(), 9, large); !errors.As(err, &permanent) || permanent.Origin.First != 1 {
		t.Errorf("without a dead-letter topic: %v", err)
	}
	p := producer(t, d, func(c *ProducerConfig) { c.DeadLetterTopic = deadLetter })
	if err := p.Produce(t.Context(), 9, large, small); err != nil {
		t.Fatal(err)
	}
	if got := p.Stats(); got.DeadLetters != 1 || got.Records != 1 {
		t.Errorf("%+v, want one dead letter and one record", got)
	}
	s := consume(t, d, &sink{})
	s.until(1)
	s.stop()
	s.once(1)
}

func TestLeaderMoves(t *testing.T) {
	cluster, d := brokers(t, kfake.NumBrokers(3))
	p := producer(t, d, nil)
	s := consume(t, d, &sink{})
	for i := range uint64(20) {
		if err := p.Produce(t.Context(), 9, parcel(t, i+1, fmt.Sprint("s", i%5), 2, 10)); err != nil {
			t.Fatal(err)
		}
		if i%5 == 4 {
			for part := range int32(partitions) {
				if err := cluster.MoveTopicPartition(topic, part, (cluster.LeaderFor(topic, part)+1)%3); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	s.until(40)
	s.stop()
	s.once(40)
}

func TestAnEndedContextEndsProduce(t *testing.T) {
	cluster, d := brokers(t)
	p := producer(t, d, nil)
	f := kfake.Fault{Count: -1, Err: requestTimedOut()}
	f.Keys = append(f.Keys, 0)
	cluster.Fault(f)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := p.Produce(ctx, 9, parcel(t, 1, "s", 1, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
}

// TestPartitionsThatComeWhileTheGroupBegins: what came after partitions were handed
// out, and before anybody looked for more, is somebody's all the same.
func TestPartitionsThatComeWhileTheGroupBegins(t *testing.T) {
	c, d := brokers(t)
	grown := kafkatest.Grow(c, topic, partitions+2)
	s := consume(t, d, &sink{t: t})
	if err := <-grown; err != nil {
		t.Fatal(err)
	}
	await(t, "all partitions", func() bool { return s.c.Stats().Partitions == partitions+2 })
}
