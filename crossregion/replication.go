package crossregion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"sluice/internal/event"
)

// replication copies one shard of one origin. Two goroutines work at it: one is
// at the live lane, one at the oldest of the others.
type replication struct {
	s    *Source
	name string // in the catalog
	id   string // of the origin

	shard, home   uint32 // there and here
	live, backlog taker

	changing sync.Mutex // one change of the lanes at a time, across its commit

	mu     sync.Mutex // guards the fields below
	r      Replica
	end    uint64              // of the origin's shard, as last seen
	at     map[uint32]progress // by lane
	failed map[bool]string     // by whether it is the live lane: what goes wrong
	behind bool                // the origin's log is shorter than what was taken of it
	more   chan struct{}       // closed when a lane was left behind
}

// progress is how far a lane is.
type progress struct {
	next     uint64
	ingested int64 // of the last batch taken, ms at the origin
	delay    time.Duration
	passed   uint64    // as last written
	saved    time.Time // when that was
}

func newReplication(ctx context.Context, s *Source, name string, o Origin, r Replica, end uint64) (*replication, error) {
	c := &replication{s: s, name: name, id: o.ID, shard: r.Shard, home: r.Home, r: r.clone(), end: end, at: map[uint32]progress{}, failed: map[bool]string{}, more: make(chan struct{})}
	c.live.c, c.backlog.c = c, c
	for _, l := range r.Lanes {
		next, err := c.position(ctx, l)
		if err != nil {
			return nil, err
		}
		c.at[l.ID] = progress{next: next}
	}
	return c, nil
}

// position is where a lane goes on: behind everything that is in the log here, and
// will be after a crash, for the catalog may be told of it.
func (c *replication) position(ctx context.Context, l Lane) (uint64, error) {
	mark, err := c.s.links.Marks.Mark(ctx, c.home, l.ID)
	return max(l.From, l.Passed, mark), err
}

func (c *replication) run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	var both sync.WaitGroup
	both.Go(func() { end(c.follow(ctx)) })
	both.Go(func() { end(c.catchUp(ctx)) })
	both.Wait()
	return context.Cause(ctx)
}

var errSplit = errors.New("the rest is left behind as backlog")

// follow takes the live lane.
func (c *replication) follow(ctx context.Context) error {
	return c.keepPulling(ctx, true, func() error { return c.pull(ctx, c.replica().liveLane(), &c.live) })
}

// catchUp takes the other lanes, oldest first.
func (c *replication) catchUp(ctx context.Context) error {
	return c.keepPulling(ctx, false, func() error {
		c.mu.Lock()
		lane, ok := c.r.backlog()
		more := c.more
		c.mu.Unlock()
		if !ok {
			select {
			case <-more:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := c.pull(ctx, lane, &c.backlog); err != nil {
			return err
		}
		return c.change(func(r *Replica) { r.finish(lane.ID) })
	})
}

// keepPulling repeats a pull, after a pause when it failed without progress.
func (c *replication) keepPulling(ctx context.Context, live bool, pull func() error) error {
	pause := minBackoff
	for ctx.Err() == nil {
		before := c.s.counts.batches.Load()
		err := pull()
		switch {
		case err == nil || errors.Is(err, errSplit):
			pause = minBackoff
			c.fails(live, nil)
			continue
		case errors.Is(err, errChanged):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		c.fails(live, err)
		if c.s.counts.batches.Load() > before {
			pause = minBackoff
		}
		if c.s.machine.Sleep(ctx, pause) != nil {
			break
		}
		pause = min(2*pause, maxBackoff)
	}
	return ctx.Err()
}

func (c *replication) fails(live bool, err error) {
	text := ""
	if err != nil {
		text = err.Error()
		c.s.counts.breaks.Add(1)
	}
	var answer *statusError
	c.mu.Lock()
	news := c.failed[live] != text
	c.failed[live] = text
	c.behind = errors.As(err, &answer) && answer.status == http.StatusRequestedRangeNotSatisfiable
	stopped := c.behind
	c.mu.Unlock()
	switch {
	case !news || err == nil:
	case stopped:
		c.s.cfg.Logger.Error("replication stopped: the source's log is shorter than what was taken of it; was its data folder put back to an older state?", "shard", c.shard, "error", err)
	default:
		c.s.cfg.Logger.Warn("replication pull is tried again", "shard", c.shard, "live", live, "error", err)
	}
}

func (c *replication) replica() Replica {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.clone()
}

// change makes a change of the lanes durable, and then known.
func (c *replication) change(fn func(*Replica)) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	next := c.replica()
	fn(&next)
	if err := next.check(); err != nil {
		return err
	}
	if err := c.s.links.Replicas.Put(c.s.cfg.Scope, c.name, next); err != nil {
		return fmt.Errorf("write lanes: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r = next
	return nil
}

// pull takes a lane from where it is: nil when its end is reached.
func (c *replication) pull(ctx context.Context, lane Lane, t *taker) error {
	from, err := c.position(ctx, lane)
	if err != nil || !lane.live() && from >= lane.To {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer, err := c.s.get(ctx, pullPath, c.query(lane, from))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if id := answer.Header.Get(idHeader); id != c.id {
		return fmt.Errorf("%w: %s answers for %s", errChanged, id, c.id)
	}
	c.fails(lane.live(), nil)
	t.begin(lane, from, answer.Body)
	for {
		began := c.s.machine.Now()
		head, entries, err := t.unpacker.next()
		if errors.Is(err, io.EOF) && !lane.live() && t.next >= lane.To {
			return nil
		}
		if err != nil {
			return noEnd(err)
		}
		if !lane.live() {
			if err := c.s.rate.spend(ctx, head.wire+chunkHead); err != nil {
				return err
			}
		}
		if err := t.take(ctx, head, entries); err != nil {
			return err
		}
		if err := c.advanced(ctx, lane, head, t); err != nil {
			return err
		}
		if lane.live() {
			if err := c.leaveBehind(head, t); err != nil {
				return err
			}
		} else if err := c.giveWay(ctx, c.s.machine.Now().Sub(began)); err != nil {
			return err
		}
	}
}

// idHeader says in the answer to a pull whose log it is.
const idHeader = "Sluice-Id"

func (c *replication) query(lane Lane, from uint64) url.Values {
	cfg := &c.s.cfg
	q := url.Values{
		"shard": {strconv.FormatUint(uint64(c.shard), 10)}, "from": {strconv.FormatUint(from, 10)},
		"hops": {strconv.Itoa(cfg.MaxHops - 1)}, "puller": {cfg.ID}, "codec": {cfg.Compression}, "chunk": {strconv.Itoa(liveChunk)},
		"group": cfg.Groups, "except": cfg.Except,
	}
	if !lane.live() {
		q.Set("to", strconv.FormatUint(lane.To, 10))
		q.Set("chunk", strconv.Itoa(backlogChunk))
	}
	return q
}

// advanced notes how far a lane is, durably where its mark does not tell.
func (c *replication) advanced(ctx context.Context, lane Lane, head chunk, t *taker) error {
	from, err := c.position(ctx, lane)
	if err != nil {
		return err
	}
	now := c.s.machine.Now()
	c.mu.Lock()
	p := c.at[lane.ID]
	p.next, p.delay = head.Next, t.delay
	if t.ingested > 0 {
		p.ingested = t.ingested
	}
	c.end = max(c.end, head.End)
	lost := t.missing
	write := lost > 0 || head.Next > max(p.passed, from) && now.Sub(p.saved) > passedEvery
	if write {
		p.passed, p.saved = head.Next, now
	}
	c.at[lane.ID] = p
	c.mu.Unlock()
	if !write {
		return nil
	}
	t.missing = 0
	if lost > 0 {
		c.s.cfg.Logger.Error("the source has lost positions before they were taken", "shard", c.shard, "positions", lost, "below", head.Next)
	}
	return c.change(func(r *Replica) {
		r.pass(lane.ID, head.Next)
		r.Missing += lost
	})
}

// leaveBehind begins a new live lane at the end of the origin's log when this one
// lags: what is between becomes backlog.
func (c *replication) leaveBehind(head chunk, t *taker) error {
	if c.s.cfg.InOrder || t.delay <= c.s.cfg.LiveWithin || head.End <= head.Next {
		return nil
	}
	if len(c.replica().Lanes) >= maxLanes {
		return nil // it catches up in order
	}
	split := false
	if err := c.change(func(r *Replica) { split = r.split(head.End, c.s.links.Numbers.next) }); err != nil || !split {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[c.r.liveLane().ID] = progress{next: head.End}
	close(c.more)
	c.more = make(chan struct{})
	c.s.counts.splits.Add(1)
	c.s.cfg.Logger.Info("replication lags: the rest becomes backlog", "shard", c.shard, "delay", t.delay.String(), "from", head.Next, "to", head.End)
	return errSplit
}

// giveWay leaves the link to the live lane for as long as the last chunk of the
// backlog took, while live events are late.
func (c *replication) giveWay(ctx context.Context, took time.Duration) error {
	c.mu.Lock()
	late := c.at[c.r.liveLane().ID].delay > c.s.cfg.LiveWithin/2
	c.mu.Unlock()
	if !late {
		return ctx.Err()
	}
	return c.s.machine.Sleep(ctx, min(took, time.Second))
}

func (c *replication) saw(end uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = max(c.end, end)
}

// taker puts the chunks of a pull into the log here. It belongs to one goroutine
// and is used again for the next pull.
type taker struct {
	c        *replication
	lane     Lane
	unpacker unpacker
	next     uint64 // first position not taken
	lost     uint64 // as the source counts it in this pull
	missing  uint64 // not noted yet
	skew     int64  // least difference of the clocks seen in this pull, ms
	started  bool
	delay    time.Duration // of the oldest batch of the last chunk
	ingested int64

	batches []event.Batch
	targets map[uint64]target // by the origin's log stream uid
}

func (t *taker) begin(lane Lane, from uint64, body io.Reader) {
	t.lane, t.next, t.lost, t.missing, t.started, t.delay, t.ingested = lane, from, 0, 0, false, 0, 0
	t.unpacker.from, t.unpacker.decoder = body, t.c.s.decoder()
}

// take stores the batches of a chunk.
//
// hot: BenchmarkTake
func (t *taker) take(ctx context.Context, head chunk, entries []byte) error {
	if head.Next < t.next || t.lane.To > 0 && head.Next > t.lane.To || head.Missing < t.lost {
		return fmt.Errorf("%w: a chunk up to %d where the lane is at %d", ErrProtocol, head.Next, t.next)
	}
	t.batches = t.batches[:0]
	oldest, events := int64(0), 0
	for len(entries) > 0 {
		number, record, rest, err := cutEntry(entries)
		if err != nil {
			return err
		}
		if number < t.next || number >= head.Next {
			return fmt.Errorf("%w: batch %d in a chunk of [%d,%d)", ErrProtocol, number, t.next, head.Next)
		}
		b, err := event.Open(record)
		if err != nil {
			return fmt.Errorf("%w: batch %d: %w", ErrProtocol, number, err)
		}
		if h := b.Header(); h.Hops == 0 && oldest == 0 {
			oldest = h.Ingested
		}
		t.ingested = b.Ingested()
		if b, err = t.address(b, number); err != nil {
			return err
		}
		t.batches = append(t.batches, b)
		events += b.Len()
		t.next, entries = number+1, rest
	}
	if uint32(len(t.batches)) != head.Batches {
		return fmt.Errorf("%w: %d batches where the header says %d", ErrProtocol, len(t.batches), head.Batches)
	}
	if err := t.store(ctx); err != nil {
		return err
	}
	if t.c.s.counts.chunk(head, events); events > 0 && t.c.s.cfg.Received != nil {
		t.c.s.cfg.Received(events)
	}
	t.next = head.Next
	t.missing += head.Missing - t.lost
	t.lost = head.Missing
	t.measure(head, oldest)
	return nil
}

// address writes the central log group and stream, the lane and one hop more into
// a batch's header, in its own memory.
func (t *taker) address(b event.Batch, number uint64) (event.Batch, error) {
	to, err := t.resolve(b)
	if err != nil {
		return b, err
	}
	f, parts := b.Fields(), b.Parts()
	f.GroupUID, f.StreamUID, f.Hops = to.group, to.stream, f.Hops+1
	f.OriginShard, f.OriginNumber = t.lane.ID, number+1
	record := b.Record()
	if _, err := f.Assemble(record, event.Sizes{Text: len(parts.Text), Count: b.Len(), Source: len(parts.Source)}); err != nil {
		return b, err
	}
	return event.Reseal(record)
}

// store appends the batches. While the log here takes nothing it waits, and reads
// nothing from the link meanwhile.
func (t *taker) store(ctx context.Context) error {
	pause := minBackoff
	c := t.c
	for len(t.batches) > 0 {
		err := c.s.links.Appender.Append(ctx, c.home, t.batches)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.fails(t.lane.live(), fmt.Errorf("the log here takes nothing: %w", err))
		if err := c.s.machine.Sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, maxBackoff)
		if mark, err := c.s.links.Marks.Mark(ctx, c.home, t.lane.ID); err == nil {
			t.drop(mark)
		}
	}
	return nil
}

// drop forgets the batches that a mark covers: they are in the log, whatever
// Append said.
func (t *taker) drop(mark uint64) {
	n := 0
	for n < len(t.batches) && t.batches[n].Header().Origin.Number <= mark {
		n++
	}
	t.batches = t.batches[n:]
}

// measure tells how late the chunk's oldest batch was: how long it was at the
// origin, by the origin's clock, and how long on the link, by how much longer than
// the quickest chunk of this pull it took. Clocks need not agree.
func (t *taker) measure(head chunk, oldest int64) {
	apart := t.c.s.machine.Now().UnixMilli() - head.Sent
	if !t.started || apart < t.skew {
		t.skew, t.started = apart, true
	}
	late := apart - t.skew
	if oldest > 0 {
		late += max(0, head.Now-oldest)
	}
	t.delay = time.Duration(late) * time.Millisecond
}
