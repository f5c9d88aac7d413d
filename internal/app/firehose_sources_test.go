package app_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/objput"
	"sluice/internal/verify"
	"sluice/internal/vfs"
	"sluice/stream/kinesis/kinesistest"
)

const (
	sourceCluster = "arn:aws:kafka:us-east-1:000000000000:cluster/orders/1"
	sourceStream  = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
)

// sharing starts process n of those that share a source and the bucket lake, by one
// configuration.
func sharing(t *testing.T, fsys *vfs.Mem, n int, stream map[string]any, sources app.DeliverySources) *process {
	t.Helper()
	stream["DeliveryStreamName"] = "lake"
	stream["ExtendedS3DestinationConfiguration"] = map[string]any{
		"RoleARN": "arn:aws:iam::000000000000:role/sluice", "BucketARN": "arn:aws:s3:::lake", "CompressionFormat": "GZIP",
		"BufferingHints": map[string]any{"SizeInMBs": 1, "IntervalInSeconds": 1},
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	return begin(t, fsys, catalog.NewMemory(), func(c *app.Config) {
		c.DataDir, c.S3 = fmt.Sprint("/process", n), "folder:/s3"
		c.Pipelines = app.Pipelines{DeliveryStreams: []map[string]any{stream}}
		c.Sources.Delivery = sources
	})
}

// audit wants each of n records in one object, and a bucket that verifies.
func (p *process) audit(n int, lanes ...string) {
	p.t.Helper()
	seen := map[string]int{}
	for _, line := range p.deliveredTo("/s3/lake") {
		seen[line]++
	}
	for i := range n {
		if line := fmt.Sprint("record ", i); seen[line] != 1 {
			p.t.Errorf("%s is there %d times", line, seen[line])
		}
	}
	if len(seen) != n {
		p.t.Errorf("%d records of %d", len(seen), n)
	}
	r, err := verify.Run(p.t.Context(), verify.Config{Store: objput.ViewFolder(p.fs, "/s3"), Bucket: "lake", Deep: true})
	if err != nil || !r.Complete || r.InFlight+r.Foreign > 0 {
		p.t.Errorf("%v: %+v", err, r)
	}
	got := map[string]bool{}
	for _, c := range r.Chains {
		got[c.Lane] = true
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, lanes) {
		p.t.Errorf("lanes %v, want %v", names, lanes)
	}
}

// TestDeliveryFromATopic has two processes share a topic, by nothing but the same
// configuration.
func TestDeliveryFromATopic(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	transport := &segmentio.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	writer := &segmentio.Writer{Transport: transport, Addr: segmentio.TCP(cluster.ListenAddrs()...), Topic: "orders", RequiredAcks: segmentio.RequireAll, BatchTimeout: 1e6, Balancer: &segmentio.RoundRobin{}}
	t.Cleanup(func() { writer.Close() })
	n := 0
	produce := func(k int) {
		var records []segmentio.Message
		for range k {
			records = append(records, segmentio.Message{Value: fmt.Appendf(nil, "record %d\n", n)})
			n++
		}
		if err := writer.WriteMessages(context.Background(), records...); err != nil {
			t.Fatal(err)
		}
	}
	stream := map[string]any{"DeliveryStreamType": "MSKAsSource", "MSKSourceConfiguration": map[string]any{
		"MSKClusterARN": sourceCluster, "TopicName": "orders", "ReadFromTimestamp": 0,
		"AuthenticationConfiguration": map[string]any{"RoleARN": "arn:aws:iam::000000000000:role/r", "Connectivity": "PRIVATE"},
	}}
	sources := app.DeliverySources{Clusters: []app.KafkaCluster{{ARN: sourceCluster, Brokers: cluster.ListenAddrs(), SessionSeconds: 6}}}
	fsys := vfs.NewMem()
	produce(30)
	one := sharing(t, fsys, 1, stream, sources)
	one.until("delivery", func() bool { return len(one.deliveredTo("/s3/lake")) == n })
	two := sharing(t, fsys, 2, stream, sources)
	one.until("both have parts", func() bool {
		a, b := one.metric("sluice_delivery_source_parts"), two.metric("sluice_delivery_source_parts")
		return a > 0 && b > 0 && a+b == 3
	})
	produce(30)
	one.until("delivery by both", func() bool { return len(one.deliveredTo("/s3/lake")) == n })
	if err := one.stop(); err != nil {
		t.Error(err)
	}
	produce(30)
	two.until("delivery by the other", func() bool { return len(two.deliveredTo("/s3/lake")) == n })
	two.until("nothing waits", func() bool {
		return two.metric("sluice_delivery_source_lag_records") == 0 && two.metric("sluice_delivery_spool_bytes") == 0
	})
	if two.metric("sluice_delivery_accepted_events_total") != two.metric("sluice_delivery_delivered_events_total") {
		t.Error("accepted is not delivered")
	}
	if err := two.stop(); err != nil {
		t.Error(err)
	}
	two.audit(n, "orders-0", "orders-1", "orders-2")
}

// TestDeliveryFromAStream has two processes share a Kinesis stream while its shards
// are split and merged.
func TestDeliveryFromAStream(t *testing.T) {
	fake := kinesistest.New(2)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	n := 0
	produce := func(k int) {
		in := &kinesis.PutRecordsInput{}
		for range k {
			key := fmt.Sprint(n)
			in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: fmt.Appendf(nil, "record %d\n", n), PartitionKey: &key})
			n++
		}
		out, err := fake.PutRecords(context.Background(), in)
		if err != nil || *out.FailedRecordCount > 0 {
			t.Fatal(err, out)
		}
	}
	stream := map[string]any{"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": map[string]any{
		"KinesisStreamARN": sourceStream, "RoleARN": "arn:aws:iam::000000000000:role/r",
	}}
	sources := app.DeliverySources{Streams: []app.KinesisSource{{ARN: sourceStream, Endpoint: server.URL, TermSeconds: 3}}}
	fsys := vfs.NewMem()
	one := sharing(t, fsys, 1, stream, sources)
	one.until("it reads", func() bool { return one.metric("sluice_delivery_source_parts") == 2 })
	produce(20)
	one.until("delivery", func() bool { return len(one.deliveredTo("/s3/lake")) == n })
	fake.Split(fake.Open()[0])
	produce(20)
	two := sharing(t, fsys, 2, stream, sources)
	one.until("both have parts", func() bool {
		a, b := one.metric("sluice_delivery_source_parts"), two.metric("sluice_delivery_source_parts")
		return a > 0 && b > 0
	})
	produce(20)
	open := fake.Open()
	fake.Merge(open[0], open[1])
	produce(20)
	one.until("delivery by both", func() bool { return len(one.deliveredTo("/s3/lake")) == n })
	if err := one.stop(); err != nil {
		t.Error(err)
	}
	produce(20)
	two.until("delivery by the other", func() bool { return len(two.deliveredTo("/s3/lake")) == n })
	if err := two.stop(); err != nil {
		t.Error(err)
	}
	var lanes []string
	r, err := verify.Run(t.Context(), verify.Config{Store: objput.ViewFolder(fsys, "/s3"), Bucket: "lake"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Chains {
		if !strings.HasPrefix(c.Lane, "shardId-00000000000") {
			t.Errorf("lane %s", c.Lane)
		}
		lanes = append(lanes, c.Lane)
	}
	if len(lanes) < 4 {
		t.Errorf("only shards %v", lanes)
	}
	two.audit(n, lanes...)
}
