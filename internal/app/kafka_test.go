package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// fromKafka reads the topic orders into the group that the filter watches.
func fromKafka(cluster *kfake.Cluster) func(*app.Config) {
	return func(c *app.Config) {
		c.Sources.Kafka = []app.KafkaSource{{
			Name: "orders", Brokers: cluster.ListenAddrs(), Topics: []string{"orders"}, GroupID: "sluice", LogGroup: group, SessionSeconds: 1,
		}}
	}
}

// TestKafkaToObjects loses the machine when records are durable and their offsets
// not committed, and wants each record in one object.
func TestKafkaToObjects(t *testing.T) {
	const partitions, each = 3, 200
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders"), kfake.GroupMinSessionTimeout(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := kafka.Client{Addr: kafka.TCP(cluster.ListenAddrs()...), Transport: transport}
	round := 0
	produce := func() {
		round++
		for partition := range partitions {
			var records []kafka.Record
			for i := range each {
				level := []string{"INFO", wanted}[i%2]
				records = append(records, kafka.Record{Time: time.Now(), Value: kafka.NewBytes(fmt.Appendf(nil, "%s %d/%d/%d", level, round, partition, i))})
			}
			res, err := client.Produce(context.Background(), &kafka.ProduceRequest{
				Topic: "orders", Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
			})
			if err != nil || res.Error != nil {
				t.Fatal(err, res)
			}
		}
	}
	stored := func(p *process, n int) func() bool {
		return func() bool { return p.metric("sluice_ingest_stored_events_total") == float64(n) }
	}

	refuse := kfake.Fault{Count: -1}
	refuse.Keys = append(refuse.Keys, 8) // OffsetCommit
	refused := cluster.Fault(refuse)
	produce()
	defs := catalog.NewMemory()
	p := begin(t, vfs.NewMem(), defs, fromKafka(cluster))
	p.until("all is stored", stored(p, partitions*each))
	after := p.fs.CrashClone(vfs.CrashOptions{})
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	refused.Remove()

	produce()
	p = begin(t, after, defs, fromKafka(cluster))
	p.until("the rest is stored", stored(p, 2*partitions*each))
	p.until("the lag is gone", func() bool { return p.metric("sluice_kafka_source_lag_records") == 0 })
	p.await()
	p.identities()
	seen := map[string]int{}
	for _, line := range p.delivered() {
		seen[line]++
		if seen[line] > 1 || !strings.HasPrefix(line, wanted) {
			t.Errorf("%q is there %d times", line, seen[line])
		}
	}
	if want := 2 * partitions * each / 2; len(seen) != want {
		t.Errorf("%d of %d records are in objects", len(seen), want)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestKafkaSourcesAreChecked(t *testing.T) {
	some := app.KafkaSource{Name: "a", Brokers: []string{"127.0.0.1:1"}, Topics: []string{"t"}, GroupID: "g", LogGroup: "/k/{topic}"}
	f := func(want string, change func(one, two *app.KafkaSource)) {
		t.Helper()
		one, two := some, some
		two.Name, two.LogGroup = "b", "/l/{topic}"
		change(&one, &two)
		a, err := app.New(app.Config{DataDir: "/data", FS: vfs.NewMem(), Catalog: catalog.NewMemory(), Sources: app.Sources{Kafka: []app.KafkaSource{one, two}}})
		if err == nil {
			err = a.Close()
		}
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%s, want %q", got, want)
		}
	}
	f("<nil>", func(_, _ *app.KafkaSource) {})
	f("sources.kafka[0]: kafka: brokers are missing", func(one, _ *app.KafkaSource) { one.Brokers = nil })
	f("sources.kafka[1]: the name a is there twice", func(_, two *app.KafkaSource) { two.Name = "a" })
	f("a and b write to the same log streams", func(one, two *app.KafkaSource) { two.LogGroup = one.LogGroup })
	f("has no {partition}", func(one, _ *app.KafkaSource) { one.LogStream = "s" })
	f("neither has {topic}", func(one, _ *app.KafkaSource) {
		one.Topics, one.LogGroup, one.LogStream = []string{"t", "u"}, "/k", "{partition}"
	})
	f("the environment has no SLUICE_NO_SUCH_PASSWORD", func(one, _ *app.KafkaSource) {
		one.SASL = app.KafkaSASL{Mechanism: "plain", Username: "u", PasswordEnv: "SLUICE_NO_SUCH_PASSWORD"}
	})
	f(`timestamp: "time" is neither`, func(one, _ *app.KafkaSource) { one.Timestamp = "time" })
	f(`start: "middle" is not one of`, func(one, _ *app.KafkaSource) { one.Start = "middle" })
}
