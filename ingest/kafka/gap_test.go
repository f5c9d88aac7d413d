package kafka_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/ingest/kafka"
)

// TestGapIsSkipped loses records to retention before they are read, and goes on
// only where the configuration says so.
func TestGapIsSkipped(t *testing.T) {
	cluster := brokers(t, kfake.BrokerConfigs(map[string]string{"log.retention.ms": "1"}))
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	p.many("old", 10, 1) // their time stamps are years old
	cluster.ApplyRetention()
	clear(p.sent)
	commitAt(t, p, 0, 3)
	p.send(0, "new/1", "new/2")
	s := w.source(nil).run()
	until(t, "the partition stops", func() bool { return conditionOf(s, 0) == kafka.Stopped })
	s.stop()
	equal(t, "committed", p.committed(0), 3)

	s = w.source(func(c *kafka.Config, _ *kafka.Links) { c.OnGap = "skip" }).run()
	allStored(t, 2, s)
	s.stop()
	equal(t, "lost", s.Status().Lost, 7)
	equal(t, "committed", p.committed(0), 12)
	p.ledger(w)
}

func conditionOf(s *source, partition int) kafka.Condition {
	for _, p := range s.Status().Partitions {
		if p.Partition == partition {
			return p.Condition
		}
	}
	return -1
}
