package kafka_test

import (
	"math/rand/v2"
	"testing"

	"sluice/firehose"
	"sluice/internal/kafkatest"
	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
)

// TestDelivery puts objects into an S3, shared by two processes one of which dies.
func TestDelivery(t *testing.T) {
	objputtest.SetCredentials(t, "AKIDEXAMPLE", "secret")
	cluster := brokers(t)
	s3, err := objput.OpenS3(t.Context(), objput.S3Config{Endpoint: objputtest.NewFake(t, "lake").URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s3.Close() })
	b := bucket{store: s3}
	p := newProducer(t, cluster)
	p.send(50, 10)
	w := start(t, cluster.ListenAddrs(), b.store, quick, nil)
	until(t, "delivery", func() bool { return delivered(t, b.store) == int64(p.sent) })
	dying := &unsure{Store: b.store, rand: rand.New(rand.NewPCG(1, 1))}
	other := start(t, cluster.ListenAddrs(), dying, quick, func(_ *firehose.Config, o *outside) {
		o.wrap = func(g firehose.Group) firehose.Group { return mortal{g, &dying.dead} }
	})
	p.send(50, 10)
	until(t, "delivery", func() bool { return delivered(t, b.store) == int64(p.sent) })
	p.send(50, 10)
	dying.dead.Store(true)
	other.stop()
	until(t, "delivery", func() bool { return delivered(t, b.store) == int64(p.sent) })
	w.stop()
	audit(t, b.store, p.sent, nil)
}

// TestPartitionsThatComeWhileTheGroupBegins: what came after partitions were handed
// out, and before anybody looked for more, is somebody's all the same.
func TestPartitionsThatComeWhileTheGroupBegins(t *testing.T) {
	cluster, b := brokers(t), newBucket(t)
	grown := kafkatest.Grow(cluster, topic, partitions+2)
	w := start(t, cluster.ListenAddrs(), b.store, quick, nil)
	if err := <-grown; err != nil {
		t.Fatal(err)
	}
	until(t, "all partitions are taken", func() bool { return w.status().Parts == partitions+2 })
	w.stop()
}
