package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
)

// ConsumerConfig is what is read. Cluster, Topic and GroupID are required.
type ConsumerConfig struct {
	Cluster *kafkadial.Cluster
	Topic   string
	GroupID string
	// FetchBytes is about what is held of a partition at once, after decompression,
	// and at most what is asked of brokers at once, before. Default 4 MiB.
	FetchBytes int
	// SessionTimeout is how long brokers wait for a silent member. Default 30 s.
	SessionTimeout time.Duration
	// StallTimeout is how long lag may stand still until the group is joined
	// anew. Default 60 s.
	StallTimeout time.Duration
	// PutAside keeps a record that cannot be read, before the offset behind it is
	// committed; while it fails the partition waits there. Producer.PutAside is one.
	// Default: a log line with the record's place.
	PutAside func(context.Context, Unreadable) error
	// Logger takes what nobody asked for. Default slog.Default.
	Logger *slog.Logger
}

// Unreadable is a record whose value is not what its origin says.
type Unreadable struct {
	Topic     string
	Partition int
	Offset    int64
	Origin    Origin
	Filter    string
	Value     []byte
	Err       error
}

// Error names the record's place.
func (u *Unreadable) Error() string {
	return fmt.Sprintf("record at offset %d of partition %d of %s cannot be read: %v", u.Offset, u.Partition, u.Topic, u.Err)
}

// ConsumerStats counts since New.
type ConsumerStats struct {
	Records, Bytes int64 // visited, and the size of their values
	Duplicates     int64 // passed over by their origin
	Unreadable     int64 // batch payloads that are no sealed record
	Rebalances     int64
	Stalls         int64
	Gaps           int64 // partitions that found their offset gone, and stopped
	Errors         int64 // of fetches, commits and the group
	Partitions     int64 // that this member reads now
}

// Visit makes parcels durable. They are what one fetch of one partition brought,
// in order, and live until it returns; a parcel's position is the partition and
// the offset of its record. After nil they are committed; after an error they come
// again. ctx ends with the generation: what is done later may be done by another
// member, too.
type Visit func(ctx context.Context, parcels []event.Parcel) error

// Consumer reads what a Producer wrote, each record once. Records of other
// programs have no origin and are visited as often as they are there.
type Consumer struct {
	cfg   ConsumerConfig
	clock clock.Machine

	mu    sync.Mutex      // guards the fields below
	done  map[int]visited // by partition
	lanes []*lane         // of the generation at hand

	records, bytes, duplicates, unreadable, rebalances, stalls, gaps, failures, assigned atomic.Int64
}

// visited is a range of a partition whose visit succeeded and whose commit did
// not. Should this member get the partition back where it was, it goes on behind it.
type visited struct {
	from, next int64
	seen       marks
}

// NewConsumer checks the configuration. It connects to nothing.
func NewConsumer(cfg ConsumerConfig) (*Consumer, error) {
	if cfg.Cluster == nil || cfg.Topic == "" || cfg.GroupID == "" {
		return nil, errors.New("make kafka consumer: cluster, topic and group are needed")
	}
	if cfg.FetchBytes == 0 {
		cfg.FetchBytes = 4 << 20
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 30 * time.Second
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Consumer{cfg: cfg, done: map[int]visited{}}, nil
}

// Stats returns the counters.
func (c *Consumer) Stats() ConsumerStats {
	return ConsumerStats{
		c.records.Load(), c.bytes.Load(), c.duplicates.Load(), c.unreadable.Load(), c.rebalances.Load(), c.stalls.Load(), c.gaps.Load(), c.failures.Load(), c.assigned.Load(),
	}
}

const (
	consumerMetadataTTL = time.Second
	groupTimeout        = 10 * time.Second
	watchTopics         = 5 * time.Second
	firstFetch          = 64 << 10 // until a lane knows how far records compress
)

var (
	errFenced  = errors.New("the group goes on without this member")
	errStalled = errors.New("lag stands still")
)

// Run visits the partitions that the group assigns to this member, each from a
// goroutine of its own, until ctx ends.
func (c *Consumer) Run(ctx context.Context, visit Visit) error {
	for ctx.Err() == nil {
		if err := c.session(ctx, visit); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Error("kafka group is joined anew", "group", c.cfg.GroupID, "why", err)
			if c.clock.Sleep(ctx, time.Second) != nil {
				break
			}
		}
	}
	return ctx.Err()
}

// session is a member from joining to leaving.
func (c *Consumer) session(ctx context.Context, visit Visit) error {
	client := c.cfg.Cluster.Client(consumerMetadataTTL, c.cfg.Topic)
	defer client.Close()
	var assigner kafkadial.Assigner
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: c.cfg.GroupID, Brokers: c.cfg.Cluster.Brokers(), Dialer: c.cfg.Cluster.Dialer(), Topics: []string{c.cfg.Topic},
		GroupBalancers:    assigner.Balancers(),
		HeartbeatInterval: min(max(c.cfg.SessionTimeout/10, 50*time.Millisecond), 3*time.Second),
		SessionTimeout:    c.cfg.SessionTimeout, RebalanceTimeout: c.cfg.SessionTimeout, JoinGroupBackoff: time.Second,
		WatchPartitionChanges: true, PartitionWatchInterval: watchTopics, StartOffset: kafka.FirstOffset, Timeout: groupTimeout,
	})
	if err != nil {
		return err
	}
	defer group.Close()
	leave := func() { go group.Close() }
	defer context.AfterFunc(ctx, leave)()
	for {
		generation, err := group.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
			return ctx.Err()
		}
		if err != nil {
			c.failures.Add(1)
			c.cfg.Logger.Warn("kafka group", "group", c.cfg.GroupID, "error", err)
			continue
		}
		c.rebalances.Add(1)
		m := &consumerMember{c: c, client: client, generation: generation, assigner: &assigner, leave: leave, visit: visit}
		ended := make(chan error, 1)
		generation.Start(func(ctx context.Context) { ended <- m.run(ctx) })
		if err := <-ended; errors.Is(err, errStalled) {
			return err
		}
	}
}

// consumerMember is a Consumer in one generation of its group.
type consumerMember struct {
	c          *Consumer
	client     *kafkadial.Client
	generation *kafka.Generation
	assigner   *kafkadial.Assigner
	leave      func()
	visit      Visit
}

func (m *consumerMember) run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var wg sync.WaitGroup
	assigned := m.generation.Assignments[m.c.cfg.Topic]
	m.c.assigned.Store(int64(len(assigned)))
	defer m.c.assigned.Store(0)
	defer m.c.read(nil)
	var lanes []*lane
	for _, a := range assigned {
		l := &lane{m: m, id: a.ID, next: a.Offset, ask: min(firstFetch, m.c.cfg.FetchBytes), moved: m.c.clock.Now(), log: m.c.cfg.Logger.With("topic", m.c.cfg.Topic, "partition", a.ID)}
		wg.Go(func() {
			if err := l.run(ctx); errors.Is(err, errFenced) {
				end(err)
			}
		})
		wg.Go(func() { l.watch(ctx, end) })
		lanes = append(lanes, l)
	}
	wg.Go(func() {
		if err := m.assigner.Watch(ctx, m.client, m.c.cfg.Topic); err != nil {
			m.c.cfg.Logger.Warn("kafka partitions are handed out anew", "group", m.c.cfg.GroupID, "why", err)
			end(err)
		}
	})
	m.c.read(lanes)
	<-ctx.Done() // a member without partitions waits for the next generation
	wg.Wait()
	return context.Cause(ctx)
}

// lane reads one partition in one generation.
type lane struct {
	m    *consumerMember
	id   int
	log  *slog.Logger
	seen marks // nil until they are read

	ask     int // bytes of the next fetch
	held    int // bytes of values in parcels
	parcels []event.Parcel
	fresh   marks // seen, with what is in parcels

	mu    sync.Mutex // guards the fields below
	next  int64
	end   int64 // of the partition, as it was seen last
	moved time.Time
	busy  bool // a visit is under way, or the partition is stopped
}

func (l *lane) run(ctx context.Context) error {
	for pause := minBackoff; ctx.Err() == nil; {
		err := l.step(ctx)
		if err == nil {
			pause = minBackoff
			continue
		}
		if errors.Is(err, errFenced) || ctx.Err() != nil {
			return err
		}
		l.m.c.failures.Add(1)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			l.stop()
		} else {
			l.log.Warn("kafka partition is tried again", "offset", l.next, "error", err)
		}
		if l.m.c.clock.Sleep(ctx, pause) == nil {
			pause = min(2*pause, maxBackoff)
		}
	}
	return ctx.Err()
}

// stop reports a partition whose offset is gone: records were lost, and going on
// elsewhere would hide it. It is tried again, in case a broker was behind.
func (l *lane) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.busy {
		l.busy = true
		l.m.c.gaps.Add(1)
		l.log.Error("kafka partition stopped: the offset to go on from is not there", "offset", l.next)
	}
}

// step fetches, visits and commits once.
func (l *lane) step(ctx context.Context) error {
	if l.seen == nil {
		if err := l.begin(ctx); err != nil {
			return err
		}
	}
	c := l.m.c
	page, err := l.m.client.Fetch(ctx, c.cfg.Topic, l.id, l.next, l.ask)
	if err != nil {
		return err
	}
	defer page.Discard()
	l.held, l.fresh = 0, l.seen.clone()
	defer func() { l.parcels = nil }()
	next, err := page.Each(l.next, func(r *protocol.Record) error { return l.take(ctx, r) })
	if err != nil {
		return err
	}
	if next == l.next && !page.Empty() {
		next++ // compaction left nothing up to the end of this batch
	}
	l.at(l.next, page.End, len(l.parcels) > 0)
	if len(l.parcels) > 0 {
		if err := l.m.visit(ctx, l.parcels); err != nil {
			return fmt.Errorf("visit: %w", err)
		}
		for i := range l.parcels {
			c.records.Add(1)
			c.bytes.Add(int64(l.parcels[i].Bytes()))
		}
	}
	if next < page.End {
		l.ask = min(l.ask*c.cfg.FetchBytes/max(l.held, 1), 2*l.ask, c.cfg.FetchBytes)
	}
	if next > l.next {
		if err := l.commitVisited(ctx, next); err != nil {
			return err
		}
	}
	l.at(next, page.End, false)
	return nil
}

// begin reads the marks that were committed with the offset, and finds the first
// offset of a group that has none.
func (l *lane) begin(ctx context.Context) error {
	c := l.m.c
	res, err := l.m.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: c.cfg.GroupID, Topics: map[string][]int{c.cfg.Topic: {l.id}}})
	if err == nil {
		err = res.Error // of a coordinator that moved, say: there are no partitions then
	}
	if err != nil {
		return fmt.Errorf("fetch offset: %w", err)
	}
	if len(res.Topics[c.cfg.Topic]) != 1 {
		return errors.New("fetch offset: answer without the partition")
	}
	committed := res.Topics[c.cfg.Topic][0]
	if committed.Error != nil {
		return fmt.Errorf("fetch offset: %w", committed.Error)
	}
	// Offset and marks of one answer: those of another could be of another commit.
	next, end := committed.CommittedOffset, committed.CommittedOffset
	if next < 0 {
		if next, end, err = l.m.client.Bounds(ctx, c.cfg.Topic, l.id); err != nil {
			return err
		}
	}
	l.at(next, end, false)
	seen, err := parseMarks(committed.Metadata)
	if err != nil {
		l.log.Warn("kafka marks are lost: duplicates of before cannot be told", "error", err)
		seen = marks{}
	}
	l.seen = seen
	return l.resume(ctx)
}

// resume commits what this member visited and could not commit before, unless
// the group went on elsewhere.
func (l *lane) resume(ctx context.Context) error {
	c := l.m.c
	c.mu.Lock()
	done, ok := c.done[l.id]
	c.mu.Unlock()
	if !ok || done.from != l.next {
		return nil
	}
	l.fresh = done.seen
	if err := l.commitVisited(ctx, done.next); err != nil {
		l.seen = nil // begin anew
		return err
	}
	l.at(done.next, done.next, false)
	return nil
}

// commitVisited commits up to next, again and again while this member may: the
// visit is done, and only the commit keeps it from being done twice.
func (l *lane) commitVisited(ctx context.Context, next int64) error {
	c := l.m.c
	c.mu.Lock()
	c.done[l.id] = visited{l.next, next, l.fresh}
	c.mu.Unlock()
	for pause := minBackoff; ; pause = min(2*pause, maxBackoff) {
		err := l.commit(ctx, next)
		if err == nil {
			break
		}
		if errors.Is(err, errFenced) || c.clock.Sleep(ctx, pause) != nil {
			return err
		}
		c.failures.Add(1)
		l.log.Warn("kafka commit is tried again", "offset", next, "error", err)
	}
	c.mu.Lock()
	delete(c.done, l.id)
	c.mu.Unlock()
	l.seen = l.fresh
	return nil
}

// take makes a parcel of a record that was not seen before.
func (l *lane) take(ctx context.Context, r *protocol.Record) error {
	c := l.m.c
	origin, filter := Origin{Payload: Raw}, ""
	for _, h := range r.Headers {
		switch h.Key {
		case originHeader:
			o, err := parseOrigin(h.Value)
			if err != nil {
				continue // of a version to come: as if it had none
			}
			if !l.fresh.fresh(o, r.Offset) {
				c.duplicates.Add(1)
				return nil
			}
			origin = o
		case filterHeader:
			filter = string(h.Value)
		}
	}
	if r.Value == nil {
		return nil
	}
	value := make([]byte, r.Value.Len())
	l.held += len(value)
	if _, err := io.ReadFull(r.Value, value); err != nil {
		return fmt.Errorf("read value at offset %d: %w", r.Offset, err)
	}
	p := event.Parcel{Position: event.Position{Shard: uint32(l.id), Number: uint64(r.Offset)}, Arrived: r.Time.UnixMilli()}
	if origin.Payload != Batch {
		p.Records = [][]byte{value}
		l.parcels = append(l.parcels, p)
		return nil
	}
	batch, err := event.Open(value)
	if err != nil {
		return l.putAside(ctx, Unreadable{c.cfg.Topic, l.id, r.Offset, origin, filter, value, err})
	}
	p.Deliveries = []event.Delivery{{Batch: batch, Key: origin.Stream, Filter: filter, Position: p.Position}}
	l.parcels = append(l.parcels, p)
	return nil
}

func (l *lane) putAside(ctx context.Context, u Unreadable) error {
	l.log.Error("kafka record is no batch and put aside", "offset", u.Offset, "error", u.Err)
	if put := l.m.c.cfg.PutAside; put != nil {
		if err := put(ctx, u); err != nil {
			return fmt.Errorf("put aside: %w", err)
		}
	}
	l.m.c.unreadable.Add(1)
	return nil
}

// commit makes an offset and the marks below it the group's, if this member still
// belongs to it.
func (l *lane) commit(ctx context.Context, next int64) error {
	c, g := l.m.c, l.m.generation
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), groupTimeout) // the visitor's work is done: let it count
	defer cancel()
	res, err := l.m.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: g.GroupID, GenerationID: int(g.ID), MemberID: g.MemberID,
		Topics: map[string][]kafka.OffsetCommit{c.cfg.Topic: {{Partition: l.id, Offset: next, Metadata: l.fresh.metadata()}}},
	})
	if err != nil {
		return fmt.Errorf("commit offset: %w", err)
	}
	if len(res.Topics[c.cfg.Topic]) != 1 {
		return errors.New("commit offset: answer without the partition")
	}
	switch refused := res.Topics[c.cfg.Topic][0].Error; {
	case refused == nil:
		return nil
	case errors.Is(refused, kafka.IllegalGeneration), errors.Is(refused, kafka.UnknownMemberId), errors.Is(refused, kafka.RebalanceInProgress):
		return fmt.Errorf("commit offset: %w: %w", errFenced, refused)
	default:
		return fmt.Errorf("commit offset: %w", refused)
	}
}

// at notes where the lane is, and where its partition ends. Answers without records are no move where there is
// lag: brokers and clients have been seen to give them for ever.
func (l *lane) at(next, end int64, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next != l.next || next >= end || busy || l.busy {
		l.moved = l.m.c.clock.Now()
	}
	l.next, l.end, l.busy = next, end, busy
}

// stalled tells that nothing was visited for too long although the partition has
// records up to end, and no visit is under way.
func (l *lane) stalled(end int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = end
	return !l.busy && end > max(l.next, 0) && l.m.c.clock.Now().Sub(l.moved) > l.m.c.cfg.StallTimeout
}

// watch ends the session when lag stands still though no visit is under way.
func (l *lane) watch(ctx context.Context, end context.CancelCauseFunc) {
	c := l.m.c
	for c.clock.Sleep(ctx, c.cfg.StallTimeout/4) == nil {
		_, last, err := l.m.client.Bounds(ctx, c.cfg.Topic, l.id)
		if err == nil && l.stalled(last) {
			c.stalls.Add(1)
			l.log.Error("kafka partition stands still", "for", c.cfg.StallTimeout.String())
			end(errStalled)
			l.m.leave()
			return
		}
	}
}
