package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
	"sluice/internal/kafkatest"
	"sluice/internal/vfs"
	"sluice/stream/kafka"
)

// sharedPartitions is the number of partitions of every topic that processes meet at.
const sharedPartitions = 8

func sharedBrokers(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(sharedPartitions, "sluice.events", "sluice.lake"), kfake.GroupMinSessionTimeout(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	t.Cleanup(kafkatest.Expire(cluster)) // processes end while they join
	return cluster
}

// oneOf makes a process one of several with the roles.
func oneOf(cluster *kfake.Cluster, roles ...string) func(*app.Config) {
	return func(c *app.Config) {
		c.Roles = roles
		c.ScaleOut = app.ScaleOut{Brokers: cluster.ListenAddrs(), SessionSeconds: 1}
		c.Pipelines.LogGroups[0].LogStreamNames = nil
		for i := range 2 * sharedPartitions {
			c.Pipelines.LogGroups[0].LogStreamNames = append(c.Pipelines.LogGroups[0].LogStreamNames, streamName(i))
		}
	}
}

func streamName(i int) string { return fmt.Sprintf("s%d", i) }

// matches is what a reader of a delivery stream's topic gets, once each.
type matches struct {
	c    *kafka.Consumer
	stop func()

	mu   sync.Mutex // guards seen
	seen map[string]int
}

func readMatches(t *testing.T, cluster *kfake.Cluster) *matches {
	t.Helper()
	dial, err := kafkadial.New(kafkadial.Config{Brokers: cluster.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	m := &matches{seen: map[string]int{}}
	m.c, err = kafka.NewConsumer(kafka.ConsumerConfig{
		Cluster: dial, Topic: "sluice.lake", GroupID: "test", SessionTimeout: time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.c.Run(ctx, m.visit) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(m.stop)
	return m
}

func (m *matches) visit(_ context.Context, parcels []event.Parcel) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range parcels {
		for _, d := range p.Deliveries {
			for i := range d.Batch.Len() {
				m.seen[d.Filter+": "+string(d.Batch.Message(i))]++
			}
		}
	}
	return nil
}

func (m *matches) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen)
}

// compare wants each of the messages once.
func (m *matches) compare(t *testing.T, want []string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range want {
		if n := m.seen["errors: "+w]; n != 1 {
			t.Errorf("%q is there %d times", w, n)
		}
	}
	if len(m.seen) != len(want) {
		t.Errorf("%d messages, want %d", len(m.seen), len(want))
	}
}

// putShared puts n requests through a process, spread over all log streams, and returns
// what the filter should select of them.
func putShared(t *testing.T, p *process, label string, n int) (want []string) {
	t.Helper()
	for i := range n {
		yes, no := fmt.Sprintf("ERROR %s %d", label, i), fmt.Sprintf("INFO %s %d", label, i)
		if !p.put(streamName(i%(2*sharedPartitions)), no, yes) {
			t.Fatal("put")
		}
		want = append(want, yes)
	}
	return want
}

// TestRolesApart has one process for each of ingest and filter.
func TestRolesApart(t *testing.T) {
	cluster := sharedBrokers(t)
	in := begin(t, vfs.NewMem(), catalog.NewMemory(), oneOf(cluster, "ingest"))
	want := putShared(t, in, "before", 50) // it waits in the log of the process, then in Kafka
	worker := begin(t, vfs.NewMem(), catalog.NewMemory(), oneOf(cluster, "filter"))
	want = append(want, putShared(t, in, "after", 50)...)
	m := readMatches(t, cluster)
	worker.until("everything is matched", func() bool { return m.count() >= len(want) })
	m.compare(t, want)

	in.until("nothing waits", func() bool { return in.metric("sluice_forwarder_in_flight_events") == 0 })
	f := func(p *process, metric string, value float64) {
		t.Helper()
		if got := p.metric(metric); got != value {
			t.Errorf("%s is %v, want %v", metric, got, value)
		}
	}
	f(in, "sluice_ingest_stored_events_total", 200)
	f(in, "sluice_forwarder_accepted_events_total", 200)
	f(in, "sluice_forwarder_forwarded_events_total", 200)
	f(in, "sluice_forwarder_oldest_seconds", 0)
	worker.until("there is no lag", func() bool { return worker.metric("sluice_worker_lag_records") == 0 })
	f(worker, "sluice_worker_events_total", 200)
	f(worker, "sluice_worker_filter_read_events_total", 200)
	f(worker, "sluice_worker_filter_matched_events_total", 100)
	f(worker, "sluice_worker_destination_events_total", 100)
	f(worker, "sluice_worker_destination_oldest_seconds", 0)
	f(worker, "sluice_ingest_stored_events_total", 0)
}

// TestForwarderCrashes loses the machine of an ingest process while it forwards, so
// that it sends again what brokers have.
func TestForwarderCrashes(t *testing.T) {
	cluster := sharedBrokers(t)
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	begin(t, vfs.NewMem(), catalog.NewMemory(), oneOf(cluster, "filter"))
	m := readMatches(t, cluster)
	var want []string
	for round := range 5 {
		p := begin(t, fsys, defs, oneOf(cluster, "ingest"))
		want = append(want, putShared(t, p, fmt.Sprint("round ", round), 40)...)
		p.until("some of it is forwarded", func() bool { return p.metric("sluice_forwarder_forwarded_events_total") > float64(80*round+20) })
		fsys = p.fs.CrashClone(vfs.CrashOptions{})
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
	last := begin(t, fsys, defs, oneOf(cluster, "ingest"))
	last.until("everything is matched", func() bool { return m.count() >= len(want) })
	last.until("nothing waits", func() bool { return last.metric("sluice_forwarder_in_flight_events") == 0 })
	m.compare(t, want)
}

// TestOperationsOfOtherRoles are refused by their names.
func TestOperationsOfOtherRoles(t *testing.T) {
	cluster := sharedBrokers(t)
	in := begin(t, vfs.NewMem(), catalog.NewMemory(), oneOf(cluster, "ingest", "export"))
	worker := begin(t, vfs.NewMem(), catalog.NewMemory(), oneOf(cluster, "filter", "firehose"))
	f := func(p *process, target, want string) {
		t.Helper()
		_, body := p.call(target, map[string]any{"logGroupName": group, "logStreamName": "s0"})
		if !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %q", target, body, want)
		}
	}
	f(worker, "Logs_20140328.PutLogEvents", "PutLogEvents is not served here: this process has the roles filter, firehose and not ingest.")
	f(worker, "Logs_20140328.CreateLogGroup", "CreateLogGroup is not served here")
	f(worker, "Logs_20140328.CreateExportTask", "and not export")
	f(worker, "Logs_20140328.PutSubscriptionFilter", "have subscription filters and delivery streams from pipelines in their configuration files")
	f(worker, "Logs_20140328.DescribeLogGroups", `"logGroups":[]`)
	f(in, "Logs_20140328.PutSubscriptionFilter", "PutSubscriptionFilter is not served here: this process is one of several (scale_out)")
	f(in, "Firehose_20150804.PutRecord", "PutRecord is not served here")
	f(in, "GraniteServiceVersion20100801.PutMetricAlarm", "PutMetricAlarm is not served here: this process has the roles ingest, export and not monitoring.")
	f(in, "Logs_20140328.CreateLogStream", "The specified log stream already exists")
	f(in, "Logs_20140328.DescribeSubscriptionFilters", `"subscriptionFilters":[]`)
}

func TestRolesAreChecked(t *testing.T) {
	f := func(want string, change func(*app.Config)) {
		t.Helper()
		cfg := app.Config{DataDir: "/data", FS: vfs.NewMem(), Catalog: catalog.NewMemory(), Pipelines: pipelines(1, 1)}
		cfg.ScaleOut.Brokers = []string{"127.0.0.1:1"}
		change(&cfg)
		a, err := app.New(cfg)
		if err == nil {
			err = a.Close()
		}
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%s, want %q", got, want)
		}
	}
	f("<nil>", func(*app.Config) {})
	f(`roles: "filters" is not one of ingest, filter, firehose, export, crossregion, monitoring`, func(c *app.Config) { c.Roles = []string{"filters"} })
	f("roles: export works on the log of its process and needs ingest beside it", func(c *app.Config) { c.Roles = []string{"filter", "export"} })
	f("roles: without firehose the process needs others", func(c *app.Config) {
		c.ScaleOut.Brokers, c.Roles = nil, []string{"ingest", "filter"}
	})
	f("scale_out: brokers are missing", func(c *app.Config) { c.ScaleOut.Brokers, c.ScaleOut.Generation = nil, 1 })
	f("scale_out.generation: -1 is negative", func(c *app.Config) { c.ScaleOut.Generation = -1 })
	f("scale_out.sources[0]: 2 topics", func(c *app.Config) { c.ScaleOut.Sources = []app.KafkaSource{{Topics: []string{"a", "b"}}} })
	f("scale_out: compression", func(c *app.Config) { c.ScaleOut.Compression = "fast" })
	f("there is no delivery stream river in pipelines", func(c *app.Config) {
		c.Pipelines.SubscriptionFilters[0].DestinationARN = "arn:aws:firehose:us-east-1:000000000000:deliverystream/river"
	})
	f("is not reached by several processes", func(c *app.Config) {
		c.Pipelines.SubscriptionFilters[0].DestinationARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
	})
	f("subscription filter errors of /test is there twice", func(c *app.Config) {
		c.Pipelines.SubscriptionFilters = slices.Repeat(c.Pipelines.SubscriptionFilters, 2)
	})
	f("delivery stream events: its topic would be", func(c *app.Config) { c.Pipelines.DeliveryStreams[0]["DeliveryStreamName"] = "events" })
	f("emitSystemFields", func(c *app.Config) { c.Pipelines.SubscriptionFilters[0].EmitSystemFields = []string{"@aws.account"} })
}

// shareLake lets processes with disks of their own put into one bucket.
func shareLake(data string, more func(*app.Config)) func(*app.Config) {
	return func(c *app.Config) {
		c.DataDir, c.S3 = data, "folder:/lake"
		more(c)
	}
}

// TestRolesTogether has two processes for each of filter and firehose, replaces one of
// each while a load goes on, and wants in the bucket what one process puts there.
func TestRolesTogether(t *testing.T) {
	cluster := sharedBrokers(t)
	fsys := vfs.NewMem()
	start := func(name string, roles ...string) *process {
		return begin(t, fsys, catalog.NewMemory(), shareLake("/"+name, oneOf(cluster, roles...)))
	}
	in := start("ingest", "ingest")
	one, two := start("one", "filter", "firehose"), start("two", "filter", "firehose")
	parts := func(p *process) float64 { return p.metric("sluice_delivery_source_parts") }
	in.until("both deliver", func() bool { return parts(one) == sharedPartitions/2 && parts(two) == sharedPartitions/2 })
	want := putShared(t, in, "two of each", 200)
	if err := one.stop(); err != nil {
		t.Error(err)
	}
	want = append(want, putShared(t, in, "one of each", 200)...)
	three := start("three", "filter", "firehose")
	want = append(want, putShared(t, in, "two again", 200)...)

	in.until("everything is forwarded", func() bool { return in.metric("sluice_forwarder_in_flight_events") == 0 })
	lake := &process{t: t, fs: fsys}
	var got []string
	in.until("everything is delivered", func() bool {
		got = lake.deliveredTo("/lake/lake")
		return len(got) >= len(want)
	})
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d lines in the bucket, %d wanted, %d of them different", len(got), len(want), len(slices.Compact(got)))
	}
	for _, p := range []*process{two, three, in} {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestDeliveryComesLast: what filters put into the topic is delivered by a process
// that is started afterwards.
func TestDeliveryComesLast(t *testing.T) {
	cluster := sharedBrokers(t)
	fsys := vfs.NewMem()
	start := func(name string, roles ...string) *process {
		return begin(t, fsys, catalog.NewMemory(), shareLake("/"+name, oneOf(cluster, roles...)))
	}
	in, filter := start("ingest", "ingest"), start("filter", "filter")
	want := putShared(t, in, "early", 100)
	in.until("all is in the topic", func() bool { return filter.metric("sluice_worker_destination_events_total") >= float64(len(want)) })
	last := start("last", "firehose")
	lake := &process{t: t, fs: fsys}
	in.until("everything is delivered", func() bool { return len(lake.deliveredTo("/lake/lake")) >= len(want) })
	got := lake.deliveredTo("/lake/lake")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d lines in the bucket, %d wanted", len(got), len(want))
	}
	for _, p := range []*process{in, filter, last} {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestTopicsOfOtherPrograms are matched by the worker without a log: one of two
// processes goes away while records come.
func TestTopicsOfOtherPrograms(t *testing.T) {
	cluster := sharedBrokers(t, kfake.SeedTopics(4, "orders"))
	more := func(c *app.Config) {
		oneOf(cluster, "filter")(c)
		c.ScaleOut.Sources = []app.KafkaSource{{
			Name: "orders", Brokers: cluster.ListenAddrs(), Topics: []string{"orders"}, GroupID: "orders", LogGroup: "/kafka/{topic}", SessionSeconds: 1,
		}}
		c.Pipelines.SubscriptionFilters[0].LogGroupName = "/kafka/orders"
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var want []string
	produce := func(label string) {
		var records []*kgo.Record
		for i := range 400 {
			text := fmt.Sprintf("%s %s %d", []string{"INFO", "ERROR"}[i%2], label, i)
			if i%2 == 1 {
				want = append(want, text)
			}
			records = append(records, &kgo.Record{Topic: "orders", Partition: int32(i / 10 % 4), Value: []byte(text)})
		}
		if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	one, two := begin(t, vfs.NewMem(), catalog.NewMemory(), more), begin(t, vfs.NewMem(), catalog.NewMemory(), more)
	m := readMatches(t, cluster)
	produce("by two")
	two.until("some of it is matched", func() bool { return m.count() > 0 })
	if err := one.stop(); err != nil {
		t.Error(err)
	}
	produce("by one")
	two.until("everything is matched", func() bool { return m.count() >= len(want) })
	m.compare(t, want)
	two.until("nothing waits", func() bool { return two.metric("sluice_worker_destination_oldest_seconds") == 0 })
}
