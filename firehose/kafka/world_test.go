package kafka_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"sluice/firehose"
	"sluice/firehose/kafka"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
	"sluice/internal/kafkatest"
	"sluice/internal/objput"
	"sluice/internal/verify"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic      = "orders"
	partitions = 4
	clusterARN = "arn:aws:kafka:us-east-1:000000000000:cluster/orders/1"
)

var (
	home   = catalog.Scope{Account: "000000000000", Region: "us-east-1"}
	caller = awsapi.Caller{Account: home.Account, Region: home.Region}
	quiet  = slog.New(slog.DiscardHandler)
)

// brokers starts a cluster of three brokers in this process.
func brokers(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(3), kfake.SeedTopics(partitions, topic), kfake.GroupMinSessionTimeout(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Cleanup(kafkatest.Expire(c)) // connections end while members join
	return c
}

// producer writes numbered records and knows how many.
type producer struct {
	t      testing.TB
	client segmentio.Client
	sent   int
}

func newProducer(t testing.TB, c *kfake.Cluster) *producer {
	transport := &segmentio.Transport{MetadataTTL: 50 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	return &producer{t: t, client: segmentio.Client{Addr: segmentio.TCP(c.ListenAddrs()...), Transport: transport, Timeout: 10 * time.Second}}
}

// send produces n records to each partition.
func (p *producer) send(n, pad int) {
	p.t.Helper()
	for partition := range partitions {
		var records []segmentio.Record
		for range n {
			records = append(records, segmentio.Record{Time: time.Now(), Value: segmentio.NewBytes(fmt.Appendf(nil, "<%d>%s\n", p.sent, strings.Repeat(".", pad)))})
			p.sent++
		}
		until(p.t, "records are produced", func() bool {
			for _, r := range records { // an attempt reads them to their end
				if _, err := r.Value.(io.Seeker).Seek(0, io.SeekStart); err != nil {
					p.t.Fatal(err)
				}
			}
			res, err := p.client.Produce(context.Background(), &segmentio.ProduceRequest{
				Topic: topic, Partition: partition, RequiredAcks: segmentio.RequireAll, Records: segmentio.NewRecordReader(records...),
			})
			return err == nil && res.Error == nil
		})
	}
}

// until waits for what other processes do.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !done() {
		if (clock.Machine{}).Sleep(ctx, 5*time.Millisecond) != nil {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// outside opens topics of one cluster.
type outside struct {
	cluster *kafkadial.Cluster
	wrap    func(firehose.Group) firehose.Group
}

func (o *outside) Open(s firehose.Origin) (firehose.Group, error) {
	if s.ARN != clusterARN {
		return nil, firehose.ErrNoSource
	}
	g, err := kafka.New(kafka.Config{
		Cluster: o.cluster, Topic: s.Topic, GroupID: "lake", Start: s.Start, SessionTimeout: time.Second, Logger: quiet,
	})
	if err != nil || o.wrap == nil {
		return g, err
	}
	return o.wrap(g), nil
}

// bucket is the object store that all processes share.
type bucket struct {
	disk  *vfs.Mem
	store verify.Store
}

func newBucket(t testing.TB) *bucket {
	t.Helper()
	disk := vfs.NewMem()
	store, err := objput.OpenFolder(disk, "/s3")
	if err != nil {
		t.Fatal(err)
	}
	return &bucket{disk, store}
}

// process is one sluice process, as far as delivery goes.
type process struct {
	t    testing.TB
	room *firehose.Room
	stop func()
}

// start starts a process with the delivery stream "lake", as its configuration
// declares it.
func start(t testing.TB, addrs []string, store objput.Store, members string, change func(*firehose.Config, *outside)) *process {
	t.Helper()
	return startAt(t, addrs, store, members, time.Unix(0, 0), change)
}

// startAt starts one that reads from an instant on.
func startAt(t testing.TB, addrs []string, store objput.Store, members string, from time.Time, change func(*firehose.Config, *outside)) *process {
	t.Helper()
	cluster, err := kafkadial.New(kafkadial.Config{Brokers: addrs})
	if err != nil {
		t.Fatal(err)
	}
	defs, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	cfg := firehose.Config{Home: home, Scratch: "/scratch", ScratchFS: vfs.NewMem(), Logger: quiet}
	o := &outside{cluster: cluster}
	if change != nil {
		change(&cfg, o)
	}
	p := &process{t: t}
	p.room, err = firehose.New(cfg, firehose.Links{
		Definitions: defs, Source: noLog{}, Sink: noLog{}, Journal: noLog{}, Store: store, States: []*firehose.State{firehose.NewState()}, Outside: o,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.call("CreateDeliveryStream", `{"DeliveryStreamName":"lake","DeliveryStreamType":"MSKAsSource","MSKSourceConfiguration":{"MSKClusterARN":"`+clusterARN+
		`","TopicName":"`+topic+`","ReadFromTimestamp":`+fmt.Sprintf("%.3f", float64(from.UnixMilli())/1000)+`,"AuthenticationConfiguration":{"RoleARN":"arn:aws:iam::000000000000:role/r","Connectivity":"PRIVATE"}},
		"ExtendedS3DestinationConfiguration":{"RoleARN":"arn:aws:iam::000000000000:role/r","BucketARN":"arn:aws:s3:::lake",`+members+`}}`)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.room.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *process) call(operation, body string) {
	p.t.Helper()
	for _, op := range p.room.Operations() {
		if op.Target == "Firehose_20150804."+operation {
			var reply awsapi.Reply
			if err := op.Serve(context.Background(), &awsapi.Request{Caller: caller, Body: []byte(body)}, &reply); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

func (p *process) status() firehose.Status { return p.room.Status(context.Background())[0] }

// noLog is the log of a process in which nobody writes.
type noLog struct{}

func (noLog) Span(_ uint64, shard uint32, from uint64, _ int64) event.Span {
	return event.Span{Range: event.Range{Shard: shard, Start: from, End: from}}
}
func (noLog) Parcels(context.Context, uint64, event.Range, func(event.Parcel) error) error {
	return nil
}
func (noLog) Notify(uint64) (<-chan struct{}, func()) { return nil, func() {} }
func (noLog) Put(context.Context, uint64, int64, [][]byte) (event.Position, error) {
	return event.Position{}, nil
}
func (noLog) Append(context.Context, uint32, wal.Type, uint64, []byte) error { return nil }

// delivered is how many records the manifests of the bucket name.
func delivered(t testing.TB, s verify.Store) (n int64) {
	t.Helper()
	for _, m := range manifests(t, s) {
		n += m.Records
	}
	return n
}

type manifest struct {
	Records int64
	Lane    string
	Lost    []struct{ From, To uint64 }
	Objects []struct{ Key string }
}

func manifests(t testing.TB, s verify.Store) (all []manifest) {
	t.Helper()
	var keys []string
	if err := s.List(t.Context(), "lake", "_sluice/commit/", func(l objput.Listed) error { keys = append(keys, l.Key); return nil }); err != nil && !errors.Is(err, objput.ErrNotFound) {
		t.Fatal(err)
	}
	for _, key := range keys {
		var m manifest
		if err := json.Unmarshal(get(t, s, key), &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func get(t testing.TB, s objput.Store, key string) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), "lake", key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

// audit wants the records [0, n) in the objects of the bucket, each one time and in
// order, but for those in lost, and a verifier that finds nothing.
func audit(t testing.TB, s verify.Store, n int, lost map[int]bool) {
	t.Helper()
	seen := map[int]int{}
	for _, m := range manifests(t, s) {
		last := -1
		for _, o := range m.Objects {
			for line := range strings.Lines(string(get(t, s, o.Key))) {
				var id int
				if _, err := fmt.Sscanf(line, "<%d>", &id); err != nil {
					t.Fatalf("%s holds %.40q", o.Key, line)
				}
				if id <= last {
					t.Errorf("%s: %d after %d", o.Key, id, last)
				}
				last = id
				seen[id]++
			}
		}
	}
	missing, twice := 0, 0
	for id := range n {
		if seen[id] == 0 && !lost[id] {
			missing++
		}
		if seen[id] > 1 {
			twice++
		}
	}
	if missing+twice > 0 || len(seen) > n {
		t.Errorf("of %d records %d are missing and %d there more than once; %d different", n, missing, twice, len(seen))
	}
	r, err := verify.Run(t.Context(), verify.Config{Store: s, Bucket: "lake", Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete || r.Foreign+r.InFlight > 0 {
		t.Errorf("%+v", r)
	}
}

const quick = `"BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":0}`
