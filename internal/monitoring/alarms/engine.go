package alarms

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"sluice/internal/monitoring/alarms/evaluation"
	"sluice/internal/wal"
)

// serving is what Run has started.
type serving struct {
	ctx      context.Context
	lanes    sync.WaitGroup
	attempts chan struct{} // a token for each attempt under way
}

// maxAttempts is how many actions are attempted at a time.
const maxAttempts = 32

// Run evaluates alarms and does their actions until ctx ends. What is not done
// then is gone on with by the next Run.
func (r *Room) Run(ctx context.Context) error {
	timer := r.begin(ctx)
	defer r.end()
	if err := r.buryOrphans(ctx); err != nil {
		return err
	}
	for _, d := range r.cfg.State.outbox() {
		r.dispatch(d)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer:
			if err := r.turn(ctx); err != nil {
				return err
			}
		}
	}
}

// begin goes on where the process before stopped.
func (r *Room) begin(ctx context.Context) <-chan time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Clock.Now()
	r.serving = &serving{ctx: ctx, attempts: make(chan struct{}, maxAttempts)}
	r.at = now.Unix()
	r.started = r.at
	r.at = min(r.at, r.evaluatedTo())
	r.timer = r.cfg.Clock.NewTimer("alarms: evaluation", time.Hour)
	r.arm()
	return r.timer.C
}

// evaluatedTo is the second up to which the processes before evaluated. Before
// the first mark it is when the oldest alarm was made. mu is held.
func (r *Room) evaluatedTo() int64 {
	if mark := r.cfg.State.Mark(); mark > 0 {
		return mark
	}
	oldest := int64(math.MaxInt64)
	for _, a := range r.wheel.of {
		oldest = min(oldest, a.Created/1000)
	}
	return oldest
}

func (r *Room) end() {
	r.mu.Lock()
	r.timer.Stop()
	r.timer = nil
	serving := r.serving
	r.mu.Unlock()
	serving.lanes.Wait()
	r.mu.Lock()
	r.serving = nil
	r.mu.Unlock()
}

// buryOrphans ends alarms whose deletion a crash cut in half: the catalog does
// not have them any more, and the log does.
func (r *Room) buryOrphans(ctx context.Context) error {
	for _, o := range r.cfg.State.living() {
		if d, ok := r.cfg.Definitions.Get(o.scope, o.name); ok && d.UID == o.uid {
			continue
		}
		rec := &record{kind: kindConfiguration, at: r.nowMS(), scope: o.scope, name: o.name, change: deleted, details: `{"version":"1.0","type":"Delete"}`}
		if err := r.write(ctx, o.uid, rec); err != nil {
			return err
		}
	}
	return nil
}

// arm sets the timer to what is due next. mu is held.
func (r *Room) arm() {
	if r.timer == nil || r.turning {
		return
	}
	if next := r.wheel.next(r.at); next > 0 {
		r.timer.ResetAt(time.Unix(next, 0))
	} else {
		r.timer.Stop()
	}
}

// schedule puts a definition where the engine sees it.
func (r *Room) schedule(a scheduled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wheel.of) == 0 {
		r.at = r.cfg.Clock.Now().Unix() // nothing was due until now
	}
	r.wheel.set(a.scope, a.Definition)
	r.arm()
}

func (r *Room) unschedule(uid uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wheel.remove(uid)
	r.arm()
}

// maxCatchUp bounds how much of a time is evaluated in which the process did not
// run. Metrics came until then, so what they still say shows within it.
const maxCatchUp = int64(time.Hour / time.Second)

// turn evaluates all that is due, second by second, as of each.
func (r *Room) turn(ctx context.Context) error {
	r.mu.Lock()
	r.turning = true
	began := r.at
	r.mu.Unlock()
	defer r.turned()
	var due []*scheduled
	for ctx.Err() == nil {
		now := r.cfg.Clock.Now().Unix()
		r.mu.Lock()
		next := r.wheel.next(r.at)
		if next > began+maxCatchUp && next < now-maxCatchUp {
			r.at = now - maxCatchUp
			next = r.wheel.next(r.at)
		}
		if next == 0 || next > now {
			r.mu.Unlock()
			return nil
		}
		due = r.wheel.due(due[:0], next)
		r.mu.Unlock()
		err := r.evaluate(ctx, due, next)
		if errors.Is(err, wal.ErrClosed) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			r.cfg.Logger.Error("alarms are not evaluated; the next turn tries again", "error", err)
		}
		r.mu.Lock()
		r.at = next
		r.mu.Unlock()
	}
	return nil
}

// turned arms the timer for what is due next.
func (r *Room) turned() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turning = false
	r.arm()
}

// evaluate judges alarms as of a second. Their transitions share a commit.
func (r *Room) evaluate(ctx context.Context, alarms []*scheduled, at int64) error {
	var last uint64
	var begun []due
	var failed error
	for _, a := range alarms {
		d, err := r.judge(ctx, a, at)
		if err != nil {
			failed = err
			continue
		}
		if d.seq > 0 {
			last = d.seq
			for i := range d.index {
				begun = append(begun, due{d.uid, d.seq, i})
			}
		}
	}
	if at/60 > r.cfg.State.Mark()/60 {
		seq, err := r.enqueue(ctx, 0, &record{kind: kindMark, at: at * 1000})
		if err != nil {
			return errors.Join(failed, err)
		}
		last = seq
	}
	if last > 0 {
		if err := r.cfg.Journal.WaitDurable(ctx, last); err != nil {
			return errors.Join(failed, err)
		}
	}
	for _, d := range begun {
		r.dispatch(d)
	}
	return failed
}

// judge evaluates one alarm. Where that changes its state, the result has the
// frame's sequence and, as its index, the number of actions.
//
// hot: BenchmarkTenThousandAlarms
func (r *Room) judge(ctx context.Context, a *scheduled, at int64) (due, error) {
	if a = r.fresh(a); a == nil || at*1000 < a.Updated {
		return due{}, nil
	}
	defer r.lock(a.UID)()
	current := r.cfg.State.of(&a.Definition)
	if at <= r.started && at*1000 <= current.Updated {
		return due{}, nil // judged already, by the process before
	}
	rule := a.rule()
	var room [16]evaluation.Slot
	slots := a.slots(room[:0], rule, at)
	if err := r.cfg.Metrics.Slots(a.scope, a.Metric, a.statistic(), a.period(), slots[0].At, slots); err != nil {
		return due{}, err
	}
	v := evaluation.Evaluate(rule, slots)
	if v.State == "" || v.State == current.State || r.fresh(a) == nil {
		return due{}, nil
	}
	why := evaluation.Explain(rule, slots, v)
	t := newTransition(a, current, v.State, why.Text, a.details(why, at), at*1000)
	seq, err := r.enqueue(ctx, a.UID, &t)
	return due{a.UID, seq, len(t.actions)}, err
}

// fresh is an alarm as it is defined now, nil when it was deleted. Where a
// deletion and an update crossed, the wheel still has it.
func (r *Room) fresh(a *scheduled) *scheduled {
	d, ok := r.cfg.Definitions.Get(a.scope, a.Name)
	if ok && d.UID == a.UID {
		return &scheduled{a.scope, d}
	}
	r.unschedule(a.UID)
	return nil
}

// slots are the empty slots of an evaluation, the newest one ending with the last
// whole step of the alarm's cadence.
func (a *scheduled) slots(dst []evaluation.Slot, rule evaluation.Rule, at int64) []evaluation.Slot {
	n := evaluation.Range(rule.EvaluationPeriods)
	end := at - at%a.cadence()
	for i := range n {
		begin := end - int64(n-i)*int64(a.Period)
		dst = append(dst, evaluation.Slot{At: time.Unix(begin, 0)})
	}
	return dst
}
