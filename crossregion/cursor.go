package crossregion

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/wal"
)

// Log is what a Server reads; *store.Store is one.
type Log interface {
	Shards() int
	Log(shard uint32) *wal.Log
	Places(ctx context.Context, q store.Query, below []uint64, visit func(store.Place)) error
	Batch(p event.Position, visit func(event.Batch) error) error
	Dropped(shard uint32) []store.DroppedRange
}

// window is how many positions of compacted files are looked up at once: their
// numbers are held, 8 bytes each.
const window = 1 << 18

// stride is how many batches of compacted files are visited at once.
const stride = 32

// cursor reads the wanted batches of one shard in the order of their positions,
// from compacted files and then from the log.
type cursor struct {
	log    Log
	shard  uint32
	wanted *selector

	pos     uint64 // everything wanted below was visited
	to      uint64 // where to end; 0: nowhere
	missing uint64 // positions that were gone

	reader *wal.Reader // nil while compacted files are read
	ahead  wal.Block   // a block that wait has read already

	numbers []uint64 // wanted batches in compacted files, from pos on
	known   uint64   // the position up to which numbers are complete
}

// visitor gets a batch. The batch lives until it returns.
type visitor func(number uint64, b event.Batch) error

// step visits the wanted batches of the next piece. idle means that nothing more
// is durable, or that the end is reached.
func (c *cursor) step(ctx context.Context, visit visitor) (idle bool, err error) {
	if c.done() {
		return true, nil
	}
	log := c.log.Log(c.shard)
	if c.reader == nil {
		if first := log.First(); c.pos < first || c.pos < c.known {
			return false, c.stepCompacted(ctx, max(first, c.known), visit)
		}
		if c.reader, err = log.NewReader(c.pos); errors.Is(err, wal.ErrTrimmed) {
			c.reader = nil // compacted between the two calls
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	block, more := c.ahead, true
	if c.ahead = (wal.Block{}); block.Bytes() == 0 {
		block, more, err = c.reader.TryNext()
	}
	switch {
	case errors.Is(err, wal.ErrTrimmed):
		c.reader = nil
		return false, nil
	case err != nil || !more:
		return !more, err
	}
	return false, c.visitBlock(block, visit)
}

func (c *cursor) done() bool { return c.to > 0 && c.pos >= c.to }

// wait returns when there may be more to step over.
func (c *cursor) wait(ctx context.Context) error {
	if c.done() || c.reader == nil || c.ahead.Bytes() > 0 {
		return nil
	}
	block, err := c.reader.Next(ctx)
	switch {
	case errors.Is(err, wal.ErrTrimmed):
		c.reader = nil
		return nil
	case err != nil:
		return err
	}
	c.ahead = block
	return nil
}

func (c *cursor) visitBlock(block wal.Block, visit visitor) error {
	if block.First() > c.pos {
		c.missing += block.First() - c.pos // damage that the log went around
	}
	for f := range block.All() {
		if c.to > 0 && f.Seq >= c.to {
			c.pos = c.to
			return nil
		}
		c.pos = f.Seq + 1
		if f.Type != wal.TypeBatch || !c.wanted.group(f.Key) {
			continue
		}
		b, err := event.View(f.Payload)
		if err != nil {
			continue // of another version: no reader knows it
		}
		if err := c.offer(f.Seq, b, visit); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) offer(number uint64, b event.Batch, visit visitor) error {
	if !c.wanted.batch(b) {
		return nil
	}
	return visit(number, b)
}

// stepCompacted visits some batches that are not in the log any more.
func (c *cursor) stepCompacted(ctx context.Context, first uint64, visit visitor) error {
	if c.pos >= c.known {
		if err := c.lookUp(ctx, first); err != nil {
			return err
		}
	}
	for range stride {
		if len(c.numbers) == 0 {
			c.pos = max(c.pos, c.known)
			break
		}
		number := c.numbers[0]
		c.numbers = c.numbers[1:]
		found := false
		c.pos = number + 1
		err := c.log.Batch(event.Position{Shard: c.shard, Number: number}, func(b event.Batch) error {
			found = true
			return c.offer(number, b, visit)
		})
		if err != nil {
			return err
		}
		if !found {
			c.missing++
		}
	}
	return nil
}

// lookUp finds the wanted batches from the position on, in what the log has let
// go.
func (c *cursor) lookUp(ctx context.Context, first uint64) error {
	end := min(first, c.pos+window)
	if c.to > 0 {
		end = min(end, c.to)
	}
	below := make([]uint64, c.shard+1)
	below[c.shard] = end
	c.numbers = c.numbers[:0]
	for _, group := range c.wanted.all() {
		q := store.Query{Group: group, From: math.MinInt64, To: math.MaxInt64}
		err := c.log.Places(ctx, q, below, func(p store.Place) {
			if p.Position.Shard == c.shard && p.Position.Number >= c.pos {
				c.numbers = append(c.numbers, p.Position.Number)
			}
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(c.numbers)
	c.numbers = slices.Compact(c.numbers)
	c.missing += dropped(c.log.Dropped(c.shard), c.pos, end)
	c.known = end
	return nil
}

// dropped counts the positions in [from, to) that the disk budget took.
func dropped(ranges []store.DroppedRange, from, to uint64) (n uint64) {
	for _, r := range ranges {
		if first, last := max(r.First, from), min(r.Last+1, to); first < last {
			n += last - first
		}
	}
	return n
}

// selector decides which batches are wanted. It belongs to one goroutine.
type selector struct {
	definitions Groups
	named       patterns
	except      patterns
	hops        uint8  // the most that a batch may have travelled already
	puller      string // its own batches do not come back to it
	came        func(lane uint32) (originID string)

	known map[uint64]bool // by log group uid, which is never used again
}

// group tells whether a log group is wanted. One that was deleted is not.
func (s *selector) group(uid uint64) bool {
	want, ok := s.known[uid]
	if !ok {
		g, there := s.definitions.GroupByUID(uid)
		want = there && s.named.match(g.Name) && !s.except.match(g.Name)
		if s.known == nil || len(s.known) > 1<<16 {
			s.known = map[uint64]bool{}
		}
		s.known[uid] = want
	}
	return want
}

// all lists the wanted groups.
func (s *selector) all() []uint64 {
	var uids []uint64
	for _, g := range s.definitions.AllGroups() {
		if s.group(g.UID) {
			uids = append(uids, g.UID)
		}
	}
	slices.SortFunc(uids, cmp.Compare[uint64])
	return uids
}

// batch refuses what has come far enough, and what came from the puller.
func (s *selector) batch(b event.Batch) bool {
	h := b.Header()
	if h.Hops > s.hops {
		return false
	}
	return h.Hops == 0 || s.came == nil || s.puller == "" || s.came(h.Origin.Shard) != s.puller
}
