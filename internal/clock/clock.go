// Package clock holds sluice's two clocks.
//
// # What it is
//
// Event is the clock that users can see: timestamps, age checks, buffering
// hints, rotation, retention, metrics, alarms and retry back-off read it. It is
// Real in production and a Test clock under --test-clock, which stands still
// until somebody moves it. Machine is the clock of the machine: commits,
// sockets, TLS, signature skew and timeouts read it, and it is always real, so
// that a clock that stands still can never stall the process itself.
//
// # How a room uses it
//
// A room takes a clock.Event in its Config and never calls package time's
// Now, After or Sleep for anything that a user could wait for. Each recurring
// duty is one Timer with a name that a person understands, because that name
// is what /clock/advance answers with while the duty is unfinished:
//
//	t := cfg.Clock.NewTimer("delivery stream lake: buffering hint", 60*time.Second)
//	defer t.Stop()
//	for {
//		select {
//		case <-ctx.Done():
//			return nil
//		case <-t.C:
//			cutWhatIsDue(ctx)
//			t.Reset(untilNextHint()) // re-arming says that this firing is done
//		}
//	}
//
// A firing is done when its consumer calls Done, Reset, ResetAt or Stop: do it
// after the attempt, whether that succeeded or not. Work that is under way
// without a timer (a batch between two rooms, say) is registered with Begin.
//
// # What moving a Test clock means
//
// Set and Advance wait until the process rests (no firing and no Begin is
// open), move to the earliest timer that is due, fire it together with all
// others of the same instant, wait for rest again, and so on: work that a
// firing makes due inside the jump runs at its own instant, in time order.
// They give up waiting after Limit, jump to the target at once, and return a
// *PendingError that names what was still open.
//
// Nothing here survives a restart: a test clock starts again at its flag.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and wakes people up.
type Clock interface {
	// Now is the current instant, in UTC on a Test clock.
	Now() time.Time

	// NewTimer arms a timer that fires after d; at once when d is not positive.
	// The name says whose duty it is.
	NewTimer(name string, d time.Duration) *Timer

	// Sleep returns after d, or with ctx's error. What follows a Sleep is not
	// waited for by Advance: a duty that Advance should see finished takes a
	// Timer, or Begins before it sleeps.
	Sleep(ctx context.Context, d time.Duration) error

	// Begin registers work that is under way until end is called. A Test clock
	// does not move over it. Calling end twice is harmless.
	Begin(name string) (end func())
}

// Event is the clock of everything a user can see. It is a Real or a *Test.
type Event = Clock

// Timer is one named, re-armable duty. Like time.Timer it belongs to one
// goroutine; after Stop or Reset no stale firing can be received from C.
type Timer struct {
	// C delivers the instant of each firing.
	C <-chan time.Time

	ring ring
}

// ring is the side of a Timer that belongs to its clock.
type ring interface {
	reset(d time.Duration)
	resetAt(t time.Time)
	stop() bool
	done()
}

// Done says that the last firing was attended to. Without a firing it does
// nothing.
func (t *Timer) Done() { t.ring.done() }

// Reset arms the timer for d from now and says that the last firing is done.
func (t *Timer) Reset(d time.Duration) { t.ring.reset(d) }

// ResetAt arms the timer for an instant and says that the last firing is done.
// An instant that has passed fires at once.
func (t *Timer) ResetAt(at time.Time) { t.ring.resetAt(at) }

// Stop disarms the timer and says that the last firing is done. It reports
// whether the timer was armed.
func (t *Timer) Stop() bool { return t.ring.stop() }

// sleep is Sleep by way of a timer.
func sleep(ctx context.Context, c Clock, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := c.NewTimer("sleep", d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
