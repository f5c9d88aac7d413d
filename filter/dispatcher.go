package filter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/filter/pattern"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// Definitions are the subscription filters; *catalog.Catalog has them.
type Definitions interface {
	// FilterVersions lists every version that may still apply to a batch.
	FilterVersions() []catalog.SubscriptionFilter
	// Generation changes with every change of a filter.
	Generation() uint64
}

// AccountDefinitions are Definitions that also know filters for all log groups
// of an account. *Subscriptions does.
type AccountDefinitions interface {
	// PolicyVersions lists every version of the account's policies that may still
	// apply to a batch of a log group.
	PolicyVersions(group uint64) []catalog.SubscriptionFilter
}

// Config is what a dispatcher needs to know.
type Config struct {
	// Definitions has the filters.
	Definitions Definitions
	// Published is told which streams got something that is durable now.
	Published func(keys ...uint64)
	// Metrics has the metric filters; nil: there are none.
	Metrics MetricDefinitions
	// DimensionSets bounds the dimension sets that a metric filter makes in an
	// hour of the events' ingestion; samples beyond go to the series without
	// dimensions. Default 1,000, AWS's; negative is no bound.
	DimensionSets int
	// Clock dates the matches.
	Clock clock.Clock
	// Logger takes what goes wrong.
	Logger *slog.Logger
}

// Shard is a shard of the log with the state that follows it.
type Shard struct {
	Number uint32
	Log    *wal.Log
	State  *State
}

// Dispatcher reads the log and appends what the filters select.
type Dispatcher struct {
	cfg     Config
	shards  []*worker
	guarded atomic.Uint64
}

// New returns a dispatcher that goes on where each shard's state stands. It
// starts nothing.
func New(cfg Config, shards ...Shard) *Dispatcher {
	if cfg.DimensionSets == 0 {
		cfg.DimensionSets = AWSDimensionSets
	}
	d := &Dispatcher{cfg: cfg}
	for _, sh := range shards {
		d.shards = append(d.shards, &worker{
			cfg: cfg, shard: sh,
			plans:   plans{shard: sh.Number, definitions: cfg.Definitions, metrics: cfg.Metrics, log: cfg.Logger},
			sampler: sampler{limit: max(0, cfg.DimensionSets), guarded: &d.guarded},
			change:  make(chan struct{}), settled: sh.State.InputEnd(),
		})
	}
	return d
}

// Run dispatches until ctx is done or a log stops taking frames.
func (d *Dispatcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, w := range d.shards {
		wg.Go(func() {
			err := w.run(ctx)
			if errors.Is(err, wal.ErrReadOnly) {
				// Nothing can be dispatched until a restart, but what is stored
				// can be read: the process goes on.
				w.cfg.Logger.Error("filters stop", "shard", w.shard.Number, "error", err)
				return
			}
			if err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("dispatch shard %d: %w", w.shard.Number, err))
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Tally is what a filter did so far, all its versions, over all shards; what is
// not in a durable frame yet is counted too.
func (d *Dispatcher) Tally(filter uint64) event.Tally {
	t := event.Tally{Filter: filter}
	for _, w := range d.shards {
		t = sum(t, w.shard.State.Tally(filter))
	}
	t.Filter = filter
	return t
}

// Guarded counts the samples that lost their dimensions since the start because
// their metric filter made too many series.
func (d *Dispatcher) Guarded() uint64 { return d.guarded.Load() }

// Lag is the number of frames of a shard that were not read yet, or whose
// matches are not durable.
func (d *Dispatcher) Lag(shard uint32) uint64 {
	w := d.shards[shard]
	next := w.shard.Log.Durable() + 1
	return next - min(next, w.position())
}

// Passed tells whether no batch below the given positions, one a shard, will be
// matched again: what ended there is not needed any more.
func (d *Dispatcher) Passed(ends []uint64) bool {
	for i, w := range d.shards {
		if i < len(ends) && min(w.position(), w.shard.State.InputEnd()) < ends[i] {
			return false
		}
	}
	return true
}

// Needed is the first position of a shard that filters may still read: after a
// crash they go on there.
func (d *Dispatcher) Needed(shard uint32) uint64 {
	w := d.shards[shard]
	return min(w.position(), w.shard.State.InputEnd())
}

// Settle returns when everything that is durable now was matched, and its
// matches are durable too.
func (d *Dispatcher) Settle(ctx context.Context) error {
	for _, w := range d.shards {
		if err := w.settle(ctx, w.shard.Log.Durable()+1); err != nil {
			return fmt.Errorf("settle filters: %w", err)
		}
	}
	return nil
}

const (
	// maxFrame is when matches are flushed although more blocks are at hand.
	maxFrame = 4 << 20
	// maxReferred is how many bytes of batches the matches of one frame come from, and
	// a batch more: who reads the frame has them all in memory.
	maxReferred = 8 << 20
	// maxUnflushed is how much of the log may be read again after a crash
	// because nothing in it matched.
	maxUnflushed = 16 << 20
	// maxCopy bounds the events copied for one filter and batch.
	maxCopy = 1 << 20
	// gathering is how long matches wait for more, unless there are fewEntries bytes of
	// them, or they refer to fewReferred bytes of batches: each frame is looked for and
	// read by itself, and whoever does has in memory what it refers to.
	gathering   = 20 * time.Millisecond
	fewEntries  = 256 << 10
	fewReferred = 512 << 10
	// patience is how long matches wait for a commit of somebody else: longer than
	// requests are apart where a commit of their own would stand in a request's way.
	patience = 20 * time.Millisecond
	// freshness is how long samples wait for more before they are made durable,
	// so that a busy log is not doubled by frames of few samples.
	freshness = time.Second
)

// worker dispatches one shard. All but the fields behind mu belong to run.
type worker struct {
	cfg   Config
	shard Shard
	plans plans

	entries []byte   // match entries of the frame to come
	keys    []uint64 // streams that they go to
	head    []byte   // scratch: the frame's head
	ends    []uint32 // scratch: a batch's message ends
	tallies []event.Tally
	sampler sampler
	ripe    time.Time // when the matches at hand have waited for more
	due     time.Time // by which the samples at hand should be durable
	next    uint64    // first position not read
	unread  int       // bytes of the log read since the last frame
	matched int       // bytes of batches with matches since the last frame
	refer   int       // of them, bytes of those that are referred to, and not copied from

	mu      sync.Mutex    // guards the fields below
	settled uint64        // first position whose matches are not durable
	change  chan struct{} // closed and replaced when settled grows
	wanted  uint64        // position that somebody waits to be settled up to
	hurry   func()        // wakes the worker that lets samples wait; may be nil
}

func (w *worker) run(ctx context.Context) error {
	from := max(w.shard.State.InputEnd(), w.shard.Log.First())
	r, err := w.shard.Log.NewReader(from)
	if err != nil {
		return err
	}
	r.Borrow()
	w.next = from
	w.noteSettled()
	for {
		block, more, err := w.await(ctx, r)
		if err != nil {
			return err
		}
		for more {
			if err := w.block(ctx, block); err != nil {
				return err
			}
			if block, more, err = w.read(ctx, r, false); err != nil {
				return err
			}
		}
		if err := w.flush(ctx, maxUnflushed); err != nil {
			return err
		}
		if len(w.entries) == 0 && w.sampler.deltas.Empty() {
			w.noteSettled()
		}
	}
}

// await returns the next block and waits for it, but not longer than the matches and
// samples at hand may wait, nor while somebody waits for them: then there is none.
func (w *worker) await(ctx context.Context, r *wal.Reader) (wal.Block, bool, error) {
	until := w.due
	switch {
	case len(w.entries) > 0 && (w.sampler.deltas.Empty() || w.ripe.Before(until)):
		until = w.ripe
	case w.sampler.deltas.Empty():
		return w.read(ctx, r, true)
	}
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if w.hurried(cancel) {
		return w.read(ctx, r, false)
	}
	defer w.hurried(nil)
	block, more, err := w.read(waiting, r, true)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return wal.Block{}, false, nil
	}
	return block, more, err
}

// hurried tells whether somebody waits for what was read. Whoever comes to wait
// calls wake.
func (w *worker) hurried(wake func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hurry = wake
	return w.wanted > w.settled
}

// read returns the next block, and waits for one at the end of the log if wait
// is set. What was trimmed is passed over; what cannot be read now is tried again.
func (w *worker) read(ctx context.Context, r *wal.Reader, wait bool) (block wal.Block, more bool, err error) {
	for {
		if wait {
			block, err = r.Next(ctx)
			more = err == nil
		} else {
			block, more, err = r.TryNext()
		}
		switch {
		case err == nil, ctx.Err() != nil, errors.Is(err, wal.ErrClosed), errors.Is(err, wal.ErrReadOnly):
			return block, more, err
		case errors.Is(err, wal.ErrTrimmed):
			err = r.Seek(w.shard.Log.First())
		}
		if err != nil {
			err = w.wait(ctx, err)
		}
		if err != nil {
			return block, false, err
		}
	}
}

// wait is before the next attempt at what failed.
func (w *worker) wait(ctx context.Context, failure error) error {
	w.cfg.Logger.Warn("filters wait", "shard", w.shard.Number, "error", failure)
	return clock.Machine{}.Sleep(ctx, time.Second)
}

// block matches the batches of one commit block.
func (w *worker) block(ctx context.Context, block wal.Block) error {
	for f := range block.All() {
		if f.Type == wal.TypeBatch {
			if err := w.batch(f); err != nil {
				return err
			}
		}
		w.unread += len(f.Payload) // of all types: the log waits for the position to be freed
		w.next = f.Seq + 1
		if len(w.entries)+w.sampler.deltas.Weight() >= maxFrame || w.matched >= maxReferred {
			if err := w.flush(ctx, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// batch adds what the filters of the batch's group select to the frame to come.
//
// hot: BenchmarkDispatch
func (w *worker) batch(f wal.Frame) error {
	p := w.plans.of(f.Key)
	if p == nil {
		return nil
	}
	b, err := event.View(f.Payload)
	if err != nil { // the log vouches for the bytes: another version wrote them
		w.cfg.Logger.Error("filters pass over a batch", "shard", w.shard.Number, "number", f.Seq, "error", err)
		return nil
	}
	at := event.Position{Shard: w.shard.Number, Number: f.Seq}
	w.ends = b.AppendEnds(w.ends[:0])
	p.set.Match(pattern.Batch{Text: b.Text(), Ends: w.ends}, &p.matches)
	before := len(w.entries)
	all := p.from <= f.Seq && f.Seq < p.to // of the plan's filters are in force
	refers := false
	if all {
		w.shard.State.noteRead(&p.readers, uint64(b.Len()))
	}
	for i := range p.filters {
		sel := event.Selection(p.matches.Of(i))
		if all && len(sel) == 0 {
			continue // what a thousand filters do with most batches
		}
		filter := &p.filters[i]
		t := event.Tally{Filter: filter.Filter}
		if !all {
			if !inForce(filter, at) {
				continue
			}
			t.Read = uint64(b.Len())
		}
		if len(sel) > 0 && p.wants(i, b) {
			frame := len(w.entries)
			m := event.Match{Key: filter.Route, Filter: filter.Filter, Source: f.Seq, Traits: p.traits[i], Name: p.names[i]}
			if w.entries, err = event.AppendMatch(w.entries, m, b, sel, min(maxCopy, maxFrame-min(frame, maxFrame))); err != nil {
				return err
			}
			t.Matched = uint64(len(sel))
			t.Bytes = uint64(event.Delivery{Batch: b, Selection: sel}.Bytes())
			refers = refers || uint64(len(w.entries)-frame) < t.Bytes // or the events are there
			w.keys = append(w.keys, filter.Route)
		}
		w.shard.State.note(t)
	}
	if len(w.entries) > before {
		w.matched += len(f.Payload)
		if refers {
			w.refer += len(f.Payload)
		}
		if before == 0 {
			w.ripe = clock.Machine{}.Now().Add(gathering)
		}
	}
	w.samples(p, b, at, all)
	return nil
}

// samples adds what the metric filters make of a batch. all: they are in force, and
// it is noted that they read it.
func (w *worker) samples(p *plan, b event.Batch, at event.Position, all bool) {
	if len(p.metrics) == 0 {
		return
	}
	idle := w.sampler.deltas.Empty()
	w.sampler.begin(p, b)
	for _, m := range p.metrics {
		t := event.Tally{Filter: m.filter}
		if !all {
			if !m.inForce(at) {
				continue
			}
			t.Read = uint64(b.Len())
		}
		if (m.system || m.source != nil) && w.sampler.source == (event.Source{}) {
			w.sampler.source = b.Source()
		}
		if m.source.Selects(w.sampler.source) {
			sel := p.matches.Of(m.place)
			w.sampler.sample(m, b, sel)
			if t.Matched = uint64(len(sel)); len(sel) > 0 {
				t.Bytes = uint64(event.Delivery{Batch: b, Selection: sel}.Bytes())
			}
		}
		if !all || t.Matched > 0 {
			w.shard.State.note(t)
		}
	}
	if idle && !w.sampler.deltas.Empty() {
		w.due = clock.Machine{}.Now().Add(freshness)
	}
}

// flush makes the matches, the filters' counters and the input position durable
// in one frame, samples of metrics too, unless it is too early for that and no more
// than unread bytes would have to be read again.
func (w *worker) flush(ctx context.Context, unread int) error {
	if w.unread <= unread && !w.matchesDue() && !w.samplesDue() {
		return nil
	}
	if d := &w.sampler.deltas; !d.Empty() {
		w.entries = event.AppendDeltas(w.entries, d.Append)
		d.Reset()
	}
	w.tallies = w.shard.State.appendPending(w.tallies[:0])
	w.head = event.AppendMatches(w.head[:0], w.next, w.cfg.Clock.Now().UnixMilli(), w.tallies)
	seq, err := w.enqueue(ctx)
	if err != nil {
		return fmt.Errorf("append matches: %w", err)
	}
	if err := w.waitDurable(ctx, seq); err != nil {
		return fmt.Errorf("append matches: %w", err)
	}
	slices.Sort(w.keys)
	w.cfg.Published(slices.Compact(w.keys)...)
	w.entries, w.keys, w.unread, w.matched, w.refer = w.entries[:0], w.keys[:0], 0, 0, 0
	return nil
}

// waitDurable lets the next request's commit take the frame along, unless
// somebody waits for it or none comes soon: on a busy log that halves what is
// written and synced. Who is far behind does not wait.
func (w *worker) waitDurable(ctx context.Context, seq uint64) error {
	if w.matched >= maxReferred {
		return w.shard.Log.WaitDurable(ctx, seq)
	}
	waiting, cancel := context.WithDeadline(ctx, clock.Machine{}.Now().Add(patience))
	defer cancel()
	if !w.hurried(cancel) {
		w.shard.Log.AwaitDurable(waiting, seq) // if it was for nothing, WaitDurable says why
	}
	w.hurried(nil)
	return w.shard.Log.WaitDurable(ctx, seq)
}

// matchesDue tells whether matches have waited long enough for more, or are enough,
// or somebody waits for them.
func (w *worker) matchesDue() bool {
	return len(w.entries) > 0 && (len(w.entries) >= fewEntries || w.refer >= fewReferred ||
		!clock.Machine{}.Now().Before(w.ripe) || w.hurried(nil))
}

// samplesDue tells whether samples have waited long enough, or somebody waits
// for them.
func (w *worker) samplesDue() bool {
	return !w.sampler.deltas.Empty() && (!clock.Machine{}.Now().Before(w.due) || w.hurried(nil))
}

// enqueue appends the frame, and waits while the log cannot take it.
func (w *worker) enqueue(ctx context.Context) (uint64, error) {
	for {
		seq, err := w.shard.Log.Enqueue(ctx, wal.TypeMatches, 0, w.head, w.entries)
		if !errors.Is(err, wal.ErrNoSegment) {
			return seq, err
		}
		if err := w.wait(ctx, err); err != nil {
			return 0, err
		}
	}
}

// noteSettled says that nothing read so far waits to become durable.
func (w *worker) noteSettled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled = w.next
	close(w.change)
	w.change = make(chan struct{})
}

func (w *worker) settle(ctx context.Context, position uint64) error {
	for {
		w.mu.Lock()
		settled, change := w.settled, w.change
		w.wanted = max(w.wanted, position)
		if w.hurry != nil && settled < position {
			w.hurry()
		}
		w.mu.Unlock()
		if settled >= position {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *worker) position() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settled
}
