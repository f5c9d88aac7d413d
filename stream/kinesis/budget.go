package kinesis

import (
	"context"
	"sync"
)

// budget bounds the bytes of the pages that shards hold at a time.
type budget struct {
	most int64

	mu     sync.Mutex // guards the fields below
	taken  int64
	waiter []chan struct{} // each closed when there may be room again
}

// take waits until n bytes are free; more than there are is all of them. What it
// returns gives all but a part of them back, any number of times.
func (b *budget) take(ctx context.Context, n int64) (keep func(part int64), err error) {
	n = min(n, b.most)
	for {
		b.mu.Lock()
		if b.taken+n <= b.most {
			b.taken += n
			b.mu.Unlock()
			break
		}
		room := make(chan struct{})
		b.waiter = append(b.waiter, room)
		b.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func(part int64) {
		b.mu.Lock()
		defer b.mu.Unlock()
		part = min(part, n)
		b.taken -= n - part
		n = part
		for _, room := range b.waiter {
			close(room)
		}
		b.waiter = b.waiter[:0]
	}, nil
}
