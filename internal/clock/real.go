package clock

import (
	"context"
	"time"
)

// Real is the machine's clock. Done and Begin cost nothing on it.
type Real struct{}

// Machine is the clock of commits, sockets, TLS and signature skew. It has no
// Test form: inside testing/synctest package time itself is under control.
type Machine = Real

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }

// NewTimer arms a time.Timer.
func (Real) NewTimer(_ string, d time.Duration) *Timer {
	t := time.NewTimer(d)
	return &Timer{C: t.C, ring: realRing{t}}
}

// Sleep waits for d or for ctx.
func (c Real) Sleep(ctx context.Context, d time.Duration) error { return sleep(ctx, c, d) }

// Begin registers nothing: nobody moves this clock.
func (Real) Begin(string) (end func()) { return func() {} }

type realRing struct{ t *time.Timer }

func (r realRing) reset(d time.Duration) { r.t.Reset(d) }
func (r realRing) resetAt(t time.Time)   { r.t.Reset(time.Until(t)) }
func (r realRing) stop() bool            { return r.t.Stop() }
func (r realRing) done()                 {}
