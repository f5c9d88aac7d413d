package firehose

import (
	"maps"
	"sync"

	"sluice/internal/wal"
)

// cursor is what is known of one lane: where it stands and what it did. What it
// refers to is never changed.
type cursor struct {
	position uint64         // all below is done
	cuts     uint64         // number of the last cut
	manifest [hashSize]byte // of the last manifest, zero before the first
	plan     *plan          // open; nil when there is none

	// marks are the partitions of which more is done than position says, each
	// with the position that it is done up to.
	marks map[string]uint64
	// markedBy made the last of them: the settings that give their names a
	// meaning. nil without marks.
	markedBy *version

	delivered, discarded int64
	bytes                int64
	objects, objectBytes int64
	skipped              int64 // discarded since the last manifest
	quarantined, dropped int64 // of delivered
}

// version is settings as they were once: a delivery stream's configuration and
// the number that clients saw.
type version struct {
	number uint32
	config []byte
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
	planned := c.plan != nil && c.plan.cut == m.cut
	if m.position <= c.position && !planned {
		return
	}
	c.position = max(c.position, m.position)
	c.cuts = max(c.cuts, m.cut)
	c.delivered += m.delivered
	c.discarded += m.discarded
	c.bytes += m.bytes
	c.objects += m.objects
	c.objectBytes += m.objectBytes
	c.skipped += m.discarded
	c.quarantined += m.quarantined
	c.dropped += m.dropped
	if m.manifest != [hashSize]byte{} {
		c.manifest, c.skipped = m.manifest, 0
		if planned && !c.plan.whole {
			c.mark(c.plan)
		}
	}
	c.forget()
	c.plan = nil
}

// mark remembers what a plan delivered beyond the position.
func (c *cursor) mark(p *plan) {
	if p.end <= c.position {
		return
	}
	marks := make(map[string]uint64, len(c.marks)+len(p.parts))
	maps.Copy(marks, c.marks)
	for i := range p.parts {
		marks[p.parts[i].name] = p.end
	}
	c.marks, c.markedBy = marks, &version{p.version, p.config}
}

// forget drops the marks that the position has reached.
func (c *cursor) forget() {
	ahead := 0
	for _, m := range c.marks {
		if m > c.position {
			ahead++
		}
	}
	if ahead == len(c.marks) {
		return
	}
	marks := make(map[string]uint64, ahead)
	for name, m := range c.marks {
		if m > c.position {
			marks[name] = m
		}
	}
	if c.marks = marks; ahead == 0 {
		c.marks, c.markedBy = nil, nil
	}
}
