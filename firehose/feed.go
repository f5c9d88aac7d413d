package firehose

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// feed is where a lane's records come from and where its cuts become durable: a
// shard of the local log, or a partition of a source outside that other processes
// may take over (claim.go). It belongs to the lane.
type feed interface {
	// span says what there is at or after from: the smallest run that reaches
	// maxBytes, or all. It reads nothing.
	span(from uint64, maxBytes int64) event.Span
	// since is when the hint of a record began, ms: it lies at a position, and
	// arrived at its source at an instant.
	since(at uint64, arrived int64) int64
	// pressed tells that what waits takes more room than it should: all of it is
	// due.
	pressed() bool
	// await returns when what lies below a position can be read without waiting for
	// somebody else: before a lane takes one of the slots that all share.
	await(ctx context.Context, end uint64) error
	// parcels visits positions [start, end) in order. A parcel is valid until
	// visit returns.
	parcels(ctx context.Context, start, end uint64, visit func(event.Parcel) error) error
	// gap is a plan to go on behind what the source lost, when everything before
	// it is done; nil when nothing is lost.
	gap(told *settings) *plan
	// notify signals after more came.
	notify() (more <-chan struct{}, stop func())
	// cursor is where the lane stands.
	cursor() cursor
	// plan makes a plan durable, where the lane's next owner finds it: the cursor
	// has it then.
	plan(ctx context.Context, p *plan) error
	// carry is what the manifest of the open plan says for the lane's next owner.
	carry(ctx context.Context) (carried, error)
	// commit makes what is done durable, and moves the cursor.
	commit(ctx context.Context, m commit) error
	// discard gives up what waits, when the delivery stream is deleted.
	discard(ctx context.Context) error
}

// local is a shard of the log of this process: Plan and Commit frames, folded into
// the shard's State. Its records are those that a Source has for a key.
type local struct {
	source  Source
	key     uint64
	journal Journal
	state   *State
	route   uint64
	shard   uint32
}

func (r *Room) newLocalLane(s *stream, shard uint32) *lane {
	source := r.links.Source
	if s.follows != nil {
		source = s.follows
	}
	l := newLane(r, s, &local{
		source: source, key: s.Route, journal: r.links.Journal, state: r.links.States[shard], route: s.Route, shard: shard,
	}, strconv.FormatUint(uint64(shard), 10), len(r.links.States) > 1)
	l.shard = shard
	l.uuid = func(partition string, first uint64) string { return objectUUID(s.Route, shard, partition, first) }
	return l
}

func (f *local) span(from uint64, maxBytes int64) event.Span {
	return f.source.Span(f.key, f.shard, from, maxBytes)
}

func (f *local) since(_ uint64, arrived int64) int64 { return arrived }

// pressed: the log has a budget of its own.
func (f *local) pressed() bool { return false }

// gap: frames that the log lost are gone around, and counted by it.
func (f *local) gap(*settings) *plan { return nil }

func (f *local) await(context.Context, uint64) error { return nil }

func (f *local) parcels(ctx context.Context, start, end uint64, visit func(event.Parcel) error) error {
	r := event.Range{Shard: f.shard, Start: start, End: end}
	if err := f.source.Parcels(ctx, f.key, r, visit); err != nil {
		return fmt.Errorf("read %v of the stream: %w", r, err)
	}
	return nil
}

func (f *local) notify() (more <-chan struct{}, stop func()) { return f.source.Notify(f.key) }

func (f *local) cursor() cursor { return f.state.at(f.route) }

// plan ends a lane whose plan does not fold: it would make the same one again, and
// fill the log with it.
func (f *local) plan(ctx context.Context, p *plan) error {
	if err := f.append(ctx, wal.TypePlan, p.append(nil)); err != nil {
		return err
	}
	if open := f.cursor().plan; open == nil || open.cut != p.cut {
		return &stopError{Stopped, fmt.Errorf("plan %d of positions %v was written and is not one", p.cut, p.span(f.shard))}
	}
	return nil
}

func (f *local) carry(context.Context) (carried, error) { return carried{}, nil }

func (f *local) commit(ctx context.Context, m commit) error {
	return f.append(ctx, wal.TypeCommit, m.append(nil))
}

// append appends a frame. A frame of which nobody knows whether it is durable
// ends the lane: the next start reads the log and knows.
func (f *local) append(ctx context.Context, t wal.Type, payload []byte) error {
	err := f.journal.Append(ctx, f.shard, t, f.route, payload)
	if err == nil || isNoSpace(err) {
		return err
	}
	return &stopError{Stopped, fmt.Errorf("append to the log: %w", err)}
}

// isNoSpace: the log did not take the frame, and may take it later.
func isNoSpace(err error) bool {
	return errors.Is(err, wal.ErrNoSegment) && !errors.Is(err, wal.ErrReadOnly)
}

// discard commits everything that waits as discarded.
func (f *local) discard(ctx context.Context) error {
	cur := f.cursor()
	span := f.span(cur.position, math.MaxInt64)
	m := commit{position: span.Range.End, discarded: span.Count}
	if cur.plan != nil { // its manifest may be there: the number is used up
		m.position, m.cut = max(m.position, cur.plan.end), cur.plan.cut
	}
	if m.position <= cur.position {
		return nil
	}
	if err := f.commit(ctx, m); err != nil {
		return fmt.Errorf("discard what is left of shard %d: %w", f.shard, err)
	}
	return nil
}
