package outbox

import (
	"context"
	"sync"
)

// budget bounds bytes. Who comes first gets first.
type budget struct {
	limit int64

	mu      sync.Mutex // guards the fields below
	used    int64
	waiting []*claim
}

type claim struct {
	bytes   int64
	granted chan struct{}
}

// take waits for bytes, at most all there are, and returns how to give them back.
func (b *budget) take(ctx context.Context, bytes int64) (release func(), err error) {
	bytes = min(bytes, b.limit)
	c := &claim{bytes, make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, c)
	b.grant()
	b.mu.Unlock()
	release = sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.used -= bytes
		b.grant()
	})
	select {
	case <-c.granted:
		return release, nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.waiting {
		if w == c {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			b.grant()
			return nil, ctx.Err()
		}
	}
	b.used -= bytes // granted meanwhile
	b.grant()
	return nil, ctx.Err()
}

// grant gives what is free to those who wait, in order. mu is held.
func (b *budget) grant() {
	for len(b.waiting) > 0 && b.used+b.waiting[0].bytes <= b.limit {
		c := b.waiting[0]
		b.waiting = b.waiting[1:]
		b.used += c.bytes
		close(c.granted)
	}
}
