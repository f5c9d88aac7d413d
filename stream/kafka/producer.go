package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"sluice/internal/clock"
	"sluice/internal/envelope"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
)

// ProducerConfig is where and how records are written. Cluster and Topic are
// required.
type ProducerConfig struct {
	Cluster *kafkadial.Cluster
	Topic   string
	// DeadLetterTopic takes records that can never be stored in Topic, with the
	// reason in the header sluice-error; of a value that is too large there, too,
	// the first 4 KiB. Without one such a record is a *PermanentError.
	DeadLetterTopic string
	// Payload is what values are. Default cloudwatch-gzip.
	Payload Payload
	// Compression is none, gzip, snappy, lz4 or zstd. Default none.
	Compression kafka.Compression
	// MaxRequestBytes bounds the records of one request, before compression.
	// Default 900 KiB: brokers take 1 MiB unless they are told otherwise.
	MaxRequestBytes int
	// Timeout bounds one request. Default 10 s.
	Timeout time.Duration
	// Logger takes what was dead-lettered. Default slog.Default.
	Logger *slog.Logger
}

// PermanentError says that a record can never be stored.
type PermanentError struct {
	Origin Origin
	Err    error
}

// Error names the record.
func (e *PermanentError) Error() string {
	return fmt.Sprintf("record %d of %d/%d of stream %d can never be stored: %v", e.Origin.Part, e.Origin.Shard, e.Origin.First, e.Origin.Stream, e.Err)
}

// Unwrap returns the broker's reason.
func (e *PermanentError) Unwrap() error { return e.Err }

// ProducerStats counts since New.
type ProducerStats struct {
	Records, Bytes int64 // acknowledged, and the size of their values
	Requests       int64
	Retries        int64
	DeadLetters    int64
}

// Producer writes parcels to a topic. Calls of Produce for one stream must follow
// each other; those for different streams wait for each other.
type Producer struct {
	cfg    ProducerConfig
	client *kafkadial.Client
	clock  clock.Machine

	mu sync.Mutex // held by the one Produce that runs: one request at a time and partition

	records, bytes, requests, retries, deadLetters atomic.Int64
}

const (
	// producerMetadataTTL is how soon a leader that moved is known: the client's
	// 6 s would hold a write up for as long.
	producerMetadataTTL = 250 * time.Millisecond
	minBackoff          = 20 * time.Millisecond
	maxBackoff          = 2 * time.Second
	deadLetterBytes     = 4096 // of a value that are kept
	maxSenders          = 16   // partitions at once, each with buffers of its own
	maxDamaged          = 3    // times that a broker may find a wrong checksum
)

// NewProducer checks the configuration. It connects to nothing; Close it.
func NewProducer(cfg ProducerConfig) (*Producer, error) {
	if cfg.Cluster == nil || cfg.Topic == "" {
		return nil, errors.New("make kafka producer: cluster and topic are needed")
	}
	if cfg.MaxRequestBytes == 0 {
		cfg.MaxRequestBytes = 900 << 10
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	topics := []string{cfg.Topic}
	if cfg.DeadLetterTopic != "" {
		topics = append(topics, cfg.DeadLetterTopic)
	}
	return &Producer{cfg: cfg, client: cfg.Cluster.Client(producerMetadataTTL, topics...)}, nil
}

// Close closes the connections.
func (p *Producer) Close() { p.client.Close() }

// Stats returns the counters.
func (p *Producer) Stats() ProducerStats {
	return ProducerStats{p.records.Load(), p.bytes.Load(), p.requests.Load(), p.retries.Load(), p.deadLetters.Load()}
}

// Produce writes what one stream's parcels hold, in order. nil means that all of
// it is on all in-sync replicas or dead-lettered. It tries again what can pass
// until ctx ends; after an error the same parcels may be given again, any number
// of times: readers know duplicates by their origin. A *PermanentError comes again
// for the same parcels.
func (p *Producer) Produce(ctx context.Context, stream uint64, parcels ...event.Parcel) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	partitions, err := p.partitions(ctx, p.cfg.Topic)
	if err != nil {
		return fmt.Errorf("produce to %s: %w", p.cfg.Topic, err)
	}
	e := encoder{payload: p.cfg.Payload, maxRecord: p.cfg.MaxRequestBytes - 1024, partitions: partitions, stream: stream}
	if e.payload == CloudWatchGzip {
		e.packer = envelope.GetPacker()
		defer e.packer.Release()
	}
	for _, parcel := range parcels {
		if err := e.parcel(parcel); err != nil {
			return fmt.Errorf("encode parcel %v: %w", parcel.Position, err)
		}
	}
	return p.sendAll(ctx, e.out, partitions)
}

// sendAll sends to several partitions at once, to each one request at a time.
func (p *Producer) sendAll(ctx context.Context, out []outgoing, partitions int) error {
	byPartition := make([][]outgoing, partitions)
	for _, o := range out {
		byPartition[o.partition] = append(byPartition[o.partition], o)
	}
	errs := make([]error, partitions)
	free := make(chan struct{}, maxSenders)
	var wg sync.WaitGroup
	for i, records := range byPartition {
		if len(records) > 0 {
			free <- struct{}{}
			wg.Go(func() {
				errs[i] = p.sendPartition(ctx, records)
				<-free
			})
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (p *Producer) sendPartition(ctx context.Context, records []outgoing) error {
	for len(records) > 0 {
		n, size := 0, 0
		for n < len(records) && (n == 0 || size+records[n].size() <= p.cfg.MaxRequestBytes) {
			size += records[n].size()
			n++
		}
		if err := p.send(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// send makes one request of records, until it is answered for good. Records that
// are too large together are sent one by one.
func (p *Producer) send(ctx context.Context, records []outgoing) error {
	q, err := p.newRequest(p.cfg.Topic, records[0].partition, records)
	if err != nil {
		return err
	}
	defer q.release()
	damaged := 0
	for pause := minBackoff; ; pause = min(2*pause, maxBackoff) {
		err := q.send(ctx)
		switch {
		case errors.Is(err, kafka.InvalidMessage) && damaged < maxDamaged:
			damaged++ // on its way, maybe
		case err == nil:
			for i := range records {
				p.bytes.Add(int64(len(records[i].value)))
			}
			p.records.Add(int64(len(records)))
			return nil
		case permanent(err) && len(records) > 1:
			half := len(records) / 2
			if err := p.send(ctx, records[:half]); err != nil {
				return err
			}
			return p.send(ctx, records[half:])
		case permanent(err):
			return p.deadLetter(ctx, records[0], err)
		case ctx.Err() != nil:
			return fmt.Errorf("produce to %s: %w: %w", p.cfg.Topic, ctx.Err(), err)
		}
		p.retries.Add(1)
		if p.clock.Sleep(ctx, pause) != nil {
			return fmt.Errorf("produce to %s: %w: %w", p.cfg.Topic, ctx.Err(), err)
		}
	}
}

// permanent tells of errors that the same record meets again, however often.
func permanent(err error) bool {
	for _, code := range []kafka.Error{
		kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidMessage, kafka.InvalidMessageSize,
		kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidRecord, kafka.InvalidTopic,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// deadLetter puts a record aside, cut off if it is too large for the dead-letter
// topic, too. When that fails the record is not passed over.
func (p *Producer) deadLetter(ctx context.Context, r outgoing, why error) error {
	if p.cfg.DeadLetterTopic == "" {
		return &PermanentError{r.origin, why}
	}
	partitions, err := p.partitions(ctx, p.cfg.DeadLetterTopic)
	if err != nil {
		return fmt.Errorf("dead-letter to %s: %w", p.cfg.DeadLetterTopic, err)
	}
	r.reason = why.Error()
	r.partition %= partitions
	err = p.putAside(ctx, r)
	if permanent(err) && len(r.value) > deadLetterBytes {
		r.reason = fmt.Sprintf("%s (the first of %d bytes)", r.reason, len(r.value))
		r.value = r.value[:deadLetterBytes]
		err = p.putAside(ctx, r)
	}
	if permanent(err) {
		return &PermanentError{r.origin, errors.Join(why, err)}
	}
	if err != nil {
		return fmt.Errorf("dead-letter to %s: %w", p.cfg.DeadLetterTopic, err)
	}
	p.deadLetters.Add(1)
	p.cfg.Logger.Warn("kafka record put aside", "topic", p.cfg.Topic, "dead_letter_topic", p.cfg.DeadLetterTopic,
		"stream", r.origin.Stream, "shard", r.origin.Shard, "number", r.origin.First, "part", r.origin.Part, "why", why)
	return nil
}

// PutAside sends a record that a Consumer could not read to the dead-letter topic.
func (p *Producer) PutAside(ctx context.Context, u Unreadable) error {
	if p.cfg.DeadLetterTopic == "" {
		return &u
	}
	return p.deadLetter(ctx, outgoing{partition: u.Partition, filter: u.Filter, value: u.Value, time: p.clock.Now().UnixMilli(), origin: u.Origin}, &u)
}

// putAside sends to the dead-letter topic until it is answered for good.
func (p *Producer) putAside(ctx context.Context, r outgoing) error {
	q, err := p.newRequest(p.cfg.DeadLetterTopic, r.partition, []outgoing{r})
	if err != nil {
		return err
	}
	defer q.release()
	for pause := minBackoff; ; pause = min(2*pause, maxBackoff) {
		err := q.send(ctx)
		if err == nil || permanent(err) {
			return err
		}
		if p.clock.Sleep(ctx, pause) != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// request is one batch for one partition, made once and sent until it is answered
// for good.
type request struct {
	p         *Producer
	topic     string
	partition int
	batch     *recordBatch
	wire      []byte
	lent      bool // to a connection that did not say it is done with it
}

func (p *Producer) newRequest(topic string, partition int, records []outgoing) (*request, error) {
	q := &request{p: p, topic: topic, partition: partition, batch: recordBatches.Get().(*recordBatch)}
	var err error
	q.wire, err = q.batch.build(records, p.cfg.Compression)
	return q, err
}

func (q *request) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, q.p.cfg.Timeout)
	defer cancel()
	q.p.requests.Add(1)
	res, err := q.p.client.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic: q.topic, Partition: q.partition, RequiredAcks: kafka.RequireAll, RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(q.wire)},
	})
	if err != nil {
		q.lent = true
		return err
	}
	return res.Error
}

// release gives the buffers back, unless a connection may still read them: a
// round trip that a context ended goes on behind it.
func (q *request) release() {
	if !q.lent {
		recordBatches.Put(q.batch)
	}
}

// partitions is the number of a topic's partitions, as the transport knows it.
func (p *Producer) partitions(ctx context.Context, topic string) (int, error) {
	var last error
	for pause := minBackoff; ; pause = min(2*pause, maxBackoff) {
		res, err := p.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err == nil && len(res.Topics) == 1 && res.Topics[0].Error == nil && len(res.Topics[0].Partitions) > 0 {
			return len(res.Topics[0].Partitions), nil
		}
		if last = err; err == nil && len(res.Topics) == 1 {
			last = res.Topics[0].Error
		}
		if permanent(last) {
			return 0, last
		}
		if p.clock.Sleep(ctx, pause) != nil {
			return 0, fmt.Errorf("%w: %w", ctx.Err(), last)
		}
	}
}
