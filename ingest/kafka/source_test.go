package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/ingest/kafka"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/kafkatest"
)

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestRecordsBecomeEvents(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	p.many("a", 1000, 3)
	s := w.source(nil).run()
	allStored(t, 3000, s)
	p.many("b", 10, 3)
	for i := range 3 {
		until(t, "offsets are committed", func() bool { return p.committed(i) == 1010 })
	}
	status := s.Status()
	equal(t, "partitions", len(status.Partitions), 3)
	for _, p := range status.Partitions {
		equal(t, "lag", p.Lag(), 0)
		equal(t, "condition", p.Condition, kafka.Reading)
	}
	s.stop()
	equal(t, "records", s.Status().Records(), 3030)
	equal(t, "events", s.Status().Events, 3030)
	equal(t, "buffer", s.Status().BufferBytes, 0)
	for partition := range 3 {
		all := w.stored(logGroup, fmt.Sprintf("%s-%d", topic, partition))
		equal(t, "messages", len(all), 1010)
	}
	g, _ := w.catalog.Group(scope, logGroup)
	st, _ := w.catalog.Stream(g.UID, topic+"-0")
	stats, _ := w.store.StreamStats(st.UID)
	equal(t, "first timestamp", stats.First, earlyTime)
}

// TestCodecs reads what each codec wrote.
func TestCodecs(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	for i, codec := range []segmentio.Compression{0, segmentio.Gzip, segmentio.Snappy, segmentio.Lz4, segmentio.Zstd} {
		var records []segmentio.Record
		for n := range 100 {
			m := fmt.Sprintf("c/%06d", 100*i+n)
			p.sent[m] = 1
			records = append(records, segmentio.Record{Value: segmentio.NewBytes([]byte(m))})
		}
		res, err := p.client.Produce(t.Context(), &segmentio.ProduceRequest{
			Topic: topic, Partition: 1, RequiredAcks: segmentio.RequireAll, Records: segmentio.NewRecordReader(records...), Compression: codec,
		})
		if err != nil || res.Error != nil {
			t.Fatal(err, res)
		}
	}
	s := w.source(nil).run()
	allStored(t, 500, s)
	p.ledger(w)
}

// TestCrashBeforeTheCommit loses the machine when all is durable and nothing
// committed.
func TestCrashBeforeTheCommit(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	p.many("a", 500, 3)
	refused := refuseCommits(cluster)
	first := w.source(nil).run()
	allStored(t, 1500, first)
	after := w.crash()
	first.stop()
	refused.Remove()
	equal(t, "committed", p.committed(0), -1)

	p.many("b", 20, 3)
	second := after.source(nil).run()
	allStored(t, 60, second)
	for i := range 3 {
		until(t, "offsets are committed", func() bool { return p.committed(i) == 520 })
	}
	second.stop()
	sorted := *p
	sorted.sent = nil
	for partition := range 3 {
		all := after.stored(logGroup, fmt.Sprintf("%s-%d", topic, partition))
		equal(t, "messages", len(all), 520)
		slices.Sort(all)
		equal(t, "different messages", len(slices.Compact(all)), 520)
	}

	// The same with offsets that were committed before: they count as stored.
	refused = refuseCommits(cluster)
	p.many("c", 7, 3)
	third := after.source(nil).run()
	allStored(t, 21, third)
	last := after.crash()
	third.stop()
	refused.Remove()
	fourth := last.source(nil).run()
	for i := range 3 {
		until(t, "offsets are committed", func() bool { return p.committed(i) == 520 || p.committed(i) == 527 })
	}
	until(t, "marks are looked at", func() bool { return fourth.Status().AlreadyStored == 21 })
	equal(t, "stored again", sum(fourth), 0)
}

// refuseCommits makes every offset commit fail.
func refuseCommits(c *kfake.Cluster) *kfake.FaultHandle {
	f := kfake.Fault{Count: -1}
	f.Keys = append(f.Keys, 8)
	return c.Fault(f)
}

// TestMembers shares partitions between two processes, each with a log of its own.
func TestMembers(t *testing.T) {
	cluster := brokers(t)
	one, two, p := newWorld(t, cluster), newWorld(t, cluster), newProducer(t, cluster)
	first := one.source(nil).run()
	p.many("a", 300, 3)
	allStored(t, 900, first)
	second := two.source(nil).run()
	until(t, "both have partitions", func() bool {
		return len(first.Status().Partitions) > 0 && len(second.Status().Partitions) > 0
	})
	p.many("b", 300, 3)
	allStored(t, 1800, first, second)
	second.stop()
	p.many("c", 300, 3)
	allStored(t, 2700, first, second)
	first.stop()
	if sum(second) == 0 {
		t.Error("the second member read nothing")
	}
	for i := range 3 {
		equal(t, "committed", p.committed(i), 900)
	}
	ledgerOfAll(t, p, one, two)
}

// ledgerOfAll wants each message once, whatever the order of logs.
func ledgerOfAll(t *testing.T, p *producer, worlds ...*world) {
	t.Helper()
	seen := map[string]int{}
	for _, w := range worlds {
		for partition := range 3 {
			for _, m := range w.stored(logGroup, fmt.Sprintf("%s-%d", topic, partition)) {
				seen[m]++
			}
		}
	}
	for m := range p.sent {
		if seen[m] != 1 {
			t.Errorf("%s is there %d times", m, seen[m])
		}
	}
	equal(t, "messages", len(seen), len(p.sent))
}

// gate is a clock that holds whoever asks for the time while it is shut.
type gate struct {
	clock.Real
	mu     sync.Mutex
	held   atomic.Int32
	closed atomic.Bool
}

func (g *gate) Now() time.Time {
	if g.closed.Load() {
		g.held.Add(1)
		g.mu.Lock()
		defer g.mu.Unlock()
	}
	return g.Real.Now()
}

// TestZombie stops a member with records in hand until the group has gone on
// without it. It must not store them when it wakes up.
func TestZombie(t *testing.T) {
	cluster := brokers(t)
	one, two, p := newWorld(t, cluster), newWorld(t, cluster), newProducer(t, cluster)
	stopped := &gate{}
	zombie := one.source(func(c *kafka.Config, l *kafka.Links) {
		l.Clock = stopped
		c.SessionTimeout, c.CommitInterval = 400*time.Millisecond, time.Hour
	})
	zombie.SetHeartbeat(time.Hour) // it does not hear of the new generation
	zombie.run()
	until(t, "it is a member", func() bool { return len(zombie.Status().Partitions) == 3 })
	until(t, "it has begun", func() bool {
		for _, s := range zombie.Status().Partitions {
			if s.Next < 0 {
				return false
			}
		}
		return true
	})
	stopped.mu.Lock()
	stopped.closed.Store(true)
	p.many("a", 50, 3)
	until(t, "it has records in hand", func() bool { return stopped.held.Load() >= 3 })

	second := two.source(nil).run()
	allStored(t, 150, second)
	stopped.closed.Store(false)
	stopped.mu.Unlock()
	until(t, "it joins again", func() bool { return zombie.Status().Rebalances > 1 })
	p.many("b", 50, 3)
	allStored(t, 300, zombie, second)
	zombie.stop()
	second.stop()
	ledgerOfAll(t, p, one, two)
}

func TestLeaderMoves(t *testing.T) {
	cluster := brokers(t, kfake.NumBrokers(3))
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	s := w.source(nil).run()
	for round := range 6 {
		p.many(fmt.Sprint("r", round), 50, 3)
		for i := range int32(3) {
			to := (cluster.LeaderFor(topic, i) + 1) % 3
			if err := cluster.MoveTopicPartition(topic, i, to); err != nil {
				t.Fatal(err)
			}
		}
		if round == 3 {
			cluster.RehashCoordinators()
		}
	}
	allStored(t, 900, s)
	s.stop()
	ledgerOfAll(t, p, w)
}

func TestBrokerRestarts(t *testing.T) {
	dir := t.TempDir()
	start := func(ports ...int) *kfake.Cluster {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topic), kfake.DataDir(dir), kfake.SyncWrites(),
			kfake.GroupMinSessionTimeout(50*time.Millisecond), kfake.Ports(ports...))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	cluster := start(0)
	var port int
	if _, err := fmt.Sscanf(cluster.ListenAddrs()[0], "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	s := w.source(nil).run()
	p.many("a", 200, 3)
	until(t, "some is stored", func() bool { return sum(s) > 0 })
	cluster.Close()
	cluster = start(port)
	defer func() { cluster.Close() }()
	p.many("b", 200, 3)
	allStored(t, 1200, s)
	s.stop()
	ledgerOfAll(t, p, w)
}

// refusing is a log that takes nothing while it is told to.
type refusing struct {
	kafka.Appender
	refuse atomic.Bool
	asked  atomic.Int32
}

func (r *refusing) Append(ctx context.Context, b event.Batch) (event.Position, error) {
	r.asked.Add(1)
	if r.refuse.Load() {
		return event.Position{}, errors.New("no space left on device")
	}
	return r.Appender.Append(ctx, b)
}

func TestBackPressure(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	log := &refusing{Appender: w.store}
	log.refuse.Store(true)
	p.many("a", 300, 3)
	s := w.source(func(_ *kafka.Config, l *kafka.Links) { l.Appender = log }).run()
	until(t, "partitions wait", func() bool {
		waiting := 0
		for _, p := range s.Status().Partitions {
			if p.Condition == kafka.Waiting && p.Lag() == 300 {
				waiting++
			}
		}
		return waiting == 3 && log.asked.Load() > 6
	})
	equal(t, "committed", p.committed(0) <= 0, true)
	log.refuse.Store(false)
	allStored(t, 900, s)
	s.stop()
	p.ledger(w)
}

// TestBudgetIsGivenBack: after a burst a partition keeps what it fetched with for as
// long only as brokers answer soon, and then asks for little and waits.
func TestBudgetIsGivenBack(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	var burst, long atomic.Int64
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		f := r.(*kmsg.FetchRequest)
		switch {
		case f.MaxBytes > 64<<10 && f.MaxWaitMillis > 500:
			t.Errorf("a fetch of %d bytes waits %d ms", f.MaxBytes, f.MaxWaitMillis)
		case f.MaxBytes > 64<<10:
			burst.Add(1)
		case burst.Load() > 0 && f.MaxWaitMillis > 500:
			long.Add(1)
		}
		return nil, nil, false
	})
	p.send(0, strings.Repeat("x", 200<<10))
	s := w.source(nil).run()
	until(t, "the partition rests again", func() bool { return burst.Load() > 0 && long.Load() > 0 })
	s.stop()
}

func TestOddValues(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	large := strings.Repeat("äöü", 1000) // 6,000 bytes
	value := func(v string) segmentio.Record {
		return segmentio.Record{Value: segmentio.NewBytes([]byte(v)), Time: time.UnixMilli(earlyTime)}
	}
	p.produce(0, value("first"), segmentio.Record{Key: segmentio.NewBytes([]byte("tombstone"))}, value(""),
		value("bad \xff\xfe utf-8"), value(large), value("line\nfeed"), value("last"))
	s := w.source(func(c *kafka.Config, _ *kafka.Links) { c.MaxMessageBytes = 1025 }).run()
	until(t, "all is read", func() bool { return s.Status().Records() == 7 })
	s.stop()
	status := s.Status()
	equal(t, "empty", status.Empty, 2)
	equal(t, "repaired", status.InvalidUTF8, 1)
	equal(t, "events", status.Events, 10)
	all := w.stored(logGroup, topic+"-0")
	equal(t, "messages", len(all), 10)
	equal(t, "first", all[0], "first")
	equal(t, "repaired", all[1], "bad \uFFFD utf-8")
	equal(t, "parts", strings.Join(all[2:8], ""), large)
	equal(t, "a part", len(all[2]), 1024)
	equal(t, "with a line feed", all[8], "line\nfeed")
	equal(t, "last", all[9], "last")
	equal(t, "committed", p.committed(0), 7)
}

func TestQuarantine(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	large := strings.Repeat("x", 5000)
	p.send(0, "a/1", "a/2")
	p.produce(0, segmentio.Record{Value: segmentio.NewBytes([]byte(large)), Time: time.UnixMilli(earlyTime)})
	p.send(0, "a/3")
	refused := refuseCommits(cluster)
	keep := func(c *kafka.Config, _ *kafka.Links) {
		c.Oversize, c.MaxMessageBytes, c.QuarantineBytes = "quarantine", 1024, 6
	}
	s := w.source(keep).run()
	until(t, "all is read", func() bool { return s.Status().Records() == 4 })
	after := w.crash()
	s.stop()
	refused.Remove()
	p.send(0, "a/4")
	s = after.source(keep).run()
	until(t, "the rest is read", func() bool { return p.committed(0) == 5 })
	s.stop()
	p.ledger(after)
	equal(t, "put aside again", s.Status().Quarantined, 0)
	aside := after.stored(kafka.QuarantineGroup, "test/"+topic+"-0")
	equal(t, "events put aside", len(aside), 1)
	want := `{"source":"test","topic":"orders","partition":0,"offset":2,"reason":"value of 5000 bytes is too large","bytes":5000,"value":"eHh4eHh4"}`
	equal(t, "event", aside[0], want)
}

func TestGapStops(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	p.many("a", 10, 1)
	commitAt(t, p, 0, 99) // beyond the end, as after the topic was made anew
	s := w.source(nil).run()
	until(t, "the partition stops", func() bool {
		for _, p := range s.Status().Partitions {
			if p.Partition == 0 && p.Condition == kafka.Stopped {
				return true
			}
		}
		return false
	})
	p.many("a", 5, 2)
	until(t, "others go on", func() bool { return p.committed(1) == 5 })
	equal(t, "stored", sum(s), 5)
	equal(t, "committed", p.committed(0), 99)
}

func commitAt(t *testing.T, p *producer, partition int, offset int64) {
	t.Helper()
	res, err := p.client.OffsetCommit(t.Context(), &segmentio.OffsetCommitRequest{
		GroupID: groupID, GenerationID: -1, Topics: map[string][]segmentio.OffsetCommit{topic: {{Partition: partition, Offset: offset}}},
	})
	if err != nil || res.Topics[topic][0].Error != nil {
		t.Fatal(err, res)
	}
}

// TestStall lets every fetch fail until the watchdog joins the group anew.
func TestStall(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	f := kfake.Fault{Count: -1}
	f.Keys = append(f.Keys, 1)
	failing := cluster.Fault(f)
	p.many("a", 100, 3)
	s := w.source(func(c *kafka.Config, _ *kafka.Links) { c.StallTimeout = 200 * time.Millisecond }).run()
	until(t, "the watchdog acts", func() bool { return s.Status().Stalls > 0 && s.Status().Restarts > 0 })
	failing.Remove()
	allStored(t, 300, s)
	s.stop()
	p.ledger(w)
}

func TestStartAtTheEnd(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	p.many("old", 10, 3)
	clear(p.sent)
	s := w.source(func(c *kafka.Config, _ *kafka.Links) { c.Start = "latest" }).run()
	for i := range 3 {
		until(t, "the start is committed", func() bool { return p.committed(i) == 10 })
	}
	s.stop()
	p.many("new", 10, 3)
	s = w.source(func(c *kafka.Config, _ *kafka.Links) { c.Start = "latest" }).run()
	allStored(t, 30, s)
	p.ledger(w)
}

// TestPartitionsThatComeWhileTheGroupBegins: what came after partitions were handed
// out, and before anybody looked for more, is somebody's all the same.
func TestPartitionsThatComeWhileTheGroupBegins(t *testing.T) {
	cluster := brokers(t)
	w := newWorld(t, cluster)
	grown := kafkatest.Grow(cluster, topic, 5)
	s := w.source(nil).run()
	if err := <-grown; err != nil {
		t.Fatal(err)
	}
	until(t, "all partitions are read", func() bool { return len(s.Status().Partitions) == 5 })
}
