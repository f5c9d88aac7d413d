package kinesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/event"
)

// Source reads the shards of one stream into the log. It runs once.
type Source struct {
	cfg    Config
	links  Links
	clock  clock.Machine // of waiting
	counts counts

	mu     sync.Mutex // guards shards
	shards []*reading
}

// New checks the configuration. It connects to nothing.
func New(cfg Config, links Links) (*Source, error) {
	if links.Shards == nil || links.Definitions == nil || links.Appender == nil || links.Marks == nil || links.Lanes == nil || links.Clock == nil {
		return nil, errors.New("make kinesis source: shards, definitions, appender, marks, lanes and clock are needed")
	}
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("kinesis source %s: %w", cfg.Name, err)
	}
	cfg.setDefaults()
	cfg.Logger = cfg.Logger.With("kinesis_source", cfg.Name)
	return &Source{cfg: cfg, links: links}, nil
}

// Name is the source's name.
func (s *Source) Name() string { return s.cfg.Name }

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
	gapRetry   = 30 * time.Second
)

// Run reads until ctx ends, and returns its error. Everything that can go wrong is
// tried again.
func (s *Source) Run(ctx context.Context) error {
	s.links.Shards.Run(ctx, s.serve)
	return ctx.Err()
}

// serve reads a shard for as long as it is ours.
func (s *Source) serve(ctx context.Context, shard Shard) {
	r := &reading{s: s, shard: shard, name: shard.Name(), log: s.cfg.Logger.With("shard", shard.Name()), targets: map[event.Source]target{}}
	s.mu.Lock()
	s.shards = append(s.shards, r)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shards = slices.DeleteFunc(s.shards, func(o *reading) bool { return o == r })
	}()
	r.run(ctx)
}

// Condition is what a shard is doing: alarm on Stopped.
type Condition int32

// The conditions of a shard.
const (
	Reading  Condition = iota // or waiting for records
	Retrying                  // the service does not answer, or not well
	Waiting                   // the log takes nothing
	Stopped                   // records were lost before they were read
)

// ShardStatus is one shard that this process reads.
type ShardStatus struct {
	Name      string
	Condition Condition
	Behind    time.Duration // how old the next record is
}

// Status is what a source counted since it started, and where it is.
type Status struct {
	Records       int64 // read to their end: those below, and those with events
	Events        int64 // in the log
	Control       int64 // records that were CONTROL_MESSAGE documents
	Quarantined   int64 // records put aside
	AlreadyStored int64 // records passed over, as the log had them
	Errors        int64 // fetches and commits that failed
	Gaps          int64 // that were skipped
	Shards        []ShardStatus
}

type counts struct{ records, events, control, quarantined, alreadyStored, errors, gaps atomic.Int64 }

// Status returns the counters and the shards at hand.
func (s *Source) Status() Status {
	c := &s.counts
	out := Status{
		Records: c.records.Load(), Events: c.events.Load(), Control: c.control.Load(), Quarantined: c.quarantined.Load(),
		AlreadyStored: c.alreadyStored.Load(), Errors: c.errors.Load(), Gaps: c.gaps.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.shards {
		out.Shards = append(out.Shards, ShardStatus{r.name, Condition(r.condition.Load()), time.Duration(r.behind.Load())})
	}
	return out
}
