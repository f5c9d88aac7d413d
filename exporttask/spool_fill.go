package exporttask

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sluice/internal/crc32c"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// spooling fills a spool.
type spooling struct {
	*spool
	events Stored
	query  store.Query // of the log group
	after  []uint64    // positions: batches below are left out
	below  []uint64    // positions: batches from here on are left out
	rounds int         // index entries in memory, about half
	bytes  int         // of records in a part, and in memory

	seen  *store.Place // the last one that was read
	taken []taken      // the part in the making
	buf   []byte       // their records
	step  []byte       // what is written next
}

// taken is a batch of the part in the making.
type taken struct {
	place    store.Place
	from, to int // of its record in the buffer
}

// fill goes on behind the last part until everything is there.
func (s *spooling) fill(ctx context.Context) error {
	if s.whole {
		return nil
	}
	if len(s.parts) > 0 {
		s.seen = &s.last
	}
	s.buf = make([]byte, 0, s.bytes+min(s.bytes/8, spoolLastBatch))
	read := s.events.Reader(s.query.Needles)
	for more := true; more; {
		var places []store.Place
		var err error
		if places, more, err = s.next(ctx); err != nil {
			return err
		}
		for i, p := range places {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := read(p.Position, func(b event.Batch) error { return s.take(p, b) }); err != nil {
				return err
			}
			if s.seen = &places[i]; len(s.buf) >= s.bytes {
				if err := s.flush(); err != nil {
					return err
				}
			}
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	return s.finish()
}

// next lists the places that come behind the one that was read last, in their order, and
// tells whether there are more.
func (s *spooling) next(ctx context.Context) (places []store.Place, more bool, err error) {
	err = s.events.Places(ctx, s.query, s.below, func(p store.Place) {
		switch {
		case int(p.Position.Shard) < len(s.after) && p.Position.Number < s.after[p.Position.Shard]:
		case !s.holds(p.Stream), s.seen != nil && byBeginning(p, *s.seen) <= 0:
		default:
			places = append(places, p)
		}
		if len(places) >= 2*s.rounds {
			slices.SortFunc(places, byBeginning)
			places, more = places[:s.rounds], true
		}
	})
	slices.SortFunc(places, byBeginning)
	if more {
		places = places[:min(len(places), s.rounds)]
	}
	return places, more, err
}

// spoolLastBatch is by how much most batches at most make a part too large.
const spoolLastBatch = 2 << 20

// take copies a batch into the part, or into the next one where this one has no room
// in memory for it.
func (s *spooling) take(p store.Place, b event.Batch) error {
	if len(s.buf)+len(b.Record()) > cap(s.buf) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	from := len(s.buf)
	s.buf = append(s.buf, b.Record()...)
	s.taken = append(s.taken, taken{p, from, len(s.buf)})
	return nil
}

// flush writes the part and makes it durable.
func (s *spooling) flush() error {
	if len(s.taken) == 0 {
		return nil
	}
	// Within a stream they are in the order of their beginnings already.
	slices.SortStableFunc(s.taken, func(a, b taken) int { return cmp.Compare(a.place.Stream, b.place.Stream) })
	var table []byte
	streams := 0
	at := s.end + spoolPartHeader + int64(len(s.taken))*spoolPlaceSize
	for i, t := range s.taken {
		if i == 0 || t.place.Stream != s.taken[i-1].place.Stream {
			streams++
		}
	}
	at += int64(streams) * spoolStreamSize
	for i, t := range s.taken {
		if i == 0 || t.place.Stream != s.taken[i-1].place.Stream {
			table = le.AppendUint64(table, t.place.Stream)
			table = le.AppendUint64(table, 0) // places, counted below
			table = le.AppendUint64(table, uint64(at))
		}
		count := table[len(table)-16:]
		le.PutUint32(count, le.Uint32(count)+1)
		at += int64(t.to - t.from)
	}
	head := s.partHeader(streams, *s.seen)
	head = append(head, table...)
	for _, t := range s.taken {
		head = le.AppendUint32(head, t.place.Position.Shard)
		head = le.AppendUint64(head, t.place.Position.Number)
		head = le.AppendUint32(head, uint32(t.to-t.from))
		head = le.AppendUint64(head, uint64(t.place.Least))
		head = le.AppendUint64(head, uint64(t.place.Greatest))
	}
	le.PutUint32(head[12:], crc32c.Sum(head))
	if err := s.write(head); err != nil {
		return err
	}
	s.add(table, s.end+spoolPartHeader+int64(len(table)))
	s.end, s.last = alignUp(at), *s.seen
	s.taken, s.buf = s.taken[:0], s.buf[:0]
	return nil
}

func (s *spooling) partHeader(streams int, last store.Place) []byte {
	head := le.AppendUint32(make([]byte, 0, spoolPartHeader+streams*spoolStreamSize+len(s.taken)*spoolPlaceSize), spoolPartMagic)
	head = le.AppendUint32(head, uint32(streams))
	head = le.AppendUint32(head, uint32(len(s.taken)))
	head = le.AppendUint32(head, 0)
	head = le.AppendUint64(head, uint64(len(s.buf)))
	head = le.AppendUint64(head, uint64(last.Least))
	head = le.AppendUint64(head, uint64(last.Position.Shard))
	return le.AppendUint64(head, last.Position.Number)
}

// spoolStep is how much is written at once. Through the page cache a byte costs
// 0.6 ns in steps of 1 MiB, 1.1 in pieces of 64 KiB, and up to 3.5 in steps that
// hold 2 MiB which begin at a multiple of that: for those the kernel looks for
// memory in one piece. So records of any size are gathered, for 0.1.
const spoolStep = 1 << 20

// write writes the tables and the records in their order, and syncs.
func (s *spooling) write(tables []byte) error {
	if s.step == nil {
		size := spoolStep
		if s.direct != nil {
			size = aroundStep
		}
		s.step = vfs.DirectMemory(min(size, int(alignUp(int64(s.bytes)))))
	}
	s.step = s.step[:0]
	at, err := s.gather(s.end, tables)
	for i := 0; i < len(s.taken) && err == nil; i++ {
		at, err = s.gather(at, s.buf[s.taken[i].from:s.taken[i].to])
	}
	if err == nil {
		s.step = append(s.step, blank[:alignUp(int64(len(s.step)))-int64(len(s.step))]...)
		err = s.put(at)
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write export spool: %w", err)
	}
	return nil
}

// blank is what parts are filled up with.
var blank [vfs.DirectBlock]byte

// put writes the step, around the page cache if the spool is.
func (s *spooling) put(at int64) error {
	if s.direct != nil && s.writeAround(s.step, at) == nil {
		return nil
	}
	_, err := s.file.WriteAt(s.step, at)
	return err
}

// gather adds to the step that begins at an offset, writes it when it is full, and
// returns where the next one begins.
func (s *spooling) gather(at int64, b []byte) (int64, error) {
	for {
		n := copy(s.step[len(s.step):cap(s.step)], b)
		s.step, b = s.step[:len(s.step)+n], b[n:]
		if len(b) == 0 {
			return at, nil
		}
		if err := s.put(at); err != nil {
			return at, err
		}
		at, s.step = at+int64(len(s.step)), s.step[:0]
	}
}

// finish notes that nothing is missing.
func (s *spooling) finish() error {
	head := s.partHeader(0, s.last)
	le.PutUint32(head[12:], crc32c.Sum(head))
	if err := s.write(head); err != nil {
		return err
	}
	s.end = alignUp(s.end + int64(len(head)))
	s.whole = true
	s.taken, s.buf, s.step = nil, nil, nil
	return nil
}
