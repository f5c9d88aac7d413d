package firehose

import (
	"context"
	"fmt"
	"sync"

	"github.com/cespare/xxhash/v2"

	"sluice/internal/event"
)

// frame is one record as it lies in a chunk.
type frame struct {
	offset  int // in the chunk
	number  uint64
	arrived int64
	batch   bool
	key     Key
	filter  []byte
	token   []byte
	value   []byte
}

// openFrame reads the frame at the start of b; rest is what follows it.
func openFrame(b []byte) (f frame, rest []byte, ok bool) {
	if len(b) < frameHead {
		return f, nil, false
	}
	value, filter, token := int(le.Uint32(b)), int(le.Uint16(b[5:])), int(le.Uint16(b[7:]))
	if len(b)-frameHead < value+filter+token {
		return f, nil, false
	}
	f = frame{
		batch: b[4]&flagBatch != 0, number: le.Uint64(b[9:]), arrived: int64(le.Uint64(b[17:])),
		key: Key{Stream: le.Uint64(b[25:]), First: le.Uint64(b[33:]), Shard: le.Uint32(b[41:]), Part: le.Uint32(b[45:]), Lane: le.Uint64(b[49:])},
	}
	b = b[frameHead:]
	f.filter, b = b[:filter:filter], b[filter:]
	f.token, b = b[:token:token], b[token:]
	f.value = b[:value:value]
	return f, b[value:], true
}

var chunkBuffers = sync.Pool{New: func() any { return new([]byte) }}

// each visits the frames of a chunk in order, valid until visit returns.
func (s *spool) each(c *chunk, visit func(f *frame) error) error {
	buffer := chunkBuffers.Get().(*[]byte)
	defer chunkBuffers.Put(buffer)
	if int64(cap(*buffer)) < c.size {
		*buffer = make([]byte, c.size)
	}
	b := (*buffer)[:c.size]
	if n, err := c.file.ReadAt(b, c.at); n < len(b) {
		return s.damaged(fmt.Errorf("read scratch: %w", err))
	}
	if xxhash.Sum64(b) != c.sum {
		return s.damaged(errSpool)
	}
	var f frame // one for all: its address goes to visit
	for rest := b; len(rest) > 0; {
		offset, ok := len(b)-len(rest), false
		if f, rest, ok = openFrame(rest); !ok {
			return s.damaged(errSpool)
		}
		f.offset = offset
		if err := visit(&f); err != nil {
			return err
		}
	}
	return nil
}

// damaged has the spool filled again from the source.
func (s *spool) damaged(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = true
	signal(s.room)
	return err
}

// overlap lists the chunks that have something in positions [start, end), if all
// of it is here.
func (s *spool) overlap(start, end uint64) (list []*chunk, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next.Number < end || s.base.Number > start {
		return nil, errSpool // emptied meanwhile
	}
	for _, c := range s.chunks[s.from(start):] {
		if c.first >= end {
			break
		}
		list = append(list, c)
	}
	return list, nil
}

// parcels visits what is here of positions [start, end): a parcel for each record,
// so that positions mean the same to whoever reads the source.
func (s *spool) parcels(ctx context.Context, start, end uint64, visit func(event.Parcel) error) error {
	var (
		p        event.Parcel
		record   [1][]byte
		delivery [1]event.Delivery
		filter   string
	)
	chunks, err := s.overlap(start, end)
	if err != nil {
		return err
	}
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.each(c, func(f *frame) error {
			if f.number < start || f.number >= end {
				return nil
			}
			p = event.Parcel{Position: event.Position{Number: f.number}, Arrived: f.arrived}
			if !f.batch {
				record[0] = f.value
				p.Records = record[:]
				return visit(p)
			}
			b, err := event.View(f.value) // opened and checked when it came
			if err != nil {
				return s.damaged(err)
			}
			if filter != string(f.filter) {
				filter = string(f.filter)
			}
			delivery[0] = event.Delivery{Batch: b, Key: f.key.Stream, Filter: filter, Position: p.Position}
			p.Deliveries = delivery[:]
			return visit(p)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// at is the place of a position that is not below the base, and the marks as of
// there.
func (s *spool) at(position uint64) (Place, keyMarks, error) {
	s.mu.Lock()
	if s.next.Number < position {
		s.mu.Unlock()
		return Place{}, nil, errSpool
	}
	place, marks := Place{position, s.base.Token}, s.before.clone()
	var within *chunk
	for _, c := range s.chunks {
		if c.end > position {
			if c.first < position {
				within = c
			}
			break
		}
		marks.merge(c.marks)
		place.Token = c.token
	}
	s.mu.Unlock()
	if within == nil {
		return place, marks, nil
	}
	err := s.each(within, func(f *frame) error {
		if f.number < position {
			place.Token = string(f.token)
			if f.key != (Key{}) {
				marks.put(f.key, f.number)
			}
		}
		return nil
	})
	return place, marks, err
}

// cut is the part of a chunk from a position on, in the same file.
func (s *spool) cut(c *chunk, position uint64) (*chunk, error) {
	rest := *c
	rest.count, rest.bytes, rest.marks = 0, 0, keyMarks{}
	begun := false
	err := s.each(c, func(f *frame) error {
		if f.number < position {
			return nil
		}
		if !begun {
			begun = true
			rest.at, rest.size = c.at+int64(f.offset), c.size-int64(f.offset)
			rest.first, rest.oldest = f.number, f.arrived
		}
		n, bytes := int64(1), int64(len(f.value))
		if f.batch {
			b, err := event.View(f.value)
			if err != nil {
				return s.damaged(err)
			}
			n, bytes = int64(b.Len()), int64(b.MessageBytes())
		}
		rest.count, rest.bytes, rest.oldest = rest.count+n, rest.bytes+bytes, min(rest.oldest, f.arrived)
		if f.key != (Key{}) {
			rest.marks.put(f.key, f.number)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !begun { // only holes are left
		rest.size, rest.first = 0, position
	}
	return &rest, s.rehash(&rest)
}

// rehash hashes a chunk that is a part of another.
func (s *spool) rehash(c *chunk) error {
	b := make([]byte, c.size)
	if n, err := c.file.ReadAt(b, c.at); n < len(b) {
		return s.damaged(fmt.Errorf("read scratch: %w", err))
	}
	c.sum = xxhash.Sum64(b)
	return nil
}
