package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/event"
)

// ConsumerConfig is what is read, and with whom.
type ConsumerConfig struct {
	LeasesConfig
	// MaxRecords bounds a page. Default 10,000, which is the most that AWS gives.
	MaxRecords int
	// Interval is ReaderConfig's.
	Interval time.Duration
	// Budget bounds the bytes of the pages of all shards. A request counts as
	// 10 MiB, which is what it may bring, until it is answered. Default 64 MiB.
	Budget int64
	// Quarantine puts a record aside that cannot be decoded, and makes that
	// durable. An error stops the shard; it is tried again. Default: a log line.
	Quarantine func(ctx context.Context, p Poison) error
	// SkipGaps goes on where records may have been trimmed before they were read.
	// Default: the shard stops.
	SkipGaps bool
}

// Poison is a record that cannot be decoded.
type Poison struct {
	Stream, Shard, Sequence string
	PartitionKey            string
	Arrived                 time.Time
	Data                    []byte
	Err                     error
}

// Place names the record.
func (p Poison) Place() string { return p.Shard + "/" + p.Sequence }

// ConsumerStats counts since NewConsumer.
type ConsumerStats struct {
	Records, Bytes int64 // visited, and the size of their data
	Duplicates     int64 // passed over by their origin
	Poisoned       int64 // put aside
	Gaps           int64 // shards that found records trimmed
	Throttled      int64 // requests that were refused for being too many
	Leases         LeasesStats
}

// Lag is how far the reading of a shard is.
type Lag struct {
	Shard string
	// Behind is MillisBehindLatest of the last page, At when that came.
	Behind time.Duration
	At     time.Time
	// Stopped says that records may be lost, and that nobody told to go on.
	Stopped bool
}

// Visit makes parcels durable. They are what one request to one shard brought, in
// order, and live until it returns; a parcel's position is the number of the shard
// and that of the record since the lease was taken. After nil they are committed;
// after an error they come again. ctx ends with the lease: what is done later may
// be done by another member, too.
type Visit func(ctx context.Context, parcels []event.Parcel) error

// Consumer reads what a Producer wrote: each batch once, as long as its marks
// reach. Records of other programs, and those that are no batches, are visited as
// often as they are there.
type Consumer struct {
	cfg    ConsumerConfig
	leases *Leases
	budget budget

	records, bytes, duplicates, poisoned, gaps, throttled atomic.Int64

	mu   sync.Mutex // guards lags
	lags map[string]Lag
}

// NewConsumer checks the configuration. It connects to nothing.
func NewConsumer(cfg ConsumerConfig) (*Consumer, error) {
	leases, err := NewLeases(cfg.LeasesConfig)
	if err != nil {
		return nil, err
	}
	cfg.LeasesConfig = leases.cfg
	if cfg.Budget == 0 {
		cfg.Budget = 64 << 20
	}
	c := &Consumer{cfg: cfg, leases: leases, budget: budget{most: cfg.Budget}, lags: map[string]Lag{}}
	if c.cfg.Quarantine == nil {
		c.cfg.Quarantine = func(_ context.Context, p Poison) error {
			cfg.Logger.Error("kinesis record cannot be read and is passed over", "stream", p.Stream, "place", p.Place(), "error", p.Err)
			return nil
		}
	}
	return c, nil
}

// Stats returns the counters.
func (c *Consumer) Stats() ConsumerStats {
	return ConsumerStats{
		c.records.Load(), c.bytes.Load(), c.duplicates.Load(), c.poisoned.Load(), c.gaps.Load(), c.throttled.Load(), c.leases.Stats(),
	}
}

// Lags returns the lag of each shard that this member reads.
func (c *Consumer) Lags() (lags []Lag) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lags {
		lags = append(lags, l)
	}
	return lags
}

func (c *Consumer) setLag(l Lag) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lags[l.Shard] = l
}

// Run visits the shards whose leases this member has, each from a goroutine of its
// own, until ctx ends.
func (c *Consumer) Run(ctx context.Context, visit Visit) error {
	return c.leases.Run(ctx, func(ctx context.Context, lease *Lease) error {
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if !c.lags[lease.Shard()].Stopped || ctx.Err() != nil {
				delete(c.lags, lease.Shard())
			}
		}()
		return c.read(ctx, lease, visit)
	})
}

// pageBytes is what a request may bring.
const pageBytes = 10 << 20

// read reads a shard from its checkpoint on.
func (c *Consumer) read(ctx context.Context, lease *Lease, visit Visit) error {
	s := &shardReading{
		Consumer: c, lease: lease, visit: visit, number: shardNumber(lease.Shard()),
		log: c.cfg.Logger.With("stream", c.cfg.Stream, "shard", lease.Shard()),
	}
	done := lease.Checkpoint()
	var err error
	if s.marks, err = ParseMarks(done.Marks); err != nil {
		s.log.Warn("kinesis marks are lost: duplicates of before cannot be told", "error", err)
	}
	cfg := ReaderConfig{Client: c.cfg.Client, Stream: c.cfg.Stream, Shard: lease.Shard(), MaxRecords: c.cfg.MaxRecords, Interval: c.cfg.Interval}
	s.reader = NewReader(cfg, done)
	defer func() { c.throttled.Add(s.reader.Throttled()) }()
	for {
		err := s.step(ctx)
		var gap *GapError
		if errors.As(err, &gap) {
			err = s.gap(ctx, gap)
		}
		if err != nil || lease.Checkpoint().Position == End {
			return err
		}
	}
}

// shardNumber is the number in a shard's id.
func shardNumber(id string) uint32 {
	n, _ := strconv.ParseUint(id[strings.LastIndexByte(id, '-')+1:], 10, 32)
	return uint32(n) // 0 for an id of a form to come
}

// shardReading is a Consumer on one lease.
type shardReading struct {
	*Consumer
	lease  *Lease
	visit  Visit
	reader *Reader
	number uint32
	log    *slog.Logger
	marks  Marks
	read   uint64 // records

	parcels []event.Parcel
	fresh   Marks // marks, with what is in parcels
}

// step reads, visits and commits one page.
func (s *shardReading) step(ctx context.Context) error {
	if err := s.reader.Wait(ctx); err != nil {
		return err
	}
	keep, err := s.budget.take(ctx, pageBytes)
	if err != nil {
		return err
	}
	defer func() { s.parcels = nil; keep(0) }()
	page, err := s.reader.Next(ctx)
	if err != nil {
		return err
	}
	size := int64(0)
	for _, r := range page.Records {
		size += int64(len(r.Data))
	}
	keep(size)
	s.setLag(Lag{Shard: s.lease.Shard(), Behind: page.Behind, At: s.leases.clock.Now()})
	if err := s.decode(ctx, page); err != nil {
		return err
	}
	if len(s.parcels) > 0 {
		if err := s.visit(ctx, s.parcels); err != nil {
			return fmt.Errorf("visit: %w", err)
		}
	}
	if err := s.commit(ctx, page); err != nil {
		return err
	}
	s.marks = s.fresh
	s.records.Add(int64(len(s.parcels)))
	s.bytes.Add(size)
	return nil
}

// decode makes the parcels of a page.
func (s *shardReading) decode(ctx context.Context, page Page) error {
	s.fresh = s.marks.Clone()
	for _, r := range page.Records {
		s.read++
		d, err := Decode(r.Data)
		if err != nil {
			if err := s.putAside(ctx, r, err); err != nil {
				return err
			}
			continue
		}
		p := event.Parcel{Position: event.Position{Shard: s.number, Number: s.read}, Arrived: aws.ToTime(r.ApproximateArrivalTimestamp).UnixMilli()}
		switch {
		case d.Payload != Batch:
			p.Records = [][]byte{r.Data}
		case s.fresh.Fresh(d.Origin, aws.ToString(r.PartitionKey)):
			p.Deliveries = []event.Delivery{{Batch: d.Batch, Key: d.Origin.Stream, Filter: d.Filter, Position: p.Position}}
		default:
			s.duplicates.Add(1)
			continue
		}
		s.parcels = append(s.parcels, p)
	}
	return nil
}

func (s *shardReading) putAside(ctx context.Context, r types.Record, why error) error {
	p := Poison{
		Stream: s.cfg.Stream, Shard: s.lease.Shard(), Sequence: aws.ToString(r.SequenceNumber), PartitionKey: aws.ToString(r.PartitionKey),
		Arrived: aws.ToTime(r.ApproximateArrivalTimestamp), Data: r.Data, Err: why,
	}
	if err := s.cfg.Quarantine(ctx, p); err != nil {
		return fmt.Errorf("put %s aside: %w", p.Place(), err)
	}
	s.poisoned.Add(1)
	return nil
}

// commitTimeout bounds a commit of a member that is to stop: its visitor's work is
// done, so let it count.
const commitTimeout = 2 * time.Second

// commit makes a page's position the lease's.
func (s *shardReading) commit(ctx context.Context, page Page) error {
	done := s.lease.Checkpoint()
	if page.Position == done.Position {
		s.lease.Idle(page.Until)
		return nil
	}
	done.Position, done.Until, done.Marks = page.Position, page.Until, s.fresh.AppendTo(nil)
	err := s.update(ctx, done)
	for pause := minBackoff; err != nil && !errors.Is(err, ErrFenced); pause = min(2*pause, time.Second) {
		s.log.Warn("kinesis checkpoint is written again", "error", err)
		if s.leases.clock.Sleep(ctx, pause) != nil {
			return err
		}
		err = s.update(ctx, done)
	}
	return err
}

// update writes a checkpoint also when ctx has ended meanwhile, but not for long.
func (s *shardReading) update(ctx context.Context, c Checkpoint) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	return s.lease.Update(ctx, c)
}

// gap stops the shard, or goes on behind what is lost.
func (s *shardReading) gap(ctx context.Context, gap *GapError) error {
	if !s.cfg.SkipGaps {
		s.mu.Lock()
		news := !s.lags[gap.Shard].Stopped
		s.mu.Unlock()
		if news {
			s.gaps.Add(1)
			s.log.Error("kinesis shard stopped: records may have been lost", "position", string(gap.Position), "why", gap.Why)
			s.setLag(Lag{Shard: gap.Shard, At: s.leases.clock.Now(), Stopped: true})
		}
		return gap
	}
	s.gaps.Add(1)
	s.log.Error("kinesis shard goes on behind a gap", "position", string(gap.Position), "resume", string(gap.Resume), "why", gap.Why)
	done := s.lease.Checkpoint()
	done.Position, done.Until = gap.Resume, 0
	if err := s.update(ctx, done); err != nil {
		return err
	}
	cfg := s.reader.cfg
	s.throttled.Add(s.reader.Throttled())
	s.reader = NewReader(cfg, done)
	return nil
}
