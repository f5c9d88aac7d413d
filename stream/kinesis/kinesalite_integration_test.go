//go:build integration

package kinesis

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/event"
	"sluice/internal/faultproxy"
	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
	"sluice/stream/kinesis/kinesistest"
	"sluice/stream/streamtest"
)

// remote is a transport to a server through a proxy.
type remote struct {
	*transport
	proxy  *faultproxy.TCP
	client *kinesis.Client
}

// TestKinesaliteTransport is what every stream outside the process promises, by a
// server of its own mind.
func TestKinesaliteTransport(t *testing.T) {
	server := kinesistest.StartKinesalite(t)
	n := 0
	streamtest.RunTransport(t, func(t testing.TB) streamtest.Transport {
		n++
		name := "s" + string(rune('a'+n))
		server.CreateStream(t, name, 3)
		proxy, err := faultproxy.ListenTCP(strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(proxy.Close)
		client := kinesistest.Client(t, "http://"+proxy.Addr())
		tr := openTransport(t, client, nil)
		tr.producer.cfg.Stream, tr.producer.stream = name, newStream(name)
		tr.reader, tr.stream = client, name
		return &remote{tr, proxy, kinesistest.Client(t, server.URL)}
	})
}

func (r *remote) Poison(ctx context.Context) error {
	_, err := r.client.PutRecords(ctx, poisonous(r.stream))
	return err
}

func (r *remote) Outage() (over func()) {
	r.proxy.Cut()
	return r.proxy.Heal
}

// TestKinesaliteReshards splits and merges a stream while two members of one
// consumer read it, whose leases are in an S3, through connections that break.
func TestKinesaliteReshards(t *testing.T) {
	server := kinesistest.StartKinesalite(t)
	server.CreateStream(t, "s", 2)
	proxy, err := faultproxy.ListenHTTP(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	proxy.Play(func(r faultproxy.Request) faultproxy.Fault {
		switch rand.New(rand.NewPCG(9, uint64(r.N))).IntN(20) {
		case 0:
			return faultproxy.ResetBefore()
		case 1, 2:
			return faultproxy.ResetAfter()
		case 3:
			return faultproxy.Status(500, "InternalFailure")
		}
		return faultproxy.Fault{}
	})
	objputtest.SetCredentials(t, "AKIDEXAMPLE", "secret")
	s3, err := objput.OpenS3(t.Context(), objput.S3Config{Endpoint: objputtest.NewFake(t, "lake").URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s3.Close() })
	client := kinesistest.Client(t, proxy.URL())
	r := nothing(t, nil)
	join := func() *reading {
		return consume(t, client, NewLeaseTable(s3, "lake", "c", "s"), r, func(c *ConsumerConfig) {
			c.Term, c.Interval = 3*time.Second, 50*time.Millisecond
		})
	}
	one, two := join(), join()
	p := producer(t, client, nil)
	all := parcels(t, 600, 23)
	for i := 0; i < len(all); i += 20 {
		if err := p.Produce(t.Context(), 9, all[i:i+20]...); err != nil {
			t.Fatal(err)
		}
		switch i {
		case 100, 400:
			reshard(t, server, split)
		case 200, 300:
			reshard(t, server, merge)
		case 320:
			one.stop()
		}
	}
	deadline := time.Now().Add(time.Minute)
	for r.count() < 1200 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	two.stop()
	two.seen(all, true)
	t.Logf("%+v, produced %+v", two.c.Stats(), p.Stats())
	if two.c.Stats().Duplicates+one.c.Stats().Duplicates == 0 {
		t.Error("no record was stored twice: the faults did not happen")
	}
}

func (v *visited) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.times)
}

// reshard changes the open shards of the stream s.
func reshard(t *testing.T, server *kinesistest.Kinesalite, change func(ctx context.Context, c *kinesis.Client, open []types.Shard) error) {
	t.Helper()
	c := kinesistest.Client(t, server.URL)
	shards, err := listShards(t.Context(), c, newStream("s"))
	if err != nil {
		t.Fatal(err)
	}
	open := slices.DeleteFunc(shards, func(s types.Shard) bool { return s.SequenceNumberRange.EndingSequenceNumber != nil })
	slices.SortFunc(open, func(a, b types.Shard) int {
		return CompareSequences(*a.HashKeyRange.StartingHashKey, *b.HashKeyRange.StartingHashKey)
	})
	if err := change(t.Context(), c, open); err != nil {
		t.Fatal(err)
	}
	server.Settle(t, "s")
}

func split(ctx context.Context, c *kinesis.Client, open []types.Shard) error {
	// In the lower half there are all keys that begin like this; where it is cut
	// does not matter.
	at := *open[0].HashKeyRange.EndingHashKey
	at = strings.TrimLeft(at[:len(at)-1], "0")
	_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: open[0].ShardId, NewStartingHashKey: &at})
	return err
}

func merge(ctx context.Context, c *kinesis.Client, open []types.Shard) error {
	_, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: aws.String("s"), ShardToMerge: open[0].ShardId, AdjacentShardToMerge: open[1].ShardId})
	return err
}

// TestKinesaliteEnvelope wants a consumer of AWS's documents served, without
// anything of ours.
func TestKinesaliteEnvelope(t *testing.T) {
	server := kinesistest.StartKinesalite(t)
	server.CreateStream(t, "s", 1)
	p := producer(t, kinesistest.Client(t, server.URL), func(c *ProducerConfig) { c.Payload = CloudWatchGzip })
	if err := p.Produce(t.Context(), 9, parcel(t, 1, "web", 3, 10)); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got [][]byte
	done := make(chan struct{})
	c, err := NewConsumer(ConsumerConfig{LeasesConfig: LeasesConfig{Client: kinesistest.Client(t, server.URL), Stream: "s", Table: leaseTable(t), Logger: quiet}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- c.Run(ctx, func(_ context.Context, parcels []event.Parcel) error {
			mu.Lock()
			defer mu.Unlock()
			for _, p := range parcels {
				got = append(got, slices.Clone(p.Records[0]))
			}
			close(done)
			return nil
		})
	}()
	<-done
	cancel()
	<-ended
	if text := string(unzip(t, got[0])); len(got) != 1 || strings.Count(text, `"message":"web/`) != 3 {
		t.Errorf("%d records, %.200s", len(got), text)
	}
}
