package firehose

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/event"
)

// Back-off after a failed attempt: at random up to a bound that doubles.
const (
	retryLeast = 200 * time.Millisecond
	retryMost  = 60 * time.Second
)

// lane delivers one feed of one delivery stream. Its goroutine owns all but what
// mu guards; heed may fire the hint's timer while it idles.
type lane struct {
	room   *Room
	stream *stream
	feed   feed
	id     string // of the feed among those of the stream: in manifests and metadata
	shard  uint32 // of the log; 0 for a feed outside
	name   string // for people: of timers and of pending work
	uuid   func(partition string, first uint64) string

	hint    *clock.Timer // see idle
	retry   *clock.Timer // nil before the first failure
	endWork func()       // of the work under way that the clock knows of

	ledger     *ledger   // of partitions; nil while it is not needed
	trying     *attempt  // at the open plan; nil before the first
	logged     time.Time // when a line was last written to the log of errors
	loggedCode string

	ratio float64      // of lately: size of objects to that of what is in them; 0: not known
	open  atomic.Int64 // partitions that hold something

	mu     sync.Mutex // guards health and idling
	health health
	idling bool // the hint's timer is armed, and nothing else moves it
}

// newLane fires the hint's timer at once: a Test clock then waits for the lane's
// first look, whenever run starts.
func newLane(r *Room, s *stream, f feed, id string, several bool) *lane {
	l := &lane{room: r, stream: s, feed: f, id: id, name: "delivery stream " + s.Name}
	if several {
		l.name += " shard " + id
	}
	l.hint = r.cfg.Clock.NewTimer(l.name+": buffering hint", 0)
	return l
}

// run delivers until ctx ends, or until going on would endanger exactly once.
func (l *lane) run(ctx context.Context) {
	more, stop := l.feed.notify()
	defer stop()
	defer l.end()
	for ctx.Err() == nil {
		var err error
		cur := l.feed.cursor()
		if cur.plan != nil {
			l.begin()
			if err = l.deliver(ctx, cur); err == nil {
				l.recovered()
			}
		} else {
			err = l.next(ctx, cur, more)
		}
		if err != nil && !l.failed(ctx, err) {
			return
		}
	}
}

// next makes the next plan, or waits until there may be one to make.
func (l *lane) next(ctx context.Context, cur cursor, more <-chan struct{}) error {
	told := l.stream.settings()
	cut, wake, err := l.look(ctx, cur, told)
	switch {
	case err != nil:
		return err
	case cut == nil:
		l.idle(ctx, more, told, wake)
		return nil
	case l.stream.settings() != told:
		return nil // changed since: what waits is cut by the settings in force now
	}
	l.begin()
	return l.feed.plan(ctx, cut)
}

// look says what is to be cut now, or when to look again even without a signal.
func (l *lane) look(ctx context.Context, cur cursor, told *settings) (*plan, time.Time, error) {
	if gap := l.feed.gap(told); gap != nil {
		return gap, time.Time{}, nil
	}
	now := l.room.cfg.Clock.Now() // first: what is due then has all that came before
	if told.partitioned() || len(cur.marks) > 0 {
		return l.lookAtPartitions(ctx, cur, told, now)
	}
	l.forgetLedger()
	hint, err := l.hintBytes(ctx, cur, told)
	if err != nil {
		return nil, time.Time{}, err
	}
	span := l.feed.span(cur.position, hint)
	if span.Count == 0 {
		return nil, now.Add(told.lookAgain()), nil
	}
	if due := l.dueAt(told, span); span.Bytes < hint && now.Before(due) && !l.feed.pressed() {
		return nil, due, nil
	}
	return told.plan(l, cur, l.backlog(span, hint)), time.Time{}, nil
}

// catchUp is how many objects a cut makes after a backlog: while one is put others
// are encoded, and one manifest and two frames do for all.
const catchUp = 4

// backlog is a span that is due and those after it that have reached the hint
// too.
func (l *lane) backlog(span event.Span, hint int64) []event.Span {
	spans := []event.Span{span}
	for span.Bytes >= hint && len(spans) < catchUp {
		span = l.feed.span(span.Range.End, hint)
		if span.Count > 0 && span.Bytes >= hint {
			spans = append(spans, span)
		}
	}
	return spans
}

// lookAtPartitions accounts what is new.
func (l *lane) lookAtPartitions(ctx context.Context, cur cursor, told *settings, now time.Time) (*plan, time.Time, error) {
	g, err := l.openLedger(cur, told)
	if err != nil {
		return nil, time.Time{}, err
	}
	hint, err := l.hintBytes(ctx, cur, g.told)
	if err != nil {
		return nil, time.Time{}, err
	}
	g.position = max(g.position, cur.position) // behind a gap
	g.measure(hint)
	g.pressed = l.feed.pressed()
	if err := l.account(ctx, g); err != nil {
		return nil, time.Time{}, fmt.Errorf("account partitions: %w", err)
	}
	parts, position, due := g.cut(now.UnixMilli(), cur.position)
	l.open.Store(int64(len(g.accounts)))
	if !due {
		return nil, g.wake(now), nil
	}
	return g.told.partitionedPlan(l, cur, g.position, position, parts), time.Time{}, nil
}

// openLedger returns the lane's ledger, made anew if there is none that fits.
// Partitions that were delivered ahead of the others are known by names that only
// the settings of then give a meaning to: if others are in force now that tell
// partitions apart in another way, everything that waits is delivered by those of
// then first.
func (l *lane) openLedger(cur cursor, told *settings) (*ledger, error) {
	if g := l.ledger; g != nil {
		if g.told.recipe() == told.recipe() {
			g.follow(told)
			return g, nil
		}
		if len(cur.marks) > 0 {
			g.drain = len(g.accounts) > 0
			return g, nil
		}
	}
	l.forgetLedger()
	drain := false
	if len(cur.marks) > 0 {
		then, err := l.stream.settingsAt(*cur.markedBy)
		if err != nil {
			return nil, fmt.Errorf("read the settings of earlier cuts: %w", err)
		}
		if drain = then.recipe() != told.recipe(); drain {
			told = then
		}
	}
	l.ledger = newLedger(told, cur, l.feed.since)
	l.ledger.drain = drain
	return l.ledger, nil
}

func (l *lane) forgetLedger() {
	if l.ledger != nil {
		l.ledger.split.release()
		l.ledger = nil
		l.open.Store(0)
	}
}

func (l *lane) dueAt(told *settings, span event.Span) time.Time {
	return time.UnixMilli(l.feed.since(span.Range.Start, span.Oldest)).Add(told.config.hintInterval())
}

// lookAgain is when a lane with nothing to deliver looks again even without a
// signal: after an interval, for nothing that comes meanwhile is due earlier. It
// makes a lost signal harmless; and on a Test clock, which may be moved between
// a signal and the lane's look, it is what arms the hint inside the move.
func (c *settings) lookAgain() time.Duration {
	interval := c.config.hintInterval()
	if c.backup != nil {
		interval = min(interval, c.backup.config.hintInterval())
	}
	return max(time.Second, interval)
}

// idle waits until there may be something to do.
func (l *lane) idle(ctx context.Context, more <-chan struct{}, told *settings, wake time.Time) {
	if !l.arm(told, wake) {
		return
	}
	l.rest()
	select {
	case <-ctx.Done():
	case <-more:
	case <-l.hint.C: // open until the next Reset or Stop
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idling = false
}

// arm sets the hint's timer, unless there are newer settings than were looked at.
func (l *lane) arm(told *settings, wake time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream.settings() != told {
		return false
	}
	l.hint.ResetAt(wake)
	l.idling = true
	return true
}

// heed has an idle lane look at new settings; a busy one will before it idles.
// The timer fires, rather than a signal, so that a Test clock waits for the look.
func (l *lane) heed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idling {
		l.hint.Reset(0)
	}
}

// begin tells the clock that work is under way, rest that it is over.
func (l *lane) begin() {
	if l.endWork == nil {
		l.endWork = l.room.cfg.Clock.Begin(l.name + ": delivery")
	}
}

func (l *lane) rest() {
	if l.endWork != nil {
		l.endWork()
		l.endWork = nil
	}
}

// end leaves nothing that a clock could wait for.
func (l *lane) end() {
	l.hint.Stop()
	if l.retry != nil {
		l.retry.Stop()
	}
	l.forgetLedger()
	l.rest()
}

// failed notes a failure and waits before the next attempt. It reports false
// when there must be none.
func (l *lane) failed(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	attempts, goOn := l.note(err)
	l.logFailure(ctx, err)
	return goOn && l.wait(ctx, attempts)
}

// wait waits before the next attempt. It reports false when ctx ends.
func (l *lane) wait(ctx context.Context, attempts int) bool {
	l.hint.Stop() // attempted; from here on the retry is what is due
	wait := backOff(attempts)
	if l.retry == nil {
		l.retry = l.room.cfg.Clock.NewTimer(l.name+": retry", wait)
	} else {
		l.retry.Reset(wait)
	}
	l.rest()
	select {
	case <-ctx.Done():
		return false
	case <-l.retry.C:
		return true
	}
}

// recovered notes a success.
func (l *lane) recovered() {
	if l.retry != nil {
		l.retry.Stop()
	}
	l.noteSuccess()
}

// backOff is full jitter: anything between the least and a bound that doubles
// with every attempt.
func backOff(attempts int) time.Duration {
	bound := retryMost
	if attempts < 9 { // 200 ms << 9 is over a minute
		bound = min(retryMost, retryLeast<<attempts)
	}
	return retryLeast + rand.N(bound-retryLeast+1)
}
