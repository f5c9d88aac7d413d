package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// Source is where matches wait; *embedded.Streams is one.
type Source interface {
	Span(key uint64, shard uint32, from uint64, maxBytes int64) event.Span
	Parcels(ctx context.Context, key uint64, r event.Range, visit func(event.Parcel) error) error
	Notify(key uint64) (more <-chan struct{}, stop func())
}

// Journal makes commits durable.
type Journal interface {
	Append(ctx context.Context, shard uint32, t wal.Type, key uint64, payload []byte) error
}

// Sender delivers to one destination. It is used by one goroutine for each shard.
type Sender interface {
	// Send tries each record once and says of each that it was Delivered or that it
	// must GiveUp. Records of one key arrive in order. The error is why some are
	// neither: a *Refusal if that will not pass by itself.
	Send(ctx context.Context, records []*Record) error
	// Probe delivers a test message.
	Probe(ctx context.Context, at time.Time) error
}

// ParcelSender is a Sender that makes records of its own. Parcels are sent in order;
// nil says that all of one arrived.
type ParcelSender interface {
	SendParcel(ctx context.Context, route uint64, p event.Parcel) error
}

// Refusal says that a destination takes nothing until somebody changes it: access
// is denied, or it is not there.
type Refusal struct{ Err error }

// Error is the reason.
func (r *Refusal) Error() string { return "refused: " + r.Err.Error() }

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// Rules say what happens to what cannot be delivered.
type Rules struct {
	// RetryFor is how long after events arrived a failure that may pass gives them
	// up. 0: never.
	RetryFor time.Duration
	// Disable is how long a destination that refuses gets nothing, and what comes
	// for it is given up: AWS's rule is AWSDisable. 0: everything waits.
	Disable time.Duration
	// Budget bounds the bytes of all records on their way. Default 64 MiB.
	Budget int64
	// Timeout bounds one attempt, by the machine's clock. Default 30 s.
	Timeout time.Duration
}

// What AWS does.
const (
	AWSRetryFor = 24 * time.Hour
	AWSDisable  = 10 * time.Minute
)

// Target is a destination.
type Target struct {
	// Name is the ARN, Route the uid that matches for it have.
	Name   string
	Route  uint64
	Sender Sender
}

// Config is what an outbox needs. Clock, Source, Journal and States, one for each
// shard, are required.
type Config struct {
	Clock   clock.Event
	Source  Source
	Journal Journal
	States  []*State
	Rules   Rules
	Logger  *slog.Logger
}

// Room runs the lanes of all targets.
type Room struct {
	cfg    Config
	budget *budget

	mu      sync.Mutex // guards the fields below
	lanes   []*lane
	routes  map[uint64]bool
	running context.Context // nil before Run
	ended   bool
	wg      sync.WaitGroup
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Room, error) {
	if cfg.Clock == nil || cfg.Source == nil || cfg.Journal == nil || len(cfg.States) == 0 {
		return nil, errors.New("make outbox: clock, source, journal and states are needed")
	}
	if cfg.Rules.Budget == 0 {
		cfg.Rules.Budget = 64 << 20
	}
	if cfg.Rules.Timeout == 0 {
		cfg.Rules.Timeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Room{cfg: cfg, budget: &budget{limit: cfg.Rules.Budget}, routes: map[uint64]bool{}}, nil
}

// Add serves one more target from now on; one whose route is served already is left
// as it is.
func (r *Room) Add(t Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.routes[t.Route] || r.ended {
		return
	}
	r.routes[t.Route] = true
	for shard, state := range r.cfg.States {
		l := newLane(r, t, uint32(shard), state)
		r.lanes = append(r.lanes, l)
		if r.running != nil {
			r.start(l)
		}
	}
}

// start runs a lane. mu is held.
func (r *Room) start(l *lane) {
	ctx := r.running
	r.wg.Go(func() { l.run(ctx) })
}

// Run sends until ctx is done.
func (r *Room) Run(ctx context.Context) error {
	r.mu.Lock()
	r.running = ctx
	for _, l := range r.lanes {
		r.start(l)
	}
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.wg.Wait()
	return fmt.Errorf("send: %w", ctx.Err())
}

// Condition is how a lane does.
type Condition uint8

// The conditions, from good to bad.
const (
	Sending  Condition = iota
	Retrying           // the last attempt failed, the next may succeed
	Parked             // the destination refuses; everything waits
	Stopped            // the log took no commit: until a restart nothing is sent
)

// Status is what is known of one lane.
type Status struct {
	Name      string
	Route     uint64
	Shard     uint32
	Condition Condition
	LastError string
	Counts
	// Failures adds those since the last commit.
	Failures uint64
	// Oldest is the arrival of the oldest event that waits, ms; 0 without one.
	Oldest int64
}

// Heed has all lanes look for matches that wait for some. They do so unasked, too;
// but a Test clock that moves after Heed waits for their looks.
func (r *Room) Heed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lanes {
		l.heed()
	}
}

// Status lists all lanes.
func (r *Room) Status() []Status {
	r.mu.Lock()
	lanes := r.lanes[:len(r.lanes):len(r.lanes)]
	r.mu.Unlock()
	out := make([]Status, len(lanes))
	for i, l := range lanes {
		out[i] = l.status()
	}
	return out
}
