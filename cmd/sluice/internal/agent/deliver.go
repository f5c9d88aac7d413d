package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"sluice/cmd/sluice/internal/ship"
)

// Client puts batches into a log group.
type Client interface {
	// Put sends a request once. The same request, with the same invocation id and
	// the same body, may be put again after an error.
	Put(ctx context.Context, r *Request) (Answer, error)
	// Create makes the log stream, and the log group where that is allowed.
	Create(ctx context.Context, stream string) error
}

// Request is one PutLogEvents.
type Request struct {
	LogStreamName string
	InvocationID  string
	Attempt       int // from 1
	Body          []byte
}

// Answer is rejectedLogEventsInfo: of n events those before TooOldEnd and before
// ExpiredEnd, and those from TooNewStart on, were not stored. -1: there are none.
type Answer struct {
	TooOldEnd, ExpiredEnd, TooNewStart int
}

// Kept is the answer of a service that stored everything.
func Kept() Answer { return Answer{-1, -1, -1} }

// result is what became of a batch.
type result struct {
	batch  *batch
	answer Answer
	err    error // it was not stored and will not be
}

// dispatch hands sealed batches to senders. All of them are in the state first,
// so that after a crash the very same requests are sent again.
func (a *Agent) dispatch(sending context.Context, now time.Time) error {
	var ready []*batch
	for i := range a.lanes {
		if a.inFlight+len(ready) >= a.cfg.Connections {
			break
		}
		s := a.lanes[(a.turn+i)%len(a.lanes)]
		if b := a.seal(s, now); b != nil {
			s.flight = b
			ready = append(ready, b)
		}
	}
	if len(ready) == 0 {
		if a.dirty && now.Sub(a.saved) >= time.Second {
			return a.save()
		}
		return nil
	}
	a.turn++
	if err := a.save(); err != nil {
		return err
	}
	for _, b := range ready {
		a.inFlight++
		a.counts.sent.Add(int64(len(b.events)))
		a.senders.Go(func() { a.results <- a.deliver(sending, b) })
	}
	return nil
}

// seal takes the batch of a stream that is due.
func (a *Agent) seal(s *stream, now time.Time) *batch {
	switch {
	case s.flight != nil:
		return nil
	case len(s.recover) > 0:
		b := s.recover[0]
		s.recover = s.recover[1:]
		return b
	case s.open == nil, !s.full && !a.draining && now.Sub(s.open.begun) < a.cfg.Linger:
		return nil
	}
	b := s.open
	s.open, s.full = nil, false
	before := len(b.body)
	b.close()
	a.buffered += len(b.body) - before
	b.invocation = newInvocation()
	b.sealed = b.sum()
	return b
}

// newInvocation is a random UUID, as SDKs send it.
func newInvocation() string {
	var u [16]byte
	rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// nextLinger is the time until an open batch is due.
func (a *Agent) nextLinger(now time.Time) time.Duration {
	least := time.Hour
	for _, s := range a.lanes {
		if s.open != nil && s.flight == nil {
			least = min(least, max(time.Millisecond, a.cfg.Linger-now.Sub(s.open.begun)))
		}
	}
	return least
}

// settle takes an answer: what was refused is kept aside, then the files move on.
func (a *Agent) settle(r result) error {
	b := r.batch
	a.inFlight--
	if r.err != nil && !a.refused(r.err) {
		return r.err
	}
	if err := a.hook("answered"); err != nil {
		return err
	}
	if err := a.setAside(r); err != nil {
		return err
	}
	for i := range b.ranges {
		span := &b.ranges[i]
		f := a.files[span.File]
		if f == nil {
			continue
		}
		f.outstanding--
		if span.life == f.life {
			f.acked = span.After
		}
		if f.outstanding == 0 && f.located {
			f.acked = f.cursor.mark()
		}
	}
	a.dirty = true
	a.streams[b.stream].flight = nil
	a.release(b)
	return nil
}

// refused reports whether a failed batch is to be set aside.
func (a *Agent) refused(err error) bool {
	var service *ServiceError
	return a.cfg.Quarantine != "" && errors.As(err, &service) && service.kind() == invalid
}

// deliver sends one batch until the service has it.
func (a *Agent) deliver(ctx context.Context, b *batch) result {
	request := &Request{LogStreamName: b.stream, InvocationID: b.invocation, Body: b.body}
	var told time.Time
	for failures := 0; ; failures++ {
		request.Attempt = failures + 1
		if err := a.hook("send"); err != nil {
			return result{b, Kept(), err}
		}
		answer, err := a.client.Put(ctx, request)
		if err == nil {
			return result{b, answer, a.hook("sent")}
		}
		if ctx.Err() != nil {
			return result{b, Kept(), ctx.Err()}
		}
		kind := kindOf(err)
		if kind == missing && failures < 3 {
			created := a.client.Create(ctx, b.stream)
			if created == nil {
				continue
			}
			err = created
			kind = kindOf(err)
		}
		if failures >= 2 && kind == invalid && a.refused(err) || kind != passing && a.cfg.Once && failures >= 2 {
			return result{b, Kept(), err}
		}
		a.counts.retries.Add(1)
		delay := backOff(failures, kind)
		if time.Since(told) > time.Minute {
			told = time.Now()
			a.log.Warn("not stored; reading waits, nothing is dropped", "logStream", b.stream, "error", err,
				"attempts", request.Attempt, "again", delay.String())
		}
		if !sleep(ctx, delay) {
			return result{b, Kept(), ctx.Err()}
		}
	}
}

// backOff doubles from half a second to 30 s, and from 5 s to a minute where only
// a person can help; a random half of it keeps agents apart.
func backOff(failures int, kind errorKind) time.Duration {
	least, most := 500*time.Millisecond, 30*time.Second
	if kind != passing {
		least, most = 5*time.Second, time.Minute
	}
	d := min(most, least<<min(failures, 10))
	return d/2 + mathrand.N(d/2)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *Agent) hook(name string) error {
	if a.step == nil {
		return nil
	}
	return a.step(name)
}

func (a *Agent) now() time.Time { return time.Now() }

// rejections tells for each event of a batch why it was not stored; "" if it was.
func (r *result) rejection(i int) string {
	switch {
	case r.err != nil:
		return r.err.Error()
	case i < r.answer.TooOldEnd:
		return "too old"
	case i < r.answer.ExpiredEnd:
		return "expired"
	case r.answer.TooNewStart >= 0 && i >= r.answer.TooNewStart:
		return "too new"
	}
	return ""
}

// setAside counts what a batch came to, and writes what was refused to the
// quarantine before the files move past it.
func (a *Agent) setAside(r result) error {
	var rejected ship.Rejected
	var lines []byte
	var invalid int64
	for i := range r.batch.events {
		if r.err == nil && r.answer == Kept() {
			break
		}
		why := r.rejection(i)
		switch why {
		case "":
			continue
		case "too old":
			rejected.TooOld++
		case "expired":
			rejected.Expired++
		case "too new":
			rejected.TooNew++
		default:
			invalid++
		}
		if a.cfg.Quarantine != "" {
			lines = appendQuarantined(lines, r.batch, i, why)
		}
	}
	if total := rejected.Total() + invalid; total > 0 {
		a.log.Warn("events were refused", "logStream", r.batch.stream, "tooOld", rejected.TooOld, "expired", rejected.Expired,
			"tooNew", rejected.TooNew, "invalid", invalid, "quarantine", a.cfg.Quarantine)
	}
	if err := quarantine(a.cfg.Quarantine, lines); err != nil {
		return err
	}
	a.counts.acknowledge(int64(len(r.batch.events)), r.batch.text, rejected, invalid)
	return nil
}
