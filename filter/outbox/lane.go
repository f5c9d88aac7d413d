package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sluice/internal/clock"
	"sluice/internal/envelope"
	"sluice/internal/event"
	"sluice/internal/wal"
)

const (
	// chunk is how much of the log is sent between two commits.
	chunk = 1 << 20
	// lookAgain makes a lost signal harmless.
	lookAgain = time.Minute

	retryLeast = 200 * time.Millisecond
	retryMost  = time.Minute
)

// lane sends what one shard has for one target. Its goroutine owns all but what mu
// guards.
type lane struct {
	room   *Room
	target Target
	shard  uint32
	state  *State

	look    *clock.Timer
	endWork func()
	begun   *attempt
	// disabled is until when, ms, a refusal gives up what arrives.
	disabled int64

	mu        sync.Mutex // guards the fields below
	condition Condition
	last      string
	failures  uint64 // since the last commit
	attempts  int    // in a row
	idling    bool   // waits for matches, or is about to
}

// attempt is a range of the log that is being sent. Between two tries only verdicts
// are kept: the records are made again.
type attempt struct {
	span     event.Span
	verdicts map[ID]verdict
}

// newLane fires the timer at once: a Test clock then waits for the lane's first
// look, whenever run starts.
func newLane(r *Room, t Target, shard uint32, state *State) *lane {
	l := &lane{room: r, target: t, shard: shard, state: state}
	l.look = r.cfg.Clock.NewTimer(l.name()+": look", 0)
	return l
}

func (l *lane) name() string { return fmt.Sprintf("destination %s shard %d", l.target.Name, l.shard) }

func (l *lane) run(ctx context.Context) {
	more, stop := l.room.cfg.Source.Notify(l.target.Route)
	defer stop()
	defer l.rest()
	defer l.look.Stop()
	defer l.await(false)
	for ctx.Err() == nil {
		l.begin()
		if l.begun == nil && !l.next() {
			l.idle(ctx, more)
			continue
		}
		err := l.try(ctx)
		switch {
		case err == nil:
			l.begun = nil
			l.succeeded()
		case !l.failed(ctx, err):
			return
		}
	}
}

// next takes up what is to be sent, if there is something. Until it is known, the
// lane can be told to look: what comes after this look is not overlooked then.
func (l *lane) next() bool {
	l.await(true)
	span := l.room.cfg.Source.Span(l.target.Route, l.shard, l.state.Of(l.target.Route).Position, chunk)
	if span.Count == 0 {
		return false
	}
	l.await(false)
	l.begun = &attempt{span: span, verdicts: map[ID]verdict{}}
	return true
}

// await notes whether the lane waits for matches, and when it looks unasked.
func (l *lane) await(matches bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idling = matches
	if matches {
		l.look.Reset(lookAgain)
	}
}

// heed has a lane look that waits for matches. The timer fires, rather than a
// signal, so that a Test clock waits for the look.
func (l *lane) heed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idling {
		l.look.Reset(0)
	}
}

// idle waits until there may be something to send.
func (l *lane) idle(ctx context.Context, more <-chan struct{}) {
	l.rest()
	select {
	case <-ctx.Done():
	case <-more:
	case <-l.look.C: // open until the next Reset or Stop
	}
}

// try sends what is left of the range, and commits it when nothing is.
func (l *lane) try(ctx context.Context) error {
	release, err := l.room.budget.take(ctx, 2*l.begun.span.Bytes+4096)
	if err != nil {
		return err
	}
	defer release()
	var records []*Record
	if s, ok := l.target.Sender.(ParcelSender); ok {
		records, err = l.sendParcels(ctx, s)
	} else {
		records, err = l.sendRecords(ctx)
	}
	l.judge(records, err)
	open := 0
	for _, r := range records {
		l.begun.verdicts[r.ID] = r.verdict
		if r.verdict.open() {
			open++
		}
	}
	switch {
	case err != nil && (open > 0 || records == nil):
		return err
	case open > 0:
		return fmt.Errorf("%d of %d records were not delivered", open, len(records))
	case err != nil: // all that failed was given up
		l.note(err)
	}
	return l.commit(ctx, records)
}

// sendRecords makes the records of the range and sends those without a verdict.
func (l *lane) sendRecords(ctx context.Context) ([]*Record, error) {
	m := maker{route: l.target.Route, packer: envelope.GetPacker()}
	defer m.packer.Release()
	err := l.room.cfg.Source.Parcels(ctx, l.target.Route, l.begun.span.Range, func(p event.Parcel) error {
		m.add(p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	open := l.open(m.records)
	if len(open) == 0 {
		return m.records, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.room.cfg.Rules.Timeout)
	defer cancel()
	return m.records, l.target.Sender.Send(ctx, open)
}

// open takes over the verdicts of earlier tries, and returns what has none.
func (l *lane) open(records []*Record) (open []*Record) {
	for _, r := range records {
		r.verdict = l.begun.verdicts[r.ID]
		if r.verdict.open() && r.Arrived < l.disabled {
			r.GiveUp(Disabled)
		}
		if r.verdict.open() {
			open = append(open, r)
		}
	}
	return open
}

// sendParcels is sendRecords where parcels are sent as they are: each stands for one
// record.
func (l *lane) sendParcels(ctx context.Context, s ParcelSender) (records []*Record, failure error) {
	ctx, cancel := context.WithTimeout(ctx, l.room.cfg.Rules.Timeout)
	defer cancel()
	records = []*Record{}
	err := l.room.cfg.Source.Parcels(ctx, l.target.Route, l.begun.span.Range, func(p event.Parcel) error {
		r := &Record{
			ID:     ID{Route: l.target.Route, Shard: l.shard, Number: p.Position.Number},
			Events: p.Count(), Bytes: p.Bytes(), Arrived: p.Arrived,
		}
		records = append(records, r)
		if len(l.open([]*Record{r})) == 0 || failure != nil {
			return nil // in order: nothing goes past what failed
		}
		if failure = s.SendParcel(ctx, l.target.Route, p); failure == nil {
			r.Delivered()
		}
		return nil
	})
	if failure == nil && err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return records, failure
}

// judge gives up what the rules say after a failure.
func (l *lane) judge(records []*Record, err error) {
	var refused *Refusal
	if err == nil && len(records) > 0 {
		return
	}
	now := l.room.cfg.Clock.Now()
	rules := l.room.cfg.Rules
	isRefused := errors.As(err, &refused)
	if isRefused && rules.Disable > 0 {
		l.disabled = now.Add(rules.Disable).UnixMilli()
	}
	for _, r := range records {
		switch {
		case !r.verdict.open():
		case rules.RetryFor > 0 && !isRefused && now.Sub(time.UnixMilli(r.Arrived)) >= rules.RetryFor:
			r.GiveUp(Expired)
		case r.Arrived < l.disabled:
			r.GiveUp(Disabled)
		}
	}
}

// commit says in the log what became of the range.
func (l *lane) commit(ctx context.Context, records []*Record) error {
	c := commit{position: l.begun.span.Range.End}
	for _, r := range records {
		if r.verdict.delivered {
			c.delivered += uint64(r.Events)
			c.bytes += uint64(r.Bytes)
			continue
		}
		c.skip(Skip{r.verdict.givenUp, uint64(r.Events), uint64(r.Bytes), r.Arrived, r.Arrived})
	}
	l.mu.Lock()
	c.failures = l.failures
	l.mu.Unlock()
	for _, s := range c.skips {
		l.room.cfg.Logger.Warn("events given up", "destination", l.target.Name, "shard", l.shard, "reason", s.Reason.String(),
			"events", s.Events, "bytes", s.Bytes, "oldest", time.UnixMilli(s.Oldest), "newest", time.UnixMilli(s.Newest))
	}
	err := l.room.cfg.Journal.Append(ctx, l.shard, wal.TypeCommit, l.target.Route, c.append(nil))
	switch {
	case err == nil:
		l.mu.Lock()
		l.failures -= c.failures
		l.mu.Unlock()
	case !errors.Is(err, wal.ErrNoSegment):
		return &stopError{fmt.Errorf("append to the log: %w", err)}
	}
	return err
}

// stopError ends a lane: nobody knows whether a commit is durable before the next
// start.
type stopError struct{ error }

func (e *stopError) Unwrap() error { return e.error }

// failed notes a failure and waits before the next try. It reports false when there
// must be none.
func (l *lane) failed(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	attempts, goOn := l.note(err)
	if attempts == 0 || !goOn {
		l.room.cfg.Logger.Warn("destination does not take events", "destination", l.target.Name, "shard", l.shard, "error", err)
	}
	if !goOn {
		return false
	}
	l.look.Reset(backOff(attempts))
	l.rest()
	select {
	case <-ctx.Done():
		return false
	case <-l.look.C:
		return true
	}
}

// note counts a failure and returns how many came before it in a row.
func (l *lane) note(err error) (attempts int, goOn bool) {
	var refused *Refusal
	var stop *stopError
	l.mu.Lock()
	defer l.mu.Unlock()
	attempts = l.attempts
	l.attempts++
	l.failures++
	l.last = err.Error()
	switch {
	case errors.As(err, &stop):
		l.condition = Stopped
	case errors.As(err, &refused):
		l.condition = Parked
	default:
		l.condition = Retrying
	}
	return attempts, l.condition != Stopped
}

func (l *lane) succeeded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.attempts > 0 && l.condition != Sending {
		l.room.cfg.Logger.Info("destination takes events again", "destination", l.target.Name, "shard", l.shard, "attempts", l.attempts)
	}
	l.attempts, l.condition, l.last = 0, Sending, ""
}

// backOff is full jitter up to a bound that doubles.
func backOff(attempts int) time.Duration {
	bound := retryMost
	if attempts < 9 {
		bound = min(retryMost, retryLeast<<attempts)
	}
	return retryLeast + rand.N(bound-retryLeast+1)
}

// begin tells the clock that work is under way, rest that it is over.
func (l *lane) begin() {
	if l.endWork == nil {
		l.endWork = l.room.cfg.Clock.Begin(l.name() + ": delivery")
	}
}

func (l *lane) rest() {
	if l.endWork != nil {
		l.endWork()
		l.endWork = nil
	}
}

func (l *lane) status() Status {
	s := Status{Name: l.target.Name, Route: l.target.Route, Shard: l.shard, Counts: l.state.Of(l.target.Route)}
	s.Oldest = l.room.cfg.Source.Span(l.target.Route, l.shard, s.Position, 1).Oldest
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Condition, s.LastError = l.condition, l.last
	s.Failures = s.Counts.Failures + l.failures
	return s
}
