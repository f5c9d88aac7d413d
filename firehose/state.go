package firehose

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"sluice/internal/wal"
)

// cursor is what is known of one lane: where it stands and what it did.
type cursor struct {
	position uint64         // first position that is not done
	cuts     uint64         // number of the last cut
	manifest [hashSize]byte // of the last manifest, zero before the first
	plan     *plan          // open, never changed; nil when there is none

	delivered, discarded int64
	bytes                int64
	objects, objectBytes int64
	skipped              int64 // discarded since the last manifest
}

// State is what the log says about the lanes of one shard. It is a wal.Folder:
// the log calls it with every frame, at recovery and as frames are appended.
// It is safe for concurrent use.
type State struct {
	mu    sync.Mutex // guards lanes
	lanes map[uint64]*cursor
}

// NewState returns a state to be given to a log's folders and to New.
func NewState() *State { return &State{lanes: map[uint64]*cursor{}} }

// ID implements wal.Folder.
func (s *State) ID() uint8 { return wal.FolderFirehose }

// at returns a copy of a route's cursor.
func (s *State) at(route uint64) cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.lanes[route]; c != nil {
		return *c
	}
	return cursor{}
}

// Fold implements wal.Folder. Frames of another version are passed over, and so
// are plans and commits that do not follow the cursor: a frame that is folded
// twice counts once.
func (s *State) Fold(f wal.Frame) {
	switch f.Type {
	case wal.TypePlan:
		if p, err := openPlan(f.Payload); err == nil {
			s.change(f.Key, func(c *cursor) { c.open(p) })
		}
	case wal.TypeCommit:
		if m, err := openCommit(f.Payload); err == nil {
			s.change(f.Key, func(c *cursor) { c.commit(m) })
		}
	}
}

func (s *State) change(route uint64, fn func(*cursor)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.lanes[route]
	if c == nil {
		c = &cursor{}
		s.lanes[route] = c
	}
	fn(c)
}

func (c *cursor) open(p *plan) {
	if c.plan == nil && p.cut == c.cuts+1 && p.first == c.position {
		c.plan = p
	}
}

func (c *cursor) commit(m commit) {
	if m.position <= c.position {
		return
	}
	c.position = m.position
	c.cuts = max(c.cuts, m.cut)
	c.delivered += m.delivered
	c.discarded += m.discarded
	c.bytes += m.bytes
	c.objects += m.objects
	c.objectBytes += m.objectBytes
	c.skipped += m.discarded
	if m.manifest != [hashSize]byte{} {
		c.manifest, c.skipped = m.manifest, 0
	}
	c.plan = nil
}

// A snapshot is a run of lanes, by route:
//
//	+-------+----------+------+-----------+-----------+-------+---------+
//	| route | position | cuts | delivered | discarded | bytes | objects |
//	+-------+----------+------+-----------+-----------+-------+---------+
//	+--------------+---------+----------+----------+---------------------+
//	| object bytes | skipped | manifest | plan u32 | plan, as in a frame |
//	+--------------+---------+----------+----------+---------------------+
const laneSnapshot = 9*8 + hashSize + 4

// AppendSnapshot implements wal.Folder.
func (s *State) AppendSnapshot(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, route := range slices.Sorted(maps.Keys(s.lanes)) {
		c := s.lanes[route]
		for _, v := range []uint64{
			route, c.position, c.cuts, uint64(c.delivered), uint64(c.discarded), uint64(c.bytes),
			uint64(c.objects), uint64(c.objectBytes), uint64(c.skipped),
		} {
			dst = le.AppendUint64(dst, v)
		}
		dst = append(dst, c.manifest[:]...)
		at := len(dst)
		dst = le.AppendUint32(dst, 0)
		if c.plan != nil {
			dst = c.plan.append(dst)
			le.PutUint32(dst[at:], uint32(len(dst)-at-4))
		}
	}
	return dst
}

// Restore implements wal.Folder.
func (s *State) Restore(src []byte) error {
	lanes := map[uint64]*cursor{}
	for len(src) > 0 {
		if len(src) < laneSnapshot {
			return fmt.Errorf("restore delivery streams: %w", errFrame)
		}
		word := func(i int) int64 { return int64(le.Uint64(src[8*i:])) }
		c := &cursor{
			position: uint64(word(1)), cuts: uint64(word(2)), delivered: word(3), discarded: word(4),
			bytes: word(5), objects: word(6), objectBytes: word(7), skipped: word(8),
		}
		copy(c.manifest[:], src[9*8:])
		route, size := uint64(word(0)), uint64(le.Uint32(src[laneSnapshot-4:]))
		src = src[laneSnapshot:]
		if size > uint64(len(src)) {
			return fmt.Errorf("restore delivery streams: %w", errFrame)
		}
		if size > 0 {
			var err error
			if c.plan, err = openPlan(src[:size]); err != nil {
				return fmt.Errorf("restore delivery streams: %w", err)
			}
		}
		src = src[size:]
		lanes[route] = c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes = lanes
	return nil
}
