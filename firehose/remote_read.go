package firehose

import (
	"context"
	"errors"
	"time"

	"sluice/internal/clock"
	"sluice/internal/objput"
)

const (
	fetchBytes     = 4 << 20
	readPauseLeast = 100 * time.Millisecond
	readPauseMost  = 10 * time.Second
	// gapRetry is how often a source that lost something is asked again.
	gapRetry = 10 * time.Second
)

// read fills the spool until ctx ends.
func (f *remote) read(ctx context.Context) {
	var machine clock.Machine
	pause := readPauseLeast
	for f.awaitRoom(ctx) == nil {
		err := f.fetch(ctx)
		done := false
		if err == nil {
			done, err = f.finish(ctx)
		}
		if err == nil && !done {
			err = errors.Join(f.short(), f.pass(ctx))
		}
		var gap *GapError
		switch {
		case err == nil:
			f.noteReading(nil)
			pause = readPauseLeast
			if done {
				return
			}
			continue
		case ctx.Err() != nil:
			return
		case errors.As(err, &gap):
			if f.passGap(gap) {
				continue
			}
			pause = gapRetry
		}
		f.noteReading(err)
		if machine.Sleep(ctx, pause) == nil {
			pause = min(2*pause, readPauseMost)
		}
	}
}

// awaitRoom waits while the spool is full, unless the open plan wants more, or while
// a gap comes next. A spool that is damaged is filled again in any case.
func (f *remote) awaitRoom(ctx context.Context) error {
	for ctx.Err() == nil {
		next, held, broken := f.spool.head()
		f.mu.Lock()
		need, ahead := f.need, f.ahead
		f.mu.Unlock()
		if broken || ahead == nil && (held < 2*f.room.outside.share() || next.Number < need) {
			return nil
		}
		f.peek(ctx, next)
		waiting, stop := context.WithTimeout(ctx, peekInterval)
		select {
		case <-f.spool.room:
		case <-waiting.Done():
		}
		stop()
	}
	return ctx.Err()
}

// peekInterval is how often a part that is not read is asked how far it goes.
const peekInterval = 10 * time.Second

var errPeek = errors.New("only looked")

// peek learns the lag of a part that is not read now.
func (f *remote) peek(ctx context.Context, next Place) {
	fetched, err := f.claim.Fetch(ctx, next, 1, func(*Record) error { return errPeek })
	if errors.Is(err, errPeek) {
		f.mu.Lock()
		defer f.mu.Unlock()
		fetched.Next = next
		f.fetched = fetched
	}
}

// fetch reads once.
func (f *remote) fetch(ctx context.Context) error {
	if f.spool.mend() {
		f.mu.Lock()
		f.ahead = nil // it is met again, behind what is read again
		f.mu.Unlock()
		f.goOn()
	}
	next, _, _ := f.spool.head()
	now := f.room.now()
	fetched, err := f.claim.Fetch(ctx, next, f.room.outside.fetchBytes(), func(r *Record) error {
		taken, err := f.spool.add(r, now)
		if !taken && err == nil {
			f.stream.duplicates.Add(1)
		}
		return err
	})
	if err == nil {
		err = f.spool.flush(fetched.Next)
	}
	if err != nil {
		f.spool.drop()
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetched, f.still = fetched, fetched.Next == next
	return nil
}

// short tells of a source that ends before the open plan does, which the last owner
// read in full: the lane would wait for other records in place of those, and nobody
// would know.
func (f *remote) short() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, next := f.cur.plan, f.fetched.Next
	if p == nil || p.gap || !f.still || next.Token != "" || max(next.Number, f.fetched.End) >= p.end {
		return nil
	}
	return &GapError{From: Place{Number: p.end}}
}

// pass has the source keep that the lane is done with what comes behind its last
// record: what senders sent twice, tombstones, marks of transactions. No cut covers
// them before there is another record, which may never come; the group would seem to
// lag until then, and whoever goes on here would find them lost once the source's
// retention took them. Nobody does it while records come. Only places that are
// nothing but a number are kept so, as the lane's position is another one.
func (f *remote) pass(ctx context.Context) error {
	next, _, broken := f.spool.head()
	f.mu.Lock()
	cur, bucket := f.cur, f.bucket
	idle := f.still && cur.plan == nil && f.proposed == nil && f.ahead == nil && next.Number > f.place.Number
	f.mu.Unlock()
	if !idle || broken || next.Token != "" || f.spool.span(cur.position, 1).Count > 0 {
		return nil
	}
	f.mu.Lock()
	f.unsure = &next
	f.mu.Unlock()
	return f.moveTo(ctx, cur, next, bucket)
}

// ensure repeats what pass had no answer to, until there is one: the commit could
// arrive behind another one, and undo that.
func (f *remote) ensure(ctx context.Context) error {
	f.mu.Lock()
	to, cur, bucket := f.unsure, f.cur, f.bucket
	f.mu.Unlock()
	if to == nil {
		return nil
	}
	return f.moveTo(ctx, cur, *to, bucket)
}

// goOn has the source read from where pass left off.
func (f *remote) goOn() {
	f.mu.Lock()
	place, position := f.place, f.cur.position
	f.mu.Unlock()
	if place.Number > position {
		f.spool.skip(place)
	}
}

// finish ends a part of which everything was read, once it is delivered.
func (f *remote) finish(ctx context.Context) (done bool, err error) {
	f.mu.Lock()
	f.last = f.fetched.Last
	last, next := f.last, f.fetched.Next
	f.mu.Unlock()
	if !last {
		return false, nil
	}
	signal(f.spool.more)
	for {
		f.mu.Lock()
		cur, bucket := f.cur, f.bucket
		f.mu.Unlock()
		if _, _, broken := f.spool.head(); broken {
			return false, nil // the rest is read again
		}
		if cur.plan == nil && f.spool.span(cur.position, 1).Count == 0 {
			if err := f.moveTo(ctx, cur, Place{cur.position, next.Token}, bucket); err != nil {
				return false, err
			}
			f.lost()
			return true, nil
		}
		select {
		case <-f.spool.room:
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
}

// passGap goes on behind what the source lost, if that is what the operator wants.
func (f *remote) passGap(gap *GapError) bool {
	if !f.room.cfg.SkipGaps || gap.First.Number < gap.From.Number {
		return false
	}
	f.room.cfg.Logger.Error("records are lost to the source's retention", "stream", f.stream.Name, "part", f.claim.Part(),
		"from", gap.From.Number, "to", gap.First.Number)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stream.lost.Add(int64(gap.First.Number - gap.From.Number))
	if f.cur.plan != nil && gap.From.Number < f.cur.plan.end { // planned, and then lost
		f.within = append(f.within, lost{gap.From.Number, gap.First.Number})
		f.spool.skip(gap.First)
		return true
	}
	f.ahead = gap
	signal(f.spool.more)
	return true
}

// noteReading keeps how reading fares, and says when that changes.
func (f *remote) noteReading(err error) {
	var gap *GapError
	next := Retrying
	switch {
	case err == nil:
		next = Delivering
	case errors.As(err, &gap), errors.Is(err, objput.ErrRefused):
		next = Parked
	}
	f.mu.Lock()
	changed := f.reading.Condition != next
	attempts := f.reading.Attempts + 1
	if err == nil {
		attempts = 0
	}
	f.reading = health{next, err, attempts}
	f.mu.Unlock()
	log := f.room.cfg.Logger.With("stream", f.stream.Name, "region", f.stream.Region, "account", f.stream.Account, "part", f.claim.Part())
	switch {
	case err != nil:
		f.stream.retries.Add(1)
		if changed {
			log.Error("reading the source failed", "condition", next.String(), "error", err)
		}
	case changed:
		log.Info("reading the source goes on")
	}
}
