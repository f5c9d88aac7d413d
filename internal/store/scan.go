package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// Query names events: those of a log group, or of one of its streams, with
// From <= timestamp < To in ms.
type Query struct {
	Group, Stream uint64 // Stream 0 means all streams
	From, To      int64
	// Needles are literals that every wanted event contains, all of them. They
	// let parts of compacted files be passed over; what is visited need not
	// contain them.
	Needles [][]byte
}

// Scan visits the durable batches that may hold events of a query: first those
// of compacted files, file by file in the order of their first instants, then
// those of the log in its order. Batches are given whole; which of their events
// are in the range is the visitor's affair. A batch lives until visit returns.
// Batches that were lost to damage are passed over: they have been reported.
func (s *Store) Scan(ctx context.Context, q Query, visit func(event.Batch) error) error {
	shards := s.shards
	if home := int(q.Stream % uint64(len(shards))); q.Stream != 0 {
		// What was stored while there were fewer shards came before.
		shards = append(slices.Delete(slices.Clone(shards), home, home+1), shards[home])
	}
	c := compact.NewCursor(q.Needles...)
	for _, sh := range shards {
		if err := sh.scan(ctx, q, c, visit); err != nil {
			return err
		}
	}
	return nil
}

func (sh *Shard) scan(ctx context.Context, q Query, c *compact.Cursor, visit func(event.Batch) error) error {
	read := func(numbers []uint64) error {
		for _, number := range numbers {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := sh.pass(number, c, visit); err != nil {
				return err
			}
		}
		return nil
	}
	var numbers []uint64 // of one file or segment
	return sh.parts(ctx, q, sh.log.Durable(), func(p Place) { numbers = append(numbers, p.Position.Number) }, func() error {
		err := read(numbers)
		numbers = numbers[:0]
		return err
	})
}

// parts visits the index entries of a query up to and with the position last:
// compacted files, then segments of the log. ended is called after each.
//
// The segments are listed first. One that leaves the log afterwards is found in
// a file, and one that left it before is in the files listed.
func (sh *Shard) parts(ctx context.Context, q Query, last uint64, visit func(Place), ended func() error) error {
	if sh.class(q.Group) == None {
		return nil
	}
	segments := sh.log.Segments()
	covered, err := sh.filePlaces(ctx, q, 0, last, visit, ended)
	if err != nil {
		return err
	}
	for _, seg := range segments {
		first, to := max(seg.First, covered+1), min(seg.Last, last)
		if first > to {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := sh.entries(q, seg.First, first, to)
		if errors.Is(err, wal.ErrTrimmed) {
			if _, err := sh.filePlaces(ctx, q, first, to, visit, ended); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			visit(Place{Position: event.Position{Shard: sh.number, Number: e.number}, Stream: e.stream, Least: e.least, Greatest: e.greatest()})
		}
		if err := ended(); err != nil {
			return err
		}
	}
	return nil
}

// filePlaces visits the entries of compacted files with positions in [first, last].
// Of a log group that is not Compact nothing is there but what waits for its
// delivery.
func (sh *Shard) filePlaces(ctx context.Context, q Query, first, last uint64, visit func(Place), ended func() error) (covered uint64, err error) {
	files, covered := sh.files.acquire()
	defer sh.files.release(files...)
	if sh.class(q.Group) != Compact {
		return covered, nil
	}
	for _, k := range files {
		if k.last < first || k.first > last {
			continue
		}
		if err := ctx.Err(); err != nil {
			return covered, err
		}
		err := k.file.Places(q.Group, q.Stream, q.From, q.To, q.Needles, func(p compact.Place) {
			if p.Number >= first && p.Number <= last {
				visit(Place{Position: event.Position{Shard: sh.number, Number: p.Number}, Stream: p.Stream, Least: p.Least, Greatest: p.Greatest})
			}
		})
		if err != nil {
			if err = sh.damaged(k, err); !errors.Is(err, wal.ErrTrimmed) {
				return covered, err
			}
		}
		if err := ended(); err != nil {
			return covered, err
		}
	}
	return covered, nil
}

// entries finds the wanted batches of the segment that begins with base, those
// in [first, last], in memory or in its footer. wal.ErrTrimmed: the segment is
// not in the log any more.
func (sh *Shard) entries(q Query, base, first, last uint64) ([]entry, error) {
	if found, ok := sh.index.recent(q, base, first, last); ok {
		return found, nil
	}
	all, err := sh.page(base)
	switch {
	case errors.Is(err, wal.ErrNotSealed):
		return nil, nil // no batch of it is durable yet
	case err != nil:
		return nil, err
	}
	return q.appendWanted(nil, all, first, last), nil
}

func (sh *Shard) visit(number uint64, visit func(event.Batch) error) error {
	b, err := sh.batch(number)
	var damage *wal.CorruptError
	switch {
	case errors.As(err, &damage), errors.Is(err, wal.ErrTrimmed):
		return nil
	case err != nil:
		return fmt.Errorf("read batch %v: %w", event.Position{Shard: sh.number, Number: number}, err)
	}
	return visit(b)
}

// pages caches the decoded indexes of sealed segments, least recently used out
// first.
type pages struct {
	budget int64
	used   int64
	bySeg  map[uint64]*page
	turn   uint64
}

type page struct {
	entries []entry
	used    uint64
}

// page returns the index of the sealed segment that starts at first; nothing for
// a segment that has none because it is still empty.
func (sh *Shard) page(first uint64) ([]entry, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p := &sh.pages
	p.turn++
	if hit := p.bySeg[first]; hit != nil {
		hit.used = p.turn
		return hit.entries, nil
	}
	entries, err := sh.indexOf(first)
	if err != nil {
		return nil, fmt.Errorf("read segment index: %w", err)
	}
	p.put(first, entries)
	return entries, nil
}

// indexOf reads a sealed segment's index, or makes it again from the frames where
// it is damaged.
func (sh *Shard) indexOf(first uint64) ([]entry, error) {
	section, err := sh.log.Section(first, indexID)
	var damage *wal.CorruptError
	switch {
	case err == nil:
		return decodeSection(section)
	case errors.As(err, &damage), errors.Is(err, wal.ErrNoSection):
		return sh.reindex(first)
	}
	return nil, err
}

// reindex reads all of a segment.
func (sh *Shard) reindex(first uint64) ([]entry, error) {
	segments := sh.log.Segments()
	i := slices.IndexFunc(segments, func(s wal.SegmentStat) bool { return s.First == first })
	if i < 0 {
		return nil, wal.ErrTrimmed
	}
	r, err := sh.log.NewReader(first)
	if err != nil {
		return nil, err
	}
	var x index
	for r.Position() <= segments[i].Last {
		block, ok, err := r.TryNext()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		for f := range block.All() {
			if f.Seq <= segments[i].Last {
				x.Index(f, 0)
			}
		}
	}
	return x.active, nil
}

func (p *pages) put(first uint64, entries []entry) {
	if p.bySeg == nil {
		p.bySeg = map[uint64]*page{}
	}
	p.bySeg[first] = &page{entries: entries, used: p.turn}
	p.used += int64(len(entries)) * entrySize
	for p.used > p.budget && len(p.bySeg) > 1 {
		var oldest uint64
		least := p.turn + 1
		for seg, pg := range p.bySeg {
			if pg.used < least {
				oldest, least = seg, pg.used
			}
		}
		p.used -= int64(len(p.bySeg[oldest].entries)) * entrySize
		delete(p.bySeg, oldest)
	}
}
