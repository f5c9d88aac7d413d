package kinesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sluice/internal/clock"
)

// ErrFenced says that a lease is another member's now: what was done since the
// last Update will be done again there.
var ErrFenced = errors.New("the lease has another owner")

// Lease is the right to read one shard, for as long as the context lasts that
// came with it. Its methods may be called concurrently.
//
// A lease is no fence by itself: a member that stood still does not know that its
// lease is gone until it writes. Update is the fence of the row, and what else
// must not be done twice is made safe by the intent, which the next owner finds
// and finishes.
type Lease struct {
	table LeaseTable
	owner string
	epoch uint64
	clock clock.Machine
	lost  context.CancelCauseFunc

	turn chan struct{} // held by the one write of the row that is under way

	mu      sync.Mutex // guards the fields below
	row     Row
	until   int64     // reported since the last write
	renewed time.Time // when the last write that succeeded began
}

func newLease(table LeaseTable, row Row, taken time.Time, lost context.CancelCauseFunc) *Lease {
	return &Lease{
		table: table, owner: row.Owner, epoch: row.Epoch, lost: lost, row: row, renewed: taken, turn: make(chan struct{}, 1),
	}
}

// Shard is the id of the shard.
func (l *Lease) Shard() string { return l.current().Shard }

// Epoch is greater than that of every owner before, and less than that of every
// owner to come.
func (l *Lease) Epoch() uint64 { return l.epoch }

// Checkpoint is what was done so far: by the last Update, of this owner or of the
// one before.
func (l *Lease) Checkpoint() Checkpoint { return l.current().Checkpoint }

// Parents are the shards that this one came from. They were read to their ends.
func (l *Lease) Parents() []string { return l.current().Parents }

func (l *Lease) current() Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.row
}

// Update makes a checkpoint durable, if the lease is still this member's; else it
// is ErrFenced, and the lease's context ends. After any other error the row has
// either checkpoint: call again. A position never goes back. With position End
// the shard is done: the children are read once all their parents are.
func (l *Lease) Update(ctx context.Context, c Checkpoint) error {
	err := c.check()
	if had := l.current().Position; err == nil && c.Position.Before(had) {
		err = fmt.Errorf("position %q is before %q", c.Position, had)
	}
	if err == nil {
		err = l.write(ctx, func(r *Row) { r.Checkpoint = c })
	}
	if err != nil {
		return fmt.Errorf("update lease of %s: %w", l.Shard(), err)
	}
	return nil
}

// Idle says that all that arrived before until, ms, is done though the position
// stands still. It becomes durable with the next renewal.
func (l *Lease) Idle(until int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = until
}

// renew tells the other members that this one lives.
func (l *Lease) renew(ctx context.Context) error {
	return l.write(ctx, func(r *Row) {
		l.mu.Lock()
		defer l.mu.Unlock()
		r.Until = max(r.Until, l.until)
	})
}

// release lets any member take the lease at once.
func (l *Lease) release(ctx context.Context) error {
	return l.write(ctx, func(r *Row) { r.Owner = "" })
}

// write changes the row while it is this owner's. The change may be made more
// than once: on what another member asked for meanwhile, and on a row that has it
// already because an answer was lost.
func (l *Lease) write(ctx context.Context, change func(*Row)) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for old := l.current(); ; {
		began, next := l.clock.Now(), old
		change(&next)
		next.Counter++
		current, err := swap(ctx, l.table, old, next)
		switch {
		case err == nil:
			l.wrote(current, began)
			return nil
		case !errors.Is(err, ErrChanged):
			return err
		case current.Owner != l.owner || current.Epoch != l.epoch:
			l.lost(ErrFenced)
			return ErrFenced
		}
		old = current // another member asked for the lease
	}
}

// swap is LeaseTable.Swap, and finds out what became of a write whose answer was
// lost. With ErrChanged it returns the row as it is.
func swap(ctx context.Context, table LeaseTable, old, next Row) (Row, error) {
	stored, err := table.Swap(ctx, old, next)
	if err == nil {
		return stored, nil
	}
	current, readErr := table.Row(ctx, next.Shard)
	switch {
	case readErr != nil:
		return Row{}, fmt.Errorf("%w, after: %v", readErr, err) // which is not to be asked what it is
	case current.same(next):
		return current, nil
	}
	return current, err
}

func (l *Lease) wrote(r Row, began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row, l.renewed = r, began
}

// age is how long ago the other members may have seen the row change last.
func (l *Lease) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.Now().Sub(l.renewed)
}
