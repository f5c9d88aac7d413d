package kafka_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/ingest/kafka"
)

// undecodable is a batch of so many records that says it is gzip and is not.
func undecodable(records int) []byte {
	be := binary.BigEndian
	body := be.AppendUint16(nil, 1) // attributes: gzip
	body = be.AppendUint32(body, uint32(records-1))
	body = be.AppendUint64(body, earlyTime)
	body = be.AppendUint64(body, earlyTime)
	body = be.AppendUint64(body, 1<<64-1) // no producer
	body = be.AppendUint16(body, 1<<16-1)
	body = be.AppendUint32(body, 1<<32-1)
	body = be.AppendUint32(body, uint32(records))
	body = append(body, "this is no gzip at all"...)
	batch := be.AppendUint64(nil, 0) // base offset
	batch = be.AppendUint32(batch, uint32(4+1+4+len(body)))
	batch = be.AppendUint32(batch, 1<<32-1)
	batch = append(batch, 2)
	batch = be.AppendUint32(batch, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return append(batch, body...)
}

// TestPoisonBatch puts a batch that nobody can decode between others.
func TestPoisonBatch(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	p.send(0, "a/1", "a/2")
	batch := undecodable(5)
	set := append(binary.BigEndian.AppendUint32(nil, uint32(len(batch))), batch...)
	res, err := p.client.RawProduce(t.Context(), &segmentio.RawProduceRequest{
		Topic: topic, Partition: 0, RequiredAcks: segmentio.RequireAll, RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(set)},
	})
	if err != nil || res.Error != nil {
		t.Skip("the broker looks into batches:", err, res)
	}
	p.send(0, "a/3")
	s := w.source(nil).run()
	until(t, "the partition goes on", func() bool { return p.committed(0) == 8 })
	s.stop()
	p.ledger(w)
	equal(t, "put aside", s.Status().Quarantined, 1)
	aside := w.stored(kafka.QuarantineGroup, "test/"+topic+"-0")
	if len(aside) != 1 || !strings.Contains(aside[0], `"offset":2,"lastOffset":6`) {
		t.Errorf("quarantine holds %q", aside)
	}
}

// TestAbortedTransactions reads what was committed and nothing of what was not.
func TestAbortedTransactions(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("t"), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for round := range 6 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		commit := kgo.TransactionEndTry(round%2 == 0)
		for i := range 10 {
			m := fmt.Sprintf("tx%d/%06d", round, 10*round+i)
			if err := client.ProduceSync(ctx, &kgo.Record{Value: []byte(m), Partition: 1}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if commit {
				p.sent[m] = 1
			}
		}
		if err := client.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	s := w.source(nil).run()
	until(t, "all is read", func() bool { return p.committed(1) == 66 })
	s.stop()
	p.ledger(w)
}

func TestTimeInTheValue(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	p.send(0, `{"at":1600000000}`, `{"at":1700000000}`, "no time at all")
	s := w.source(func(c *kafka.Config, _ *kafka.Links) { c.Timestamp = "$.at" }).run()
	allStored(t, 3, s)
	g, _ := w.catalog.Group(scope, logGroup)
	st, _ := w.catalog.Stream(g.UID, topic+"-0")
	stats, _ := w.store.StreamStats(st.UID)
	equal(t, "first", stats.First, 1_600_000_000_000)
	equal(t, "last", stats.Last, earlyTime)
}
