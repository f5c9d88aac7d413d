package alarms

import (
	"context"
	"errors"
	"time"

	"sluice/internal/clock"
	"sluice/internal/monitoring/actions"
)

// laneKey names what is delivered in order: an alarm's notifications to an ARN.
// Were they not, an ALARM that is tried again could arrive behind its OK.
type laneKey struct {
	uid uint64
	arn string
}

// lane is the queue of a key. It is there while something is in it; mu of the
// Room guards it. An alarm changes its state every ten seconds at most, and a
// notification is tried for an hour, which bounds the queue.
type lane struct {
	queue   []job
	blocked bool // the first one failed and waits: nobody needs to wait for those behind
}

// job is one action on its way.
type job struct {
	due
	attempted func() // ends what the clock waits for
}

// dispatch hands an action to its lane. The test clock waits for its first
// attempt.
func (r *Room) dispatch(d due) {
	t, ok := r.cfg.State.transition(d)
	if !ok {
		return
	}
	asked := t.actions[d.index].arn
	key := laneKey{d.uid, asked}
	j := job{d, r.cfg.Clock.Begin("alarm " + t.name + ": action " + asked)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.serving == nil {
		j.attempted() // the next Run takes it up
		return
	}
	l := r.lanes[key]
	if l != nil {
		l.queue = append(l.queue, j)
		if l.blocked {
			j.attempted()
		}
		return
	}
	r.lanes[key] = &lane{queue: []job{j}}
	serving := r.serving
	serving.lanes.Go(func() { r.deliverLane(serving, key) })
}

// deliverLane does what is in a lane until it is empty.
func (r *Room) deliverLane(s *serving, key laneKey) {
	for {
		r.mu.Lock()
		l := r.lanes[key]
		if len(l.queue) == 0 || s.ctx.Err() != nil {
			for _, j := range l.queue {
				j.attempted()
			}
			delete(r.lanes, key)
			r.mu.Unlock()
			return
		}
		j := l.queue[0]
		l.queue = l.queue[1:]
		r.mu.Unlock()
		r.deliver(s, l, j)
	}
}

// Backing off, on the event clock.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// deliver tries an action until it is done, given up, or ctx ends.
func (r *Room) deliver(s *serving, l *lane, j job) {
	defer j.attempted()
	t, ok := r.cfg.State.transition(j.due)
	if !ok {
		return
	}
	asked := t.actions[j.index]
	delivery := r.cfg.Topics.Begin(notification(&t, j.index, r.scheduledAs(j.uid)))
	var retry *clock.Timer
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		settled, err := r.attempt(s, j.due, &t, delivery)
		if settled || s.ctx.Err() != nil {
			break
		}
		r.cfg.Logger.Warn("action of an alarm is tried again", "alarm", t.name, "action", asked.arn, "after", wait.String(), "error", err)
		if retry == nil {
			retry = r.cfg.Clock.NewTimer("alarm "+t.name+": retry of action "+asked.arn, wait)
			defer retry.Stop()
		} else {
			retry.Reset(wait)
		}
		r.block(l, j)
		select {
		case <-s.ctx.Done():
			return
		case <-retry.C:
		}
		if _, left := r.cfg.State.transition(j.due); !left {
			break // its alarm was deleted
		}
	}
	r.unblock(l, "alarm "+t.name+": action "+asked.arn)
}

// unblock has the clock wait again for those behind: it does so before it hears
// that the retry is over.
func (r *Room) unblock(l *lane, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !l.blocked {
		return
	}
	l.blocked = false
	for i := range l.queue {
		l.queue[i].attempted = r.cfg.Clock.Begin(name)
	}
}

// block lets the clock go on over a lane that waits.
func (r *Room) block(l *lane, j job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.blocked = true
	j.attempted()
	for _, behind := range l.queue {
		behind.attempted()
	}
}

// attempt tries an action once. settled says that its outcome is in the log.
func (r *Room) attempt(s *serving, d due, t *record, delivery *actions.Delivery) (settled bool, err error) {
	select {
	case s.attempts <- struct{}{}:
		defer func() { <-s.attempts }()
	case <-s.ctx.Done():
		return false, s.ctx.Err()
	}
	err = delivery.Attempt(s.ctx)
	if s.ctx.Err() != nil && err != nil {
		return false, err // broken off: it says nothing
	}
	now := r.nowMS()
	lost := errors.Is(err, actions.ErrNoTarget) || now-t.at >= r.cfg.RetryFor.Milliseconds()
	if err != nil && !lost {
		return false, err
	}
	outcome := record{kind: kindAction, at: now, scope: t.scope, name: t.name, transition: d.seq, index: d.index, asked: t.actions[d.index]}
	if err != nil {
		outcome.failed, outcome.fault = true, clip(err.Error())
		r.cfg.Logger.Error("action of an alarm failed", "alarm", t.name, "action", outcome.asked.arn, "error", err)
	}
	// Not s.ctx: what was sent is to be remembered, also while the process stops.
	if err := r.write(context.WithoutCancel(s.ctx), d.uid, &outcome); err != nil {
		return false, err
	}
	return true, nil
}

// clip bounds the text of a failure.
func clip(text string) string {
	const most = 1000
	if len(text) > most {
		return text[:most]
	}
	return text
}

// scheduledAs is an alarm's definition, nil when it was deleted.
func (r *Room) scheduledAs(uid uint64) *scheduled {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wheel.of[uid]
}
