package store

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// StreamStats is what is known of a log stream's events. Times are ms.
type StreamStats struct {
	Group                     uint64
	First, Last, LastIngested int64
	Events, Bytes             int64
}

// plus sums up what two shards know of a stream.
func (a StreamStats) plus(b StreamStats) StreamStats {
	if a.Events == 0 {
		return b
	}
	a.First, a.Last = min(a.First, b.First), max(a.Last, b.Last)
	a.LastIngested = max(a.LastIngested, b.LastIngested)
	a.Events += b.Events
	a.Bytes += b.Bytes
	return a
}

// Totals counts what reached the store over its whole life:
// received = stored + rejected.
type Totals struct {
	Events, Bytes uint64 // stored; bytes of messages
	Batches       uint64
	Rejected      Rejected
}

// stats follows one shard's log as a wal.Folder.
type stats struct {
	mu      sync.RWMutex // guards the fields below
	streams map[uint64]*StreamStats
	groups  map[uint64]int64 // bytes of messages
	totals  Totals
}

func newStats() *stats {
	return &stats{streams: map[uint64]*StreamStats{}, groups: map[uint64]int64{}}
}

func (s *stats) ID() uint8 { return wal.FolderStore }

// Fold implements wal.Folder.
func (s *stats) Fold(f wal.Frame) {
	switch f.Type {
	case wal.TypeBatch:
		if b, err := event.View(f.Payload); err == nil {
			s.batch(b)
		}
	case wal.TypeCount:
		if f.Key == removalKey {
			s.remove(f.Payload)
			return
		}
		if r, err := openRejected(f.Payload); err == nil {
			s.mu.Lock()
			s.totals.Rejected.add(r)
			s.mu.Unlock()
		}
	}
}

func (s *stats) batch(b event.Batch) {
	least, greatest := b.Span()
	bytes := int64(b.MessageBytes())
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[b.StreamUID()]
	if st == nil {
		st = &StreamStats{Group: b.GroupUID(), First: least, Last: greatest}
		s.streams[b.StreamUID()] = st
	}
	st.First, st.Last = min(st.First, least), max(st.Last, greatest)
	st.LastIngested = max(st.LastIngested, b.Ingested())
	st.Events += int64(b.Len())
	st.Bytes += bytes
	s.groups[b.GroupUID()] += bytes
	s.totals.Events += uint64(b.Len())
	s.totals.Bytes += uint64(bytes)
	s.totals.Batches++
}

// remove takes off what left the disk. A stream of which nothing is left is
// forgotten if it was deleted; of others the latest event stays known.
func (s *stats) remove(payload []byte) {
	g, err := openRemoval(payload)
	if err != nil {
		return // of another version; the log vouches for the bytes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range g.streams {
		st := s.streams[r.stream]
		if st == nil {
			continue
		}
		bytes := min(r.bytes, st.Bytes)
		st.Events = max(0, st.Events-r.events)
		st.Bytes -= bytes
		s.groups[st.Group] -= bytes
		if st.Events == 0 && r.reason == Deleted {
			delete(s.streams, r.stream)
			if s.groups[st.Group] == 0 {
				delete(s.groups, st.Group)
			}
		}
	}
}

const (
	totalsSnapshot = (3 + rejectedWords) * 8
	streamSnapshot = 7 * 8
	// Snapshots of version 0 had room for three reasons only.
	totalsSnapshot0 = 6 * 8
)

// AppendSnapshot implements wal.Folder. Groups are summed up from their streams.
func (s *stats) AppendSnapshot(dst []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.totals
	for _, v := range [...]uint64{t.Events, t.Bytes, t.Batches} {
		dst = le.AppendUint64(dst, v)
	}
	dst = appendRejected(dst, t.Rejected)
	for _, uid := range slices.Sorted(maps.Keys(s.streams)) {
		st := s.streams[uid]
		for _, v := range [...]uint64{uid, st.Group, uint64(st.First), uint64(st.Last), uint64(st.LastIngested), uint64(st.Events), uint64(st.Bytes)} {
			dst = le.AppendUint64(dst, v)
		}
	}
	return dst
}

// Restore implements wal.Folder.
func (s *stats) Restore(src []byte) error {
	totals := totalsSnapshot
	if len(src)%streamSnapshot == totalsSnapshot0%streamSnapshot {
		totals = totalsSnapshot0
	}
	if len(src) < totals || (len(src)-totals)%streamSnapshot != 0 {
		return fmt.Errorf("restore store statistics: %w: %d bytes", event.ErrCorrupt, len(src))
	}
	word := func(i int) uint64 { return le.Uint64(src[8*i:]) }
	fresh := newStats()
	rejected, err := openRejected(src[3*8 : totals])
	if err != nil {
		return fmt.Errorf("restore store statistics: %w", err)
	}
	fresh.totals = Totals{word(0), word(1), word(2), rejected}
	for src = src[totals:]; len(src) > 0; src = src[streamSnapshot:] {
		st := &StreamStats{word(1), int64(word(2)), int64(word(3)), int64(word(4)), int64(word(5)), int64(word(6))}
		fresh.streams[word(0)] = st
		fresh.groups[st.Group] += st.Bytes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams, s.groups, s.totals = fresh.streams, fresh.groups, fresh.totals
	return nil
}
