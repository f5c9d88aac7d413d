package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/event"
	"sluice/internal/kafkadial"
)

// Requests that faults are made for, by their numbers in the protocol.
const (
	apiProduce      = 0
	apiFetch        = 1
	apiOffsetCommit = 8
	apiOffsetFetch  = 9
)

// faulty answers an error to requests; to -1 of them until it is removed.
func faulty(api int16, err *kerr.Error, count int) kfake.Fault {
	f := kfake.Fault{Err: err, Count: count}
	f.Keys = with(f.Keys, api)
	return f
}

// with appends to numbers of a type that only another module names.
func with[N ~int16](numbers []N, number int16) []N { return append(numbers, N(number)) }

// TestChaos produces while leaders and coordinators move among three brokers,
// connections are reset, and brokers store what they say they did not. Every event
// is visited once.
func TestChaos(t *testing.T) {
	const parcels, each = 120, 3
	network := &network{open: map[net.Conn]bool{}}
	cluster, d := brokers(t, kfake.NumBrokers(3), kfake.ListenFn(network.listen))
	p := producer(t, d, nil)
	s := consume(t, d, &sink{})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range uint64(parcels) {
		switch r.IntN(8) {
		case 0:
			part := r.Int32N(partitions)
			if err := cluster.MoveTopicPartition(topic, part, (cluster.LeaderFor(topic, part)+1)%3); err != nil {
				t.Fatal(err)
			}
		case 1:
			network.reset()
		case 2:
			cluster.Fault(faulty(apiProduce, kerr.RequestTimedOut, 1+r.IntN(2)))
		case 3:
			cluster.Fault(faulty(apiFetch, kerr.NotLeaderForPartition, 1), faulty(apiOffsetCommit, kerr.CoordinatorLoadInProgress, 1))
		case 4:
			cluster.RehashCoordinators()
		}
		if err := p.Produce(t.Context(), 9, parcel(t, i+1, fmt.Sprint("s", i%5), each, 10)); err != nil {
			t.Fatal(err)
		}
	}
	s.until(parcels * each)
	s.stop()
	s.once(parcels * each)
	if p.Stats().Retries == 0 || s.c.Stats().Duplicates == 0 {
		t.Errorf("nothing happened: %+v, %+v", p.Stats(), s.c.Stats())
	}
}

// TestFencedCommit refuses a commit as that of an old generation: the member
// joins anew, and does not repeat what it visited.
func TestFencedCommit(t *testing.T) {
	cluster, d := brokers(t)
	p := producer(t, d, nil)
	cluster.Fault(faulty(apiOffsetCommit, kerr.IllegalGeneration, 1))
	s := consume(t, d, &sink{})
	for i := range uint64(10) {
		if err := p.Produce(t.Context(), 9, parcel(t, i+1, fmt.Sprint("s", i%5), 2, 10)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "a new generation", func() bool { return s.c.Stats().Rebalances > 1 })
	s.until(20)
	s.stop()
	s.once(20)
}

// TestPausedMember holds a visit, against its context, for longer than the group
// waits. Another member takes over what was not committed; the paused one's commit
// is refused when it wakes, and moves nothing.
func TestPausedMember(t *testing.T) {
	_, d := brokers(t)
	p := producer(t, d, nil)
	paused, resume := make(chan context.Context, partitions), make(chan struct{})
	var once sync.Once
	one := consumeVisiting(t, d, &sink{}, func(s *sink) Visit {
		return func(ctx context.Context, parcels []event.Parcel) error {
			once.Do(func() {
				paused <- ctx
				<-resume
			})
			return s.visit(ctx, parcels)
		}
	})
	if err := p.Produce(t.Context(), 9, parcel(t, 1, "s", 3, 10)); err != nil {
		t.Fatal(err)
	}
	ctx := <-paused
	two := consumeVisiting(t, d, &sink{}, func(s *sink) Visit { return s.visit })
	two.until(3) // what the paused member holds was not committed
	if ctx.Err() == nil {
		t.Error("the paused visit's context goes on")
	}
	if err := p.Produce(t.Context(), 9, parcel(t, 2, "s", 3, 10)); err != nil {
		t.Fatal(err)
	}
	two.until(6)
	close(resume)
	await(t, "the paused visit", func() bool { return one.len() == 3 })
	two.stop()
	if err := p.Produce(t.Context(), 9, parcel(t, 3, "s", 3, 10)); err != nil {
		t.Fatal(err)
	}
	one.until(6) // its own three, and the last three: nothing in between comes back
	one.stop()
	two.once(6)
	if got := one.order[3]; !strings.HasPrefix(got, "s/3/0 ") {
		t.Errorf("the member that was paused goes on with %s", got)
	}
}

// TestGap deletes records that a group did not read. Their partition stops, and is
// never read from elsewhere; the others go on.
func TestGap(t *testing.T) {
	cluster, d := brokers(t)
	p := producer(t, d, nil)
	produce := func(number uint64, stream string) {
		t.Helper()
		if err := p.Produce(t.Context(), 9, parcel(t, number, stream, 1, 10)); err != nil {
			t.Fatal(err)
		}
	}
	streams := oneByPartition()
	for i, stream := range streams {
		produce(uint64(i+1), stream)
	}
	s := consume(t, d, &sink{})
	s.until(partitions)
	s.stop()
	for i := range uint64(5) {
		produce(10+i, streams[0])
	}
	if err := cluster.DeleteRecords(topic, 0, 3); err != nil {
		t.Fatal(err)
	}
	s = consume(t, d, &sink{})
	await(t, "the gap to be noticed", func() bool { return s.c.Stats().Gaps == 1 })
	produce(20, streams[1])
	produce(21, streams[2])
	s.until(2)
	errors := s.c.Stats().Errors
	await(t, "the stopped partition to be tried again", func() bool { return s.c.Stats().Errors > errors+1 })
	s.stop()
	s.once(2)
	if s.c.Stats().Gaps != 1 || s.c.Stats().Stalls != 0 {
		t.Errorf("one gap became %+v", s.c.Stats())
	}
}

// oneByPartition is log streams that go to the partitions 0, 1 and 2.
func oneByPartition() []string {
	e := encoder{partitions: partitions}
	streams := make([]string, partitions)
	for i := 0; slices.Contains(streams, ""); i++ {
		stream := fmt.Sprint("stream", i)
		e.to([]byte("000000000000/us-east-1//g/" + stream))
		streams[e.partition] = stream
	}
	return streams
}

// TestStall has brokers answer no fetch for longer than lag may stand still. The
// member joins anew, and says so.
func TestStall(t *testing.T) {
	cluster, d := brokers(t)
	down := cluster.Fault(faulty(apiFetch, kerr.NotLeaderForPartition, -1))
	p := producer(t, d, nil)
	if err := p.Produce(t.Context(), 9, parcel(t, 1, "s", 3, 10)); err != nil {
		t.Fatal(err)
	}
	s := consumeWith(t, ConsumerConfig{Cluster: d, Topic: topic, StallTimeout: 100 * time.Millisecond}, &sink{})
	await(t, "the stall to be noticed", func() bool { return s.c.Stats().Stalls > 0 })
	down.Remove()
	s.until(3)
	s.stop()
	s.once(3)
}

// TestAnswersWithoutRecordsAreNoMove is the stall that no error tells of.
func TestAnswersWithoutRecordsAreNoMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Consumer{cfg: ConsumerConfig{StallTimeout: time.Minute}}
		l := &lane{m: &consumerMember{c: c}}
		f := func(next, end int64, busy, stalled bool) {
			t.Helper()
			l.at(next, end, busy)
			time.Sleep(40 * time.Second)
			if got := l.stalled(end); got != stalled {
				t.Errorf("at %d of %d, busy %t: stalled is %t", next, end, busy, got)
			}
		}
		f(0, 5, false, true)  // never moved
		f(3, 5, false, false) // moved
		f(3, 5, false, true)  // an answer without records
		f(3, 9, false, true)
		f(3, 9, true, false) // a visit
		f(3, 9, true, false)
		f(9, 9, false, false)
		f(9, 9, false, false) // nothing to do
		f(9, 9, false, false)
		f(9, 10, false, true) // came, and is not answered: 80 s since
	})
}

// TestUnauthorized puts the records of a topic that nobody may write to aside,
// whole, each with its reason.
func TestUnauthorized(t *testing.T) {
	cluster, d := brokers(t)
	p := producer(t, d, func(c *ProducerConfig) { c.DeadLetterTopic, c.Payload = deadLetter, CloudWatchJSON })
	denied := faulty(apiProduce, kerr.TopicAuthorizationFailed, -1)
	denied.Topic = topic
	cluster.Fault(denied)
	if err := p.Produce(t.Context(), 9, parcel(t, 1, "s", 100, 100), parcel(t, 2, "s", 1, 10)); err != nil {
		t.Fatal(err)
	}
	found := 0
	for part := range partitions {
		eachRecord(t, d, deadLetter, part, func(value string, headers map[string]string) {
			found++
			if !strings.HasSuffix(value, "]}") || !strings.Contains(headers[errorHeader], "Authorization") || headers[filterHeader] != "errors" {
				t.Errorf("dead letter of %d bytes, %q", len(value), headers)
			}
		})
	}
	if found != 2 || p.Stats().DeadLetters != 2 {
		t.Errorf("%d dead letters, %+v", found, p.Stats())
	}
}

// eachRecord visits what a partition holds.
func eachRecord(t *testing.T, d *kafkadial.Cluster, topic string, partition int, visit func(value string, headers map[string]string)) {
	t.Helper()
	client := d.Client(time.Second, topic)
	defer client.Close()
	_, end, err := client.Bounds(t.Context(), topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	if end == 0 {
		return
	}
	page, err := client.Fetch(t.Context(), topic, partition, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Discard()
	if _, err := page.Each(0, func(r *protocol.Record) error {
		value, err := protocol.ReadAll(r.Value)
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		visit(string(value), headers)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedOnItsWay finds a wrong checksum twice: the record is sent again and
// not put aside.
func TestDamagedOnItsWay(t *testing.T) {
	cluster, d := brokers(t)
	p := producer(t, d, func(c *ProducerConfig) { c.DeadLetterTopic = deadLetter })
	cluster.Fault(faulty(apiProduce, kerr.CorruptMessage, 2))
	if err := p.Produce(t.Context(), 9, parcel(t, 1, "s", 3, 10)); err != nil {
		t.Fatal(err)
	}
	if got := p.Stats(); got.DeadLetters != 0 || got.Retries != 2 {
		t.Errorf("%+v", got)
	}
	s := consume(t, d, &sink{})
	s.until(3)
	s.stop()
	s.once(3)
}

// TestMarksSurviveAMovedCoordinator refuses to tell the committed offset and what
// was seen below it. What is stored twice is still visited once.
func TestMarksSurviveAMovedCoordinator(t *testing.T) {
	cluster, d := brokers(t)
	p := producer(t, d, nil)
	one := parcel(t, 1, "s", 3, 10)
	if err := p.Produce(t.Context(), 9, one); err != nil {
		t.Fatal(err)
	}
	s := consume(t, d, &sink{})
	s.until(3)
	s.stop()
	fault := faulty(apiOffsetFetch, kerr.NotCoordinator, 3)
	fault.TopLevel = true
	moved := cluster.Fault(fault)
	if err := p.Produce(t.Context(), 9, one, parcel(t, 2, "s", 3, 10)); err != nil {
		t.Fatal(err)
	}
	s = consume(t, d, s)
	s.until(6)
	s.stop()
	s.once(6)
	if moved.Hits() != 3 {
		t.Errorf("%d requests were refused", moved.Hits())
	}
}
