package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/envelope"
	"sluice/internal/event"
)

// ProducerConfig is where and how records are written. Client and Stream are
// required.
type ProducerConfig struct {
	Client PutClient
	// Stream is the stream's ARN or name.
	Stream string
	// Payload is what records are. Default cloudwatch-gzip.
	Payload Payload
	// Lanes is the number of partition keys of batches. More spread better over
	// shards; each is remembered by readers. Default 128. With another number order
	// and recognition begin anew.
	Lanes int
	// MaxRecordBytes bounds a record with its key. Default 1 MiB; a stream takes
	// up to 10 MiB if it is told to.
	MaxRecordBytes int
	// MaxRequestBytes bounds the records of one request. Default 5 MiB.
	MaxRequestBytes int
	// Concurrency is how many requests are under way at a time, of different
	// partition keys. Default 4.
	Concurrency int
	// MaxAge gives records up that could not be written for so long since they
	// arrived. Default 0: never.
	MaxAge time.Duration
	// Clock tells their age. Default clock.Real.
	Clock clock.Event
	// Timeout bounds one request. Default 30 s.
	Timeout time.Duration
	// GiveUp takes records that can never be written, and makes that durable. An
	// error keeps the record. Without one such a record is a *PermanentError.
	GiveUp func(ctx context.Context, r Undeliverable) error
	// Logger takes what was given up. Default slog.Default.
	Logger *slog.Logger
}

// Undeliverable is a record that can never be written.
type Undeliverable struct {
	Key    string
	Data   []byte
	Origin Origin
	Err    error
}

var (
	// ErrTooLarge is why a record that is longer than a record may be is given up.
	ErrTooLarge = errors.New("the record is too large")
	// ErrExpired is why a record that is older than MaxAge is.
	ErrExpired = errors.New("the record could not be written in time")
)

// PermanentError says that a record can never be written.
type PermanentError struct {
	Origin Origin
	Err    error
}

// Error names the record.
func (e *PermanentError) Error() string {
	return fmt.Sprintf("record %d of %d/%d of stream %d can never be written: %v", e.Origin.Part, e.Origin.Shard, e.Origin.First, e.Origin.Stream, e.Err)
}

// Unwrap returns the reason.
func (e *PermanentError) Unwrap() error { return e.Err }

// RefusedError says that the stream takes nothing until somebody acts: it is not
// there, or not for these credentials.
type RefusedError struct{ Err error }

// Error gives AWS's text.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the SDK's error.
func (e *RefusedError) Unwrap() error { return e.Err }

// ProducerStats counts since NewProducer.
type ProducerStats struct {
	Records, Bytes int64 // acknowledged, and the size of their data
	Requests       int64
	Retries        int64 // records that failed and were sent again, of them
	Throttled      int64 // for ProvisionedThroughputExceededException
	GivenUp        int64
}

// Producer writes parcels to a data stream. Calls of Produce for one stream must
// follow each other; those for different streams wait for each other.
type Producer struct {
	cfg    ProducerConfig
	stream stream
	clock  clock.Machine
	pacer  *pacer

	turn chan struct{} // held by the one Produce that runs: one record at a time and key

	records, bytes, requests, retries, throttled, givenUp atomic.Int64
}

// NewProducer checks the configuration. It connects to nothing.
func NewProducer(cfg ProducerConfig) (*Producer, error) {
	if cfg.Client == nil || cfg.Stream == "" {
		return nil, errors.New("make kinesis producer: client and stream are needed")
	}
	setDefault(&cfg.Lanes, 128)
	setDefault(&cfg.MaxRecordBytes, 1<<20)
	setDefault(&cfg.MaxRequestBytes, 5<<20)
	setDefault(&cfg.Concurrency, 4)
	setDefault(&cfg.Timeout, 30*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.Real{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.MaxRecordBytes < 4096 || cfg.MaxRecordBytes > cfg.MaxRequestBytes || cfg.Lanes < 1 || cfg.Concurrency < 1 {
		return nil, fmt.Errorf("make kinesis producer: %d lanes, %d requests at a time, records of %d bytes in requests of %d are not possible",
			cfg.Lanes, cfg.Concurrency, cfg.MaxRecordBytes, cfg.MaxRequestBytes)
	}
	return &Producer{cfg: cfg, stream: newStream(cfg.Stream), pacer: newPacer(), turn: make(chan struct{}, 1)}, nil
}

func setDefault[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// Stats returns the counters.
func (p *Producer) Stats() ProducerStats {
	return ProducerStats{p.records.Load(), p.bytes.Load(), p.requests.Load(), p.retries.Load(), p.throttled.Load(), p.givenUp.Load()}
}

// Produce writes what one stream's parcels hold; records of one partition key are
// written in their order. nil means that all of it was acknowledged or given up.
// It tries again what can pass until ctx ends; after an error the same parcels may
// be given again, any number of times: readers know batches that come twice by
// their origin, and events by their ids. A *PermanentError comes again for the same
// parcels.
func (p *Producer) Produce(ctx context.Context, stream uint64, parcels ...event.Parcel) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	e := encoder{payload: p.cfg.Payload, lanes: p.cfg.Lanes, maxRecord: p.cfg.MaxRecordBytes, stream: stream}
	if e.payload == CloudWatchGzip {
		e.packer = envelope.GetPacker()
		defer e.packer.Release()
	}
	for _, parcel := range parcels {
		if err := e.parcel(parcel); err != nil {
			return fmt.Errorf("encode parcel %v: %w", parcel.Position, err)
		}
	}
	return p.sendAll(ctx, e.out)
}

// sendAll shares the partition keys among as many senders as may work at a time.
func (p *Producer) sendAll(ctx context.Context, out []outgoing) error {
	senders := make([]*sender, p.cfg.Concurrency)
	of := map[string]*sender{}
	for i := range out {
		o := &out[i]
		s := of[o.key]
		if s == nil {
			at := len(of) % len(senders)
			if senders[at] == nil {
				senders[at] = &sender{Producer: p, queues: map[string]*queue{}}
			}
			s = senders[at]
			of[o.key] = s
		}
		s.add(o)
	}
	errs := make([]error, len(senders))
	var wg sync.WaitGroup
	for i, s := range senders {
		if s != nil {
			wg.Go(func() { errs[i] = s.run(ctx) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}
