package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"sluice/internal/faultproxy"
)

// fault is one thing that happens, for as long as do takes.
type fault struct {
	name   string
	weight int
	needs  need
	do     func(ctx context.Context, t *run) error
}

// need is what must be there that a fault can happen to.
type need int

const (
	nothing need = iota
	aStore       // that speaks S3, behind the proxy
	aBroker
)

// lacking says why what a fault needs is not there; "" is that it is.
func (t *run) lacking(n need) string {
	switch {
	case n == aStore && t.proxy == nil:
		return "no --s3"
	case n == aBroker && t.topic == nil:
		return "no --broker"
	}
	return ""
}

var faults = []fault{
	{"SIGKILL", 5, nothing, func(ctx context.Context, t *run) error { return t.restart(ctx, syscall.SIGKILL) }},
	{"SIGTERM", 2, nothing, func(ctx context.Context, t *run) error { return t.restart(ctx, syscall.SIGTERM) }},
	{"stopped process", 1, nothing, func(ctx context.Context, t *run) error {
		t.server.signal(syscall.SIGSTOP)
		pause(ctx, t.upTo(3*time.Second))
		t.server.signal(syscall.SIGCONT)
		return nil
	}},
	{"clock ahead by an hour", 1, nothing, func(ctx context.Context, t *run) error {
		t.server.advance(ctx, time.Hour)
		return nil
	}},
	{"clock back by ten minutes", 1, nothing, func(ctx context.Context, t *run) error {
		t.server.setBack(10 * time.Minute)
		return t.restart(ctx, syscall.SIGKILL)
	}},
	{"full disk", 1, nothing, func(ctx context.Context, t *run) error {
		t.fullDisk = true
		err := t.restart(ctx, syscall.SIGKILL)
		pause(ctx, t.upTo(3*time.Second))
		t.fullDisk = false
		if err != nil {
			return err
		}
		return t.restart(ctx, syscall.SIGKILL)
	}},
	{"store out of reach", 2, aStore, func(ctx context.Context, t *run) error {
		t.proxy.Play(func(faultproxy.Request) faultproxy.Fault { return faultproxy.ResetBefore() })
		pause(ctx, t.upTo(5*time.Second))
		t.proxy.Play(nil)
		return nil
	}},
	{"store refuses", 1, aStore, func(ctx context.Context, t *run) error {
		t.proxy.Play(func(faultproxy.Request) faultproxy.Fault { return faultproxy.Status(403, "AccessDenied") })
		pause(ctx, t.upTo(3*time.Second))
		t.proxy.Play(nil)
		return nil
	}},
	{"store on a bad day, and SIGKILL", 4, aStore, func(ctx context.Context, t *run) error {
		t.proxy.Play(badDay(t.rng.Uint64()))
		pause(ctx, t.upTo(4*time.Second))
		err := t.restart(ctx, syscall.SIGKILL)
		pause(ctx, t.upTo(2*time.Second))
		t.proxy.Play(nil)
		return err
	}},
	{"Kafka out of reach", 2, aBroker, func(ctx context.Context, t *run) error {
		err := t.topic.tell("cut")
		pause(ctx, t.upTo(4*time.Second))
		return errors.Join(err, t.topic.tell("heal"))
	}},
	{"Kafka stopped", 1, aBroker, func(ctx context.Context, t *run) error {
		err := t.topic.process.Signal(syscall.SIGSTOP)
		pause(ctx, t.upTo(3*time.Second))
		return errors.Join(err, t.topic.process.Signal(syscall.SIGCONT))
	}},
	{"Kafka's leaders and coordinators move", 2, aBroker, func(_ context.Context, t *run) error { return t.topic.tell("move") }},
	{"Kafka on a bad day, and SIGKILL", 3, aBroker, func(ctx context.Context, t *run) error {
		err := t.topic.tell(fmt.Sprint("bad ", t.rng.Uint64()))
		pause(ctx, t.upTo(4*time.Second))
		err = errors.Join(err, t.restart(ctx, syscall.SIGKILL))
		pause(ctx, t.upTo(2*time.Second))
		return errors.Join(err, t.topic.tell("heal"))
	}},
}

// badDay breaks one request in four, each in another way.
func badDay(seed uint64) faultproxy.Script {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	ways := []faultproxy.Fault{
		faultproxy.Status(500, "InternalError"), faultproxy.StatusAfter(500, "InternalError"), faultproxy.Status(503, "SlowDown"),
		faultproxy.Status(409, "ConditionalRequestConflict"), faultproxy.StatusAfter(409, "ConditionalRequestConflict"),
		faultproxy.Status(412, "PreconditionFailed"), faultproxy.StatusAfter(412, "PreconditionFailed"),
		faultproxy.Empty(), faultproxy.ResetBefore(), faultproxy.ResetAfter(), faultproxy.Truncate(0), faultproxy.Truncate(50),
		faultproxy.Delay(20 * time.Millisecond), faultproxy.StallBefore(), faultproxy.StallAfter(),
	}
	return func(faultproxy.Request) faultproxy.Fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(4) > 0 {
			return faultproxy.Fault{}
		}
		return ways[rng.IntN(len(ways))]
	}
}

// possible are the faults that can happen here, each as often as it weighs.
func (t *run) possible() (all []fault) {
	for _, f := range faults {
		if t.lacking(f.needs) != "" {
			continue
		}
		for range f.weight {
			all = append(all, f)
		}
	}
	return all
}

// leftOut are the others, with the reason.
func (t *run) leftOut() (names []string) {
	for _, f := range faults {
		if reason := t.lacking(f.needs); reason != "" {
			names = append(names, f.name+": "+reason)
		}
	}
	return names
}

func (t *run) upTo(d time.Duration) time.Duration { return time.Duration(t.rng.Int64N(int64(d))) }

// restart ends the process and starts it anew. How long it took until the next
// batch was acknowledged is noted, unless the disk is full.
func (t *run) restart(ctx context.Context, signal syscall.Signal) error {
	if err := t.server.end(signal); err != nil {
		return err
	}
	began := time.Now()
	if err := t.server.start(ctx, t.fullDisk); err != nil {
		return err
	}
	t.report.Restarts++
	if t.fullDisk {
		return nil
	}
	for limit := began.Add(startedIn); ctx.Err() == nil; pause(ctx, time.Millisecond) {
		if ack := t.answers.lastAck(); ack.After(began) {
			t.recovery = append(t.recovery, ack.Sub(began))
			return nil
		}
		if time.Now().After(limit) {
			return errNothingAcknowledged
		}
	}
	return nil
}
