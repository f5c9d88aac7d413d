package wal

import (
	"context"
	"fmt"
	"slices"
)

// region is what a commit writes: frames collected in a chunk, or a footer, if that
// is not left to Prepare.
type region struct {
	seg      *segment
	chunk    *chunk // nil: the segment's footer
	from, to int    // within the chunk's buf
	last     uint64 // sequence of the last frame
	buf      []byte // the chunk's, set when a leader takes the region
	alone    bool   // nobody appends to the chunk behind it
}

// Append adds a frame and waits until it is durable.
func (l *Log) Append(ctx context.Context, t Type, key uint64, payload ...[]byte) (uint64, error) {
	seq, err := l.Enqueue(ctx, t, key, payload...)
	if err != nil {
		return 0, err
	}
	return seq, l.WaitDurable(ctx, seq)
}

// Enqueue copies a frame, whose payload is the concatenation of the parts, into
// the commit block being collected and returns its sequence. The frame becomes
// durable with the next commit, which somebody's WaitDurable leads. While the
// block is full and another one is being synced, Enqueue waits; with nothing
// being synced it writes the full block itself. After an error the frame was
// not taken and never will be.
// hot: BenchmarkEnqueue
func (l *Log) Enqueue(ctx context.Context, t Type, key uint64, payload ...[]byte) (uint64, error) {
	length := 0
	for _, p := range payload {
		length += len(p)
	}
	switch {
	case t == 0 || t >= typeReserved:
		return 0, ErrType
	case length > l.cfg.MaxFrameBytes:
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, length, l.cfg.MaxFrameBytes)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	size := frameSize(length)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		var err error
		switch {
		case l.writable() != nil:
			err = l.writable()
		case l.rolling:
			err = l.await(ctx)
		case l.collected > 0 && int64(l.collected)+size > int64(l.cfg.BlockBytes):
			if l.committing {
				err = l.await(ctx)
			} else {
				l.commit()
			}
		case l.active == nil || l.active.full || l.active.end+size > l.active.limit:
			err = l.roll(size)
		default:
			return l.sequence(t, key, size, payload), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// sequence gives a frame its number and its place. Nothing can fail here: the
// segment has room and the disk has reserved it. mu is held.
func (l *Log) sequence(t Type, key uint64, size int64, payload [][]byte) uint64 {
	seg, seq := l.active, l.next
	c := l.chunk
	if c == nil || int64(cap(c.buf)-len(c.buf)) < size {
		c = l.newChunk(size)
	}
	at := len(c.buf)
	r := l.collecting(c, at)
	s := stamp{uuid: seg.uuid, seq: seq, index: uint32(seq - l.blockFirst)}
	c.buf = appendFrame(c.buf, s, t, key, payload...)
	r.to, r.last = len(c.buf), seq

	off := seg.end
	seg.note(seq, off)
	seg.end += size
	seg.last = seq
	l.next++
	l.collected += int(size)
	l.stats.Frames++
	l.stats.Bytes += uint64(size)
	if len(l.cfg.Folders)+len(l.cfg.Indexers) > 0 {
		f, _ := trustedFrame(c.buf[at:])
		for _, folder := range l.cfg.Folders {
			folder.Fold(f)
		}
		for _, ix := range l.cfg.Indexers {
			ix.Index(f, off)
		}
	}
	return seq
}

// collecting returns the region that the next frame, at offset at of the chunk,
// belongs to. A commit block begins with the first frame of a segment after
// whatever a leader took.
func (l *Log) collecting(c *chunk, at int) *region {
	n := len(l.pending)
	if n == 0 || l.pending[n-1].seg != c.seg {
		l.blockFirst = l.next
	}
	if n == 0 || l.pending[n-1].chunk != c {
		l.pending = append(l.pending, region{seg: c.seg, chunk: c, from: at})
		n++
	}
	return &l.pending[n-1]
}

// newChunk begins a chunk for the active segment's next frames. Where they are
// written around the page cache it begins on a block of the file, with a copy of
// what stands before them in it.
func (l *Log) newChunk(size int64) *chunk {
	seg := l.active
	room := max(size, min(int64(l.cfg.BlockBytes), seg.limit-seg.end))
	c := &chunk{seg: seg, off: seg.end, first: l.next}
	lead := int64(0)
	if seg.direct {
		lead = seg.end % directBlock
		c.off -= lead
	}
	c.buf = append(l.tail.memory(alignUp(lead+room)), l.before(seg, int(lead))...)
	c.begin = len(c.buf)
	l.collectIn(c)
	l.tail.add(c, l.cfg.TailBytes)
	return c
}

// collectIn has the next frames collected in a chunk; nil is in none yet.
func (l *Log) collectIn(c *chunk) {
	if old := l.chunk; old != nil {
		old.active = false
		l.tail.reuse(old)
	}
	if l.chunk = c; c != nil {
		c.active = true
	}
}

// before returns the last n bytes of the segment, which are in its last chunk or
// in its preamble.
func (l *Log) before(seg *segment, n int) []byte {
	b := seg.preamble
	if l.chunk != nil {
		b = l.chunk.buf
	}
	return b[len(b)-n:]
}

// WaitDurable returns when the frame is durable. Whoever waits and finds no
// commit running leads the next one; ctx does not interrupt a commit.
func (l *Log) WaitDurable(ctx context.Context, seq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case seq <= l.durable:
			return nil
		case seq >= l.next:
			return ErrBeyond
		case l.err != nil:
			return l.err
		case l.closed && len(l.pending) == 0:
			return ErrClosed
		case !l.committing:
			l.commit()
		default:
			if err := l.await(ctx); err != nil {
				return err
			}
		}
	}
}

// AwaitDurable returns when the frame is durable, too, but leads no commit: it
// leaves that to others, for as long as ctx lasts.
func (l *Log) AwaitDurable(ctx context.Context, seq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case seq <= l.durable:
			return nil
		case seq >= l.next:
			return ErrBeyond
		case l.writable() != nil:
			return l.writable()
		}
		if err := l.await(ctx); err != nil {
			return err
		}
	}
}

// AwaitMore returns when a frame behind seq is durable, or with why none will be.
func (l *Log) AwaitMore(ctx context.Context, seq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.durable <= seq {
		if err := l.writable(); err != nil {
			return err
		}
		if err := l.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// commit writes and syncs the oldest pending regions of one segment. Called
// with mu held, something pending and nobody committing; it gives mu up for the
// I/O and returns with it. The next block is written only by the next commit,
// after this sync returned: recovery relies on that.
func (l *Log) commit() {
	l.take()
	l.committing = true
	l.mu.Unlock()
	err := write(l.taken)
	l.mu.Lock()
	l.committing = false
	if err != nil {
		l.err = fmt.Errorf("%w: %w", ErrReadOnly, err)
	} else {
		l.settle()
	}
	l.changed.broadcast()
}

// take moves the next commit's regions to l.taken: all pending frames of the
// oldest segment, or its footer alone, which thereby vouches for its frames.
func (l *Log) take() {
	n := 1
	for first := l.pending[0]; first.chunk != nil && n < len(l.pending); n++ {
		if r := l.pending[n]; r.seg != first.seg || r.chunk == nil {
			break
		}
	}
	l.taken = append(l.taken[:0], l.pending[:n]...)
	l.pending = slices.Delete(l.pending, 0, n)
	for i := range l.taken {
		if r := &l.taken[i]; r.chunk != nil {
			r.buf = r.chunk.buf
			l.collected -= r.to - r.from
			r.alone = r.chunk != l.chunk
		}
	}
}

// settle makes a written commit known. mu is held.
func (l *Log) settle() {
	seg := l.taken[0].seg
	if l.taken[0].chunk == nil {
		l.letGo(seg)
		return
	}
	for i := range l.taken {
		r := &l.taken[i]
		r.chunk.durable, r.chunk.last = r.to, r.last
		seg.durable = r.chunk.off + int64(r.to)
		l.durable = r.last
		r.chunk, r.buf = nil, nil // let the GC have them
	}
	l.stats.Commits++
	l.tellDue()
}
