package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Query names events: those of a log group, or of one of its streams, with
// From <= timestamp < To in ms.
type Query struct {
	Group, Stream uint64 // Stream 0 means all streams
	From, To      int64
}

// Scan visits the durable batches that may hold events of a query, in log order
// (of a stream: the order in which they were accepted). Batches are given whole;
// which of their events are in the range is the visitor's affair. A batch lives
// until visit returns. Batches that were lost to damage are passed over: the log
// reports them.
func (s *Store) Scan(ctx context.Context, q Query, visit func(event.Batch) error) error {
	shards := s.shards
	if home := int(q.Stream % uint64(len(shards))); q.Stream != 0 {
		// What was stored while there were fewer shards came before.
		shards = append(slices.Delete(slices.Clone(shards), home, home+1), shards[home])
	}
	for _, sh := range shards {
		if err := sh.scan(ctx, q, visit); err != nil {
			return err
		}
	}
	return nil
}

func (sh *shard) scan(ctx context.Context, q Query, visit func(event.Batch) error) error {
	durable := sh.log.Durable()
	for _, seg := range sh.log.Segments() {
		entries, err := sh.entries(q, seg.First, min(seg.Last, durable))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := sh.visit(e.number, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries finds a segment's wanted batches, in memory or in its footer.
func (sh *shard) entries(q Query, first, last uint64) ([]entry, error) {
	if found, ok := sh.index.recent(q, first, last); ok {
		return found, nil
	}
	all, err := sh.page(first)
	switch {
	case errors.Is(err, wal.ErrNotSealed), errors.Is(err, wal.ErrTrimmed):
		return nil, nil // no batch of it is durable yet, or it just went
	case err != nil:
		return nil, err
	}
	return q.appendWanted(nil, all, first, last), nil
}

func (sh *shard) visit(number uint64, visit func(event.Batch) error) error {
	f, err := sh.log.Read(number)
	var damage *wal.CorruptError
	switch {
	case errors.As(err, &damage), errors.Is(err, wal.ErrTrimmed):
		return nil
	case err != nil:
		return fmt.Errorf("read batch %v: %w", event.Position{Shard: sh.number, Number: number}, err)
	}
	b, err := event.View(f.Payload)
	if err != nil {
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
func (sh *shard) page(first uint64) ([]entry, error) {
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
func (sh *shard) indexOf(first uint64) ([]entry, error) {
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
func (sh *shard) reindex(first uint64) ([]entry, error) {
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
