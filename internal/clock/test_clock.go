package clock

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limit is how long (by the machine's clock) Set and Advance wait for
// everything that is due.
const Limit = 10 * time.Second

// Test is an Event clock that stands still until Set or Advance move it.
type Test struct {
	turn chan struct{} // holds a token while one Set or Advance is under way

	mu    sync.Mutex
	now   time.Time
	armed armedTimers
	order uint64         // of arming, so that one instant fires in that order
	open  map[any]string // firings (*testRing) and begun work (*work) by name
	rest  chan struct{}  // closed when open gets empty; nil when nobody waits
}

// NewTest starts a clock that stands at the given instant.
func NewTest(at time.Time) *Test {
	return &Test{
		turn: make(chan struct{}, 1),
		now:  at.UTC().Round(0),
		open: make(map[any]string),
	}
}

// PendingError says that a Set or an Advance reached its instant while work
// that was due had not been attempted to its end.
type PendingError struct {
	Now     time.Time
	Pending []string // names of timers and begun work, sorted
}

func (e *PendingError) Error() string {
	return fmt.Sprintf("clock: moved to %s while still pending: %s",
		e.Now.Format(time.RFC3339Nano), strings.Join(e.Pending, ", "))
}

// BackwardsError says that a clock was asked to go back.
type BackwardsError struct{ Now, To time.Time }

func (e *BackwardsError) Error() string {
	return fmt.Sprintf("clock: stands at %s and moves forward only, so it cannot go to %s",
		e.Now.Format(time.RFC3339Nano), e.To.Format(time.RFC3339Nano))
}

// Now is the instant at which the clock stands.
func (c *Test) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// NewTimer arms a timer on this clock.
func (c *Test) NewTimer(name string, d time.Duration) *Timer {
	ch := make(chan time.Time, 1)
	r := &testRing{clock: c, name: name, c: ch, index: -1}
	r.reset(d)
	return &Timer{C: ch, ring: r}
}

// Sleep waits until the clock was moved by d.
func (c *Test) Sleep(ctx context.Context, d time.Duration) error { return sleep(ctx, c, d) }

// Begin keeps the clock from moving until end is called.
func (c *Test) Begin(name string) (end func()) {
	w := &work{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[w] = name
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.closeLocked(w)
	}
}

type work struct{ _ byte } // not empty: each needs an address of its own

// Set moves the clock to an instant. See the package comment for what it waits
// for; a *PendingError means that the clock stands at the instant nonetheless.
func (c *Test) Set(ctx context.Context, to time.Time) error {
	return c.move(ctx, func(time.Time) time.Time { return to.UTC().Round(0) })
}

// Advance moves the clock forward by a duration, as Set does.
func (c *Test) Advance(ctx context.Context, by time.Duration) error {
	return c.move(ctx, func(now time.Time) time.Time { return now.Add(by) })
}

func (c *Test) move(ctx context.Context, target func(now time.Time) time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return fmt.Errorf("clock: wait for another move of the clock: %w", ctx.Err())
	}
	now := c.Now()
	to := target(now)
	if to.Before(now) {
		return &BackwardsError{Now: now, To: to}
	}
	for {
		if !c.awaitRest(ctx) {
			return c.jump(to)
		}
		if !c.step(to) {
			return nil
		}
	}
}

// awaitRest waits until nothing is open, and reports false when ctx ends first.
func (c *Test) awaitRest(ctx context.Context) bool {
	for {
		c.mu.Lock()
		if len(c.open) == 0 {
			c.mu.Unlock()
			return ctx.Err() == nil
		}
		if c.rest == nil {
			c.rest = make(chan struct{})
		}
		rest := c.rest
		c.mu.Unlock()
		select {
		case <-rest:
		case <-ctx.Done():
			return false
		}
	}
}

// step fires the timers of the next due instant. It reports false when none is
// due up to the target, where the clock then stands.
func (c *Test) step(to time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.armed) == 0 || c.armed[0].when.After(to) {
		c.now = to
		return false
	}
	if when := c.armed[0].when; when.After(c.now) {
		c.now = when
	}
	c.fireDueLocked()
	return true
}

// jump gives up on stepping: everything due fires now, and what is open is
// named. Without it one stuck consumer would stop the clock for everybody.
func (c *Test) jump(to time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
	c.fireDueLocked()
	if len(c.open) == 0 {
		return nil
	}
	e := &PendingError{Now: to}
	for _, name := range c.open {
		e.Pending = append(e.Pending, name)
	}
	slices.Sort(e.Pending)
	return e
}

func (c *Test) fireDueLocked() {
	for len(c.armed) > 0 && !c.armed[0].when.After(c.now) {
		heap.Pop(&c.armed).(*testRing).fireLocked()
	}
}

func (c *Test) closeLocked(key any) {
	delete(c.open, key)
	if len(c.open) == 0 && c.rest != nil {
		close(c.rest)
		c.rest = nil
	}
}

// testRing is a Timer of a Test clock. The clock's mutex guards it.
type testRing struct {
	clock *Test
	name  string
	c     chan time.Time // one slot: an unread firing is replaced, never queued
	when  time.Time
	order uint64
	index int // in clock.armed, -1 while not armed
}

func (r *testRing) reset(d time.Duration) {
	r.clock.mu.Lock()
	defer r.clock.mu.Unlock()
	r.armLocked(r.clock.now.Add(d))
}

func (r *testRing) resetAt(t time.Time) {
	r.clock.mu.Lock()
	defer r.clock.mu.Unlock()
	r.armLocked(t.UTC().Round(0))
}

func (r *testRing) stop() bool {
	r.clock.mu.Lock()
	defer r.clock.mu.Unlock()
	wasArmed := r.disarmLocked()
	r.clock.closeLocked(r)
	return wasArmed
}

func (r *testRing) done() {
	r.clock.mu.Lock()
	defer r.clock.mu.Unlock()
	r.clock.closeLocked(r)
}

func (r *testRing) armLocked(when time.Time) {
	r.disarmLocked()
	r.when = when
	if !when.After(r.clock.now) {
		r.fireLocked()
		return
	}
	r.clock.order++
	r.order = r.clock.order
	heap.Push(&r.clock.armed, r)
	r.clock.closeLocked(r) // last: a waiting Advance must find the new arming
}

// disarmLocked takes back an arming or an unread firing.
func (r *testRing) disarmLocked() bool {
	wasArmed := r.index >= 0
	if wasArmed {
		heap.Remove(&r.clock.armed, r.index)
	}
	select {
	case <-r.c:
	default:
	}
	return wasArmed
}

func (r *testRing) fireLocked() {
	r.clock.open[r] = r.name
	r.c <- r.clock.now // the slot is free: arming emptied it
}

// armedTimers is a heap by (instant, order of arming).
type armedTimers []*testRing

func (h armedTimers) Len() int { return len(h) }
func (h armedTimers) Less(i, j int) bool {
	if n := h[i].when.Compare(h[j].when); n != 0 {
		return n < 0
	}
	return cmp.Less(h[i].order, h[j].order)
}
func (h armedTimers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *armedTimers) Push(x any) {
	r := x.(*testRing)
	r.index = len(*h)
	*h = append(*h, r)
}
func (h *armedTimers) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	r.index = -1
	return r
}
