package kinesis

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"go.uber.org/goleak"

	"sluice/internal/event"
	"sluice/internal/objput"
	"sluice/internal/vfs"
	"sluice/stream/kinesis/kinesistest"
	"sluice/stream/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// leaseTable is a table of its own in memory.
func leaseTable(t testing.TB) LeaseTable {
	t.Helper()
	folder, err := objput.OpenFolder(vfs.NewMem(), "/leases")
	if err != nil {
		t.Fatal(err)
	}
	return NewLeaseTable(folder, "local", "consumer", "stream")
}

// transport is a Fake with one producer and members of one consumer.
type transport struct {
	fake     *kinesistest.Fake
	reader   ReadClient
	stream   string
	table    LeaseTable
	producer *Producer

	mu     sync.Mutex // guards poison
	poison []string
}

func openTransport(t testing.TB, client PutClient, fake *kinesistest.Fake) *transport {
	t.Helper()
	producer, err := NewProducer(ProducerConfig{Client: client, Stream: "s", Payload: Batch, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return &transport{fake: fake, reader: fake, stream: "s", table: leaseTable(t), producer: producer}
}

func TestConforms(t *testing.T) {
	streamtest.RunTransport(t, func(t testing.TB) streamtest.Transport {
		fake := kinesistest.New(3)
		fake.PageBytes = 1 << 20
		return openTransport(t, fake, fake)
	})
}

func (tr *transport) Produce(ctx context.Context, origin uint64, parcels ...event.Parcel) error {
	return tr.producer.Produce(ctx, origin, parcels...)
}

func (tr *transport) Consume(ctx context.Context, visit func(context.Context, []event.Parcel) error) error {
	c, err := NewConsumer(ConsumerConfig{
		LeasesConfig: LeasesConfig{Client: tr.reader, Stream: tr.stream, Table: tr.table, Term: 600 * time.Millisecond, Logger: quiet},
		Interval:     5 * time.Millisecond, Budget: 10 << 20,
		Quarantine: func(_ context.Context, p Poison) error {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			tr.poison = append(tr.poison, p.Place())
			return nil
		},
	})
	if err != nil {
		return err
	}
	return c.Run(ctx, visit)
}

func (tr *transport) Poison(ctx context.Context) error {
	_, err := tr.fake.PutRecords(ctx, poisonous("s"))
	return err
}

// poisonous is a batch that was damaged.
func poisonous(stream string) *kinesis.PutRecordsInput {
	damaged := appendBatch(nil, Origin{Stream: 9, First: 1 << 40}, "errors", []byte("no record"))
	return &kinesis.PutRecordsInput{
		StreamName: &stream, Records: []types.PutRecordsRequestEntry{{Data: damaged, PartitionKey: aws.String("sluice-128-0")}},
	}
}

func (tr *transport) Poisoned() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return append([]string(nil), tr.poison...)
}

func (tr *transport) Outage() (over func()) { return tr.fake.Outage() }
