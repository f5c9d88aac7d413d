package kafka_test

import (
	"testing"
)

func TestDelivery(t *testing.T) {
	cluster, b := brokers(t), newBucket(t)
	p := newProducer(t, cluster)
	p.send(50, 10)
	w := start(t, cluster.ListenAddrs(), b.store, quick, nil)
	until(t, "delivery", func() bool { return delivered(t, b.store) == int64(p.sent) })
	p.send(50, 10)
	until(t, "delivery", func() bool { return delivered(t, b.store) == int64(p.sent) })
	w.stop()
	audit(t, b.store, p.sent, nil)
}
