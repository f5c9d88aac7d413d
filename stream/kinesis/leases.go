package kinesis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// LeasesConfig says which shards are shared, and with whom. Client, Stream and
// Table are required.
type LeasesConfig struct {
	Client ReadClient
	// Stream is the stream's ARN or name.
	Stream string
	// Table keeps the leases of one consumer of the stream: all who share it have
	// the same one.
	Table LeaseTable
	// Owner names this member; no other living one may have the name. Default
	// random.
	Owner string
	// Term is how long a lease stands without a sign of life from its owner;
	// signs come three times as often. Default 30 s.
	Term time.Duration
	// Start is where a consumer begins that has no leases yet: TrimHorizon
	// (default), Latest or AtTime.
	Start Position
	// ListInterval is how often shards are looked for that nobody knows yet.
	// Those of a shard that ended are looked for at once. Default 1 min.
	ListInterval time.Duration
	// Logger takes what nobody asked for. Default slog.Default.
	Logger *slog.Logger
}

// LeasesStats counts since NewLeases.
type LeasesStats struct {
	Taken    int64 // leases that this member took, of them
	Stolen   int64 // from an owner that gave no sign of life
	Released int64 // given back or passed on
	Lost     int64 // found to be another member's
	Errors   int64 // of the table, of listing shards and of work
}

// Work reads a shard until ctx ends, the lease's position is End, or it fails; then
// it is called again after a while. It should end soon after ctx does. Why ctx
// ended is its cause: ErrFenced says that checkpoints are refused from now on.
type Work func(ctx context.Context, lease *Lease) error

// Leases share the shards of a stream among members: each shard is read by one of
// them, all about equally many, parents before children.
type Leases struct {
	cfg   LeasesConfig
	clock clock.Machine

	taken, stolen, released, lost, failures atomic.Int64
}

// NewLeases checks the configuration. It connects to nothing.
func NewLeases(cfg LeasesConfig) (*Leases, error) {
	if cfg.Client == nil || cfg.Stream == "" || cfg.Table == nil {
		return nil, errors.New("make kinesis leases: client, stream and table are needed")
	}
	if err := checkStart(cfg.Start); err != nil {
		return nil, fmt.Errorf("make kinesis leases: %w", err)
	}
	if cfg.Owner == "" {
		cfg.Owner = rand.Text()
	}
	if cfg.Term == 0 {
		cfg.Term = 30 * time.Second
	}
	if cfg.ListInterval == 0 {
		cfg.ListInterval = time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Leases{cfg: cfg}, nil
}

// Stats returns the counters.
func (l *Leases) Stats() LeasesStats {
	return LeasesStats{l.taken.Load(), l.stolen.Load(), l.released.Load(), l.lost.Load(), l.failures.Load()}
}

// Run holds leases and works on each, from goroutines of its own, until ctx ends
// and all are given back.
func (l *Leases) Run(ctx context.Context, work Work) error {
	m := &leaseMember{
		Leases: l, work: work, held: map[string]bool{}, seen: map[string]sighting{},
		ended: make(chan string), soon: make(chan struct{}, 1), log: l.cfg.Logger.With("stream", l.cfg.Stream, "member", l.cfg.Owner),
	}
	var wg sync.WaitGroup
	tick := l.clock.NewTimer("kinesis leases", 0)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case shard := <-m.ended:
			delete(m.held, shard)
			tick.Reset(0)
		case <-m.soon:
			m.listed = time.Time{}
			tick.Reset(0)
		case <-tick.C:
			if err := m.tick(ctx, &wg); err != nil && ctx.Err() == nil {
				l.failures.Add(1)
				m.log.Warn("kinesis leases are looked at again", "error", err)
			}
			tick.Reset(l.cfg.Term / 3)
		}
	}
	go func() { wg.Wait(); close(m.ended) }()
	for range m.ended { // each holder tells
	}
	return ctx.Err()
}

// leaseMember is one Run. Its goroutine owns the fields.
type leaseMember struct {
	*Leases
	work   Work
	log    *slog.Logger
	held   map[string]bool     // shards that a holder works on
	seen   map[string]sighting // by shard
	listed time.Time           // when shards were listed last

	ended chan string   // a holder ended
	soon  chan struct{} // a shard ended, so its children may be there
}

// sighting is a state of a row, and since when this member knows it.
type sighting struct {
	counter, epoch uint64
	since          time.Time
}

// tick looks at all rows and takes what is due.
func (m *leaseMember) tick(ctx context.Context, wg *sync.WaitGroup) error {
	rows, err := m.cfg.Table.Rows(ctx)
	if err != nil {
		return err
	}
	if m.listed.IsZero() || m.clock.Now().Sub(m.listed) >= m.cfg.ListInterval {
		made, err := m.makeRows(ctx, rows)
		if err != nil {
			m.log.Warn("kinesis shards are listed again", "error", err)
			m.failures.Add(1)
		} else {
			m.listed = m.clock.Now()
		}
		rows = append(rows, made...)
	}
	take, want := choose(m.cfg.Owner, rows, m.held, m.look(rows), m.cfg.Term)
	for _, row := range take {
		if err := m.take(ctx, wg, row); err != nil {
			return err
		}
	}
	for _, row := range want {
		next := row
		next.Wanted = m.cfg.Owner
		next.Counter++
		if _, err := swap(ctx, m.cfg.Table, row, next); err != nil && !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return nil
}

// look notes since when each row has stood as it is.
func (m *leaseMember) look(rows []Row) (idle map[string]time.Duration) {
	now := m.clock.Now()
	idle = map[string]time.Duration{}
	for _, r := range rows {
		s, ok := m.seen[r.Shard]
		if !ok || s.counter != r.Counter || s.epoch != r.Epoch {
			s = sighting{r.Counter, r.Epoch, now}
			m.seen[r.Shard] = s
		}
		idle[r.Shard] = now.Sub(s.since)
	}
	return idle
}

// take makes a lease this member's, unless another was first.
func (m *leaseMember) take(ctx context.Context, wg *sync.WaitGroup, row Row) error {
	began, next := m.clock.Now(), row
	next.Owner, next.Wanted = m.cfg.Owner, ""
	next.Epoch++
	next.Counter++
	stored, err := swap(ctx, m.cfg.Table, row, next)
	if errors.Is(err, ErrChanged) {
		return nil
	}
	if err != nil {
		return err // if it was written nonetheless, the next tick finds a row of this member's
	}
	m.taken.Add(1)
	if row.Owner != "" && row.Owner != m.cfg.Owner {
		m.stolen.Add(1)
		m.log.Warn("kinesis lease is taken over", "shard", row.Shard, "from", row.Owner, "epoch", next.Epoch)
	}
	m.held[row.Shard] = true
	ctx, cancel := context.WithCancelCause(ctx)
	h := &holder{leaseMember: m, lease: newLease(m.cfg.Table, stored, began, cancel), cancel: cancel}
	wg.Go(func() { h.run(ctx) })
	return nil
}
