package kinesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errWanted ends the work on a shard that another member asked for.
var errWanted = errors.New("another member asks for the lease")

const (
	// releaseTimeout bounds how long a member that stops waits for the table.
	releaseTimeout = 2 * time.Second
	minBackoff     = 20 * time.Millisecond
	maxBackoff     = 10 * time.Second
)

// holder holds one lease: its work and its renewals.
type holder struct {
	*leaseMember
	lease  *Lease
	cancel context.CancelCauseFunc
}

// run works until the context ends or the shard does, and gives the lease back.
func (h *holder) run(ctx context.Context) {
	var wg sync.WaitGroup
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx)) // a visit that goes on keeps its lease
	wg.Go(func() { h.keep(renewing) })
	h.working(ctx)
	stop()
	wg.Wait()
	h.giveBack(ctx)
	shard := h.lease.Shard()
	if h.lease.Checkpoint().Position == End {
		select {
		case h.soon <- struct{}{}:
		default:
		}
	}
	h.ended <- shard
}

func (h *holder) working(ctx context.Context) {
	for pause := minBackoff; ctx.Err() == nil && h.lease.Checkpoint().Position != End; {
		began := h.clock.Now()
		err := h.work(ctx, h.lease)
		if err == nil || ctx.Err() != nil {
			continue // ended, or to go on at once
		}
		h.failures.Add(1)
		h.log.Warn("kinesis shard is tried again", "shard", h.lease.Shard(), "error", err)
		if h.clock.Now().Sub(began) > maxBackoff {
			pause = minBackoff
		}
		if h.clock.Sleep(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, maxBackoff)
	}
}

// keep renews the lease, and ends the work when that fails for as long as the
// lease stands, or when another member asks for it.
func (h *holder) keep(ctx context.Context) {
	for h.clock.Sleep(ctx, h.cfg.Term/3) == nil {
		limited, cancel := context.WithTimeout(ctx, h.cfg.Term/3)
		err := h.lease.renew(limited)
		cancel()
		switch {
		case ctx.Err() != nil, errors.Is(err, ErrFenced):
			return
		case err != nil && h.lease.age() >= h.cfg.Term:
			h.cancel(fmt.Errorf("%w: not renewed for %v: %w", ErrFenced, h.cfg.Term, err))
			return
		case err != nil:
			h.log.Warn("kinesis lease is renewed again", "shard", h.lease.Shard(), "error", err)
		case h.lease.current().Wanted != "":
			h.cancel(errWanted)
		}
	}
}

// giveBack releases a lease that is still this member's.
func (h *holder) giveBack(ctx context.Context) {
	if errors.Is(context.Cause(ctx), ErrFenced) {
		h.lost.Add(1)
		h.log.Warn("kinesis lease is lost", "shard", h.lease.Shard(), "epoch", h.lease.Epoch())
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	switch err := h.lease.release(ctx); {
	case err == nil:
		h.released.Add(1)
	case errors.Is(err, ErrFenced):
		h.lost.Add(1)
	default:
		h.log.Warn("kinesis lease is left to run out", "shard", h.lease.Shard(), "error", err)
	}
}
