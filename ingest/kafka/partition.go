package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"sluice/internal/kafkadial"
)

// partition reads one partition in one generation. All but what mu guards
// belongs to the goroutine of run.
type partition struct {
	s      *Source
	m      *member
	topic  string
	id     int
	start  int64  // committed offset, or kafka.FirstOffset, or kafka.LastOffset
	group  string // log group
	stream string // log stream
	aside  string // log stream in QuarantineGroup
	log    *slog.Logger

	pending  pending // records on their way into the log
	want     int     // bytes to ask for
	held     int64   // bytes of the budget
	read     int64   // bytes of values in the page at hand
	empty    int64   // values in it that are no events
	failures int     // fetches in a row that failed at the same offset

	mu        sync.Mutex // guards the fields below
	next      int64      // everything below is stored or will never be; -1 until it is known
	end       int64      // of the partition, as last seen
	saved     int64      // the offset that was committed last
	moved     time.Time  // when next moved, or there was nothing to read
	condition Condition
}

func (s *Source) newPartition(m *member, topic string, a kafka.PartitionAssignment) *partition {
	number := strconv.Itoa(a.ID)
	p := &partition{
		s: s, m: m, topic: topic, id: a.ID, start: a.Offset, want: minFetch,
		group: render(s.cfg.LogGroup, topic, number), stream: render(s.cfg.LogStream, topic, number),
		aside: s.cfg.Name + "/" + topic + "-" + number,
		log:   s.cfg.Logger.With("topic", topic, "partition", a.ID),
		next:  -1, end: -1, saved: -1, moved: s.clock.Now(),
	}
	if a.Offset >= 0 {
		p.saved = a.Offset
	}
	return p
}

// run reads until the generation ends, or the member is fenced.
func (p *partition) run(ctx context.Context) error {
	pause := minBackoff
	for ctx.Err() == nil {
		var err error
		if p.at() < 0 {
			err = p.place(ctx)
		} else {
			err = p.readOnce(ctx)
		}
		switch {
		case err == nil:
			p.be(Reading)
			p.failures, pause = 0, minBackoff
			continue
		case errors.Is(err, errFenced):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, kafka.OffsetOutOfRange):
			err = p.gap(ctx)
		default:
			err = p.failed(ctx, err)
		}
		if errors.Is(err, errFenced) {
			return err
		}
		if err != nil && p.s.clock.Sleep(ctx, pause) == nil {
			pause = min(2*pause, maxBackoff)
		}
	}
	return ctx.Err()
}

// at is the offset of the next record.
func (p *partition) at() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

// place decides where to begin: behind everything that is committed and
// everything that is in the log.
func (p *partition) place(ctx context.Context) error {
	mark, err := p.mark(ctx)
	if err != nil {
		return err
	}
	next := p.start
	switch {
	case next >= 0 && mark > next:
		p.s.counts.alreadyStored.Add(mark - next)
		p.log.Info("kafka records are in the log already", "committed", next, "mark", mark)
		next = mark
	case next < 0 && mark > 0:
		next = mark
	case next < 0:
		first, end, err := p.m.c.Bounds(ctx, p.topic, p.id)
		if err != nil {
			return err
		}
		if next = first; p.start == kafka.LastOffset {
			next = end
		}
		p.saw(end)
	}
	p.advance(next) // and so it is committed: a start at the end must not move on while nothing comes
	return nil
}

// mark is the first offset that is neither in the log stream nor in quarantine.
func (p *partition) mark(ctx context.Context) (int64, error) {
	t, err := p.s.resolve(p.group, p.stream)
	if err != nil {
		return 0, err
	}
	mark, err := p.s.links.Marks.Mark(ctx, t.stream.UID, uint32(p.id))
	if err != nil {
		return 0, err
	}
	if g, ok := p.s.links.Definitions.Group(p.s.cfg.Scope, QuarantineGroup); ok {
		if aside, ok := p.s.links.Definitions.Stream(g.UID, p.aside); ok {
			at, err := p.s.links.Marks.Mark(ctx, aside.UID, uint32(p.id))
			if err != nil {
				return 0, err
			}
			mark = max(mark, at)
		}
	}
	return int64(mark), nil
}

// readOnce fetches once and stores what comes.
func (p *partition) readOnce(ctx context.Context) error {
	p.held, p.read, p.empty = int64(p.want), 0, 0
	defer p.pending.release()
	if err := p.s.budget.acquire(ctx, p.held); err != nil {
		return err
	}
	defer func() { p.s.budget.release(p.held) }()
	from := p.at()
	page, err := p.fetch(ctx, from)
	if err != nil {
		p.s.counts.fetchErrors.Add(1)
		return err
	}
	defer page.Discard()
	p.saw(page.End)
	next, err := page.EachBatch(from, func(r *protocol.Record) error { return p.take(ctx, r) }, func() error {
		if p.s.cfg.Aligned {
			return p.flush(ctx)
		}
		return nil
	})
	if err == nil {
		err = p.flush(ctx)
	}
	if err != nil {
		p.pending.reset()
		return err
	}
	p.s.counts.empty.Add(p.empty)
	switch {
	case next > from:
		p.advance(next)
	case !page.Empty():
		p.advance(from + 1) // compaction left nothing of the offsets up to the end of this batch
	default:
		p.alive()
	}
	p.want = min(max(minFetch, 4*int(p.read)), p.s.cfg.FetchBytes)
	return nil
}

// fetch has the broker hold a fetch for long only where little of the budget is kept
// for it: after a burst, partitions in which nothing happens would keep all of it from
// those in which something does.
func (p *partition) fetch(ctx context.Context, from int64) (kafkadial.Page, error) {
	if p.want > minFetch {
		return p.m.c.FetchWithin(ctx, holdBudget, p.topic, p.id, from, p.want)
	}
	return p.m.c.Fetch(ctx, p.topic, p.id, from, p.want)
}

// account takes budget for values that turn out larger than what was asked for.
func (p *partition) account(bytes int) {
	p.read += int64(bytes)
	if more := p.read - p.held; more > 0 {
		p.s.budget.force(more)
		p.held += more
	}
}

const gapRetry = 30 * time.Second

// gap answers to OFFSET_OUT_OF_RANGE: records are gone that nobody stored.
func (p *partition) gap(ctx context.Context) error {
	at := p.at()
	first, end, err := p.m.c.Bounds(ctx, p.topic, p.id)
	if err != nil {
		return err
	}
	p.saw(end)
	switch {
	case first <= at && at <= end:
		return fmt.Errorf("offset %d is out of range at one broker and not at another", at)
	case at < first && p.s.cfg.OnGap == skip:
		p.s.counts.lost.Add(first - at)
		p.log.Error("kafka records are lost to retention", "from", at, "to", first)
		p.advance(first)
		return nil
	}
	if p.be(Stopped) {
		p.log.Error("kafka partition stopped: the offset to go on from is not there",
			"offset", at, "first", first, "end", end, "hint", gapHint(at, end))
	}
	return p.s.clock.Sleep(ctx, gapRetry)
}

func gapHint(at, end int64) string {
	if at > end {
		return "the topic was made anew or lost its end: delete the log stream, or read it by another group into another log stream"
	}
	return "retention was faster: set on_gap: skip to go on at the first offset, or commit another offset for the group"
}

// poisonAttempts is how often a fetch must fail at the same offset, other than by
// an error code of the broker, until the batch there is suspected.
const poisonAttempts = 6

// failed answers to a fetch or an append that failed.
func (p *partition) failed(ctx context.Context, err error) error {
	if p.be(Retrying) {
		p.log.Warn("kafka partition is tried again", "offset", p.at(), "error", err)
	}
	var code kafka.Error
	if errors.As(err, &code) {
		return err
	}
	if p.failures++; p.failures < poisonAttempts {
		return err
	}
	p.failures = 0
	return p.passPoison(ctx, err)
}
