package kafka

import (
	"context"
	"sync"
)

// budget bounds the bytes that all partitions of a source hold. Who finds it
// spent waits; nobody waits while nothing is taken, so that one large record
// cannot stop a source.
type budget struct {
	limit int64

	mu      sync.Mutex // guards the fields below
	used    int64
	changed chan struct{} // closed when bytes were given back; nil while nobody waits
}

// acquire takes n bytes.
func (b *budget) acquire(ctx context.Context, n int64) error {
	b.mu.Lock()
	for b.used > 0 && b.used+n > b.limit {
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		b.mu.Lock()
	}
	b.used += n
	b.mu.Unlock()
	return nil
}

// force takes n bytes that are in memory already: records that were compressed
// turn out larger than what was asked for.
func (b *budget) force(n int64) {
	b.mu.Lock()
	b.used += n
	b.mu.Unlock()
}

func (b *budget) release(n int64) {
	b.mu.Lock()
	b.used -= n
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	b.mu.Unlock()
}

// inUse is the number of bytes taken at the moment.
func (b *budget) inUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
