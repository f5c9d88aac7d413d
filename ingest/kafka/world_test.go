package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"sluice/ingest/kafka"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
	"sluice/internal/kafkatest"
	"sluice/internal/origins"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic     = "orders"
	groupID   = "sluice"
	logGroup  = "/kafka/orders"
	earlyTime = 1_700_000_000_000
)

var scope = catalog.Scope{Account: "000000000000", Region: "us-east-1"}

// brokers starts a cluster in this process.
func brokers(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(3, topic), kfake.GroupMinSessionTimeout(50 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Cleanup(kafkatest.Expire(c)) // connections end while members join
	return c
}

// world is a log with its definitions, on a disk in memory.
type world struct {
	t       testing.TB
	fs      *vfs.Mem
	defs    catalog.Store
	catalog *catalog.Catalog
	store   *store.Store
	marks   origins.Shards
	cluster *kfake.Cluster
}

func open(t testing.TB, cluster *kfake.Cluster, fs *vfs.Mem, defs catalog.Store) *world {
	t.Helper()
	w := &world{t: t, fs: fs, defs: defs, cluster: cluster}
	var err error
	if w.catalog, err = catalog.Open(defs); err != nil {
		t.Fatal(err)
	}
	w.store, err = store.Open(fs, store.Config{Dir: "/wal", Shards: 2, SegmentBytes: 1 << 20, Folders: func(uint32) []wal.Folder {
		m := origins.NewMarks()
		w.marks = append(w.marks, m)
		return []wal.Folder{m}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func newWorld(t testing.TB, cluster *kfake.Cluster) *world {
	return open(t, cluster, vfs.NewMem(), catalog.NewMemory())
}

// crash returns what is left of the log when the machine fails now.
func (w *world) crash() *world {
	return open(w.t, w.cluster, w.fs.CrashClone(vfs.CrashOptions{}), w.defs)
}

// source is one that may run; its group is quick to notice what changes.
type source struct {
	*kafka.Source
	t    testing.TB
	stop func()
}

type change func(*kafka.Config, *kafka.Links)

func (w *world) source(change change) *source {
	w.t.Helper()
	cluster, err := kafkadial.New(kafkadial.Config{Brokers: w.cluster.ListenAddrs()})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := kafka.Config{
		Name: "test", Topics: []string{topic}, GroupID: groupID, LogGroup: "/kafka/{topic}", Scope: scope,
		SessionTimeout: time.Second, CommitInterval: 20 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(testLog{w.t}, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	links := kafka.Links{Cluster: cluster, Definitions: w.catalog, Appender: w.store, Marks: w.marks, Clock: clock.Real{}}
	if change != nil {
		change(&cfg, &links)
	}
	s, err := kafka.New(cfg, links)
	if err != nil {
		w.t.Fatal(err)
	}
	return &source{Source: s, t: w.t}
}

// testLog shows log lines with the test that wrote them.
type testLog struct{ t testing.TB }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("%s", line)
	return len(line), nil
}

// run runs the source until stop, or the test's end.
func (s *source) run() *source {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			s.t.Errorf("run: %v", err)
		}
	})
	s.t.Cleanup(s.stop)
	return s
}

// until waits for what other goroutines do.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

// producer writes records to partitions of its choice.
type producer struct {
	t      testing.TB
	client segmentio.Client
	sent   map[string]int // messages, by partition
}

func newProducer(t testing.TB, cluster *kfake.Cluster) *producer {
	transport := &segmentio.Transport{MetadataTTL: 50 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	return &producer{t: t, sent: map[string]int{}, client: segmentio.Client{Addr: segmentio.TCP(cluster.ListenAddrs()...), Transport: transport, Timeout: 10 * time.Second}}
}

func (p *producer) produce(partition int, records ...segmentio.Record) {
	p.t.Helper()
	until(p.t, "records are produced", func() bool {
		for _, r := range records { // an attempt reads them to their end
			for _, part := range []segmentio.Bytes{r.Key, r.Value} {
				if again, ok := part.(io.Seeker); ok {
					if _, err := again.Seek(0, io.SeekStart); err != nil {
						p.t.Fatal(err)
					}
				}
			}
		}
		res, err := p.client.Produce(context.Background(), &segmentio.ProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: segmentio.RequireAll, Records: segmentio.NewRecordReader(records...),
		})
		return err == nil && res.Error == nil
	})
}

// send produces one message a record, at the same time stamp.
func (p *producer) send(partition int, messages ...string) {
	p.t.Helper()
	var records []segmentio.Record
	for _, m := range messages {
		records = append(records, segmentio.Record{Time: time.UnixMilli(earlyTime), Key: segmentio.NewBytes([]byte("key")), Value: segmentio.NewBytes([]byte(m))})
		p.sent[m] = partition
	}
	p.produce(partition, records...)
}

// many sends n numbered messages to each of the partitions, in a few batches.
func (p *producer) many(label string, n, partitions int) {
	p.t.Helper()
	for partition := range partitions {
		for from := 0; from < n; from += 100 {
			var batch []string
			for i := from; i < min(n, from+100); i++ {
				batch = append(batch, fmt.Sprintf("%s/%d/%06d", label, partition, i))
			}
			p.send(partition, batch...)
		}
	}
}

// stored lists the messages of a log stream in the order of the log.
func (w *world) stored(group, stream string) (messages []string) {
	w.t.Helper()
	g, ok := w.catalog.Group(scope, group)
	if !ok {
		return nil
	}
	s, ok := w.catalog.Stream(g.UID, stream)
	if !ok {
		return nil
	}
	err := w.store.Scan(context.Background(), store.Query{Group: g.UID, Stream: s.UID, To: 1 << 62}, func(b event.Batch) error {
		if b.StreamUID() != s.UID {
			return nil
		}
		for i := range b.Len() {
			messages = append(messages, string(b.Message(i)))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return messages
}

// ledger compares what was sent with what all the logs hold together: each
// message once, in the log stream of its partition, and in order.
func (p *producer) ledger(worlds ...*world) {
	p.t.Helper()
	missing := maps.Clone(p.sent)
	for _, w := range worlds {
		for partition := range 3 {
			all := w.stored(logGroup, fmt.Sprintf("%s-%d", topic, partition))
			for _, m := range all {
				at, ok := missing[m]
				if _, sent := p.sent[m]; !ok || at != partition {
					p.t.Errorf("partition %d holds %q again (sent: %t)", partition, m, sent)
				}
				delete(missing, m)
			}
			if !slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(number(a), number(b)) }) {
				p.t.Errorf("partition %d is out of order", partition)
			}
		}
	}
	if len(missing) > 0 {
		p.t.Errorf("%d of %d messages are not there", len(missing), len(p.sent))
	}
}

func number(message string) string { return message[strings.LastIndexByte(message, '/')+1:] }

// committed is a partition's offset in the group.
func (p *producer) committed(partition int) int64 {
	p.t.Helper()
	res, err := p.client.OffsetFetch(context.Background(), &segmentio.OffsetFetchRequest{GroupID: groupID, Topics: map[string][]int{topic: {partition}}})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, o := range res.Topics[topic] {
		return o.CommittedOffset
	}
	return -1
}

// sum is the number of records that sources have stored.
func sum(sources ...*source) (n int64) {
	for _, s := range sources {
		n += s.Status().Stored
	}
	return n
}

// allStored waits until sources have stored so many records together.
func allStored(t testing.TB, want int64, sources ...*source) {
	t.Helper()
	defer func() {
		if sum(sources...) == want {
			return
		}
		for _, s := range sources {
			t.Logf("%+v", s.Status())
		}
	}()
	until(t, "all is stored", func() bool { return sum(sources...) >= want })
	if got := sum(sources...); got > want {
		t.Errorf("stored %d records of %d", got, want)
	}
}
