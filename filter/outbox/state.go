package outbox

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// maxRanges is how many skips of a route are remembered one by one; their sums
// have no bound.
const maxRanges = 64

// Counts is what a lane did over its whole life.
type Counts struct {
	// Position is the first one that is not done.
	Position uint64
	// Delivered are events, Bytes their messages.
	Delivered, Bytes uint64
	// Failures are attempts that failed and were followed by a commit.
	Failures uint64
	// Skipped sums up by reason what was given up, Ranges are the last of it.
	Skipped map[Reason]Skip
	Ranges  []Skip
}

// State is what the log of one shard says about lanes. It is a wal.Folder, and
// safe for concurrent use.
type State struct {
	mu    sync.Mutex // guards lanes
	lanes map[uint64]*Counts
}

// NewState returns a state to be given to a log's folders and to New.
func NewState() *State { return &State{lanes: map[uint64]*Counts{}} }

// ID implements wal.Folder.
func (s *State) ID() uint8 { return wal.FolderOutbox }

// Fold implements wal.Folder. A commit that goes not beyond the last is the same
// one again.
func (s *State) Fold(f wal.Frame) {
	if f.Type != wal.TypeCommit {
		return
	}
	c, err := openCommit(f.Payload)
	if err != nil {
		return // a delivery stream's
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lanes[f.Key]
	if n == nil {
		n = &Counts{Skipped: map[Reason]Skip{}}
		s.lanes[f.Key] = n
	}
	if c.position <= n.Position {
		return
	}
	n.Position = c.position
	n.Delivered += c.delivered
	n.Bytes += c.bytes
	n.Failures += c.failures
	for _, skip := range c.skips {
		n.Skipped[skip.Reason] = n.Skipped[skip.Reason].plus(skip)
		n.Ranges = append(n.Ranges, skip)
	}
	n.Ranges = slices.Clone(n.Ranges[max(0, len(n.Ranges)-maxRanges):])
}

// Of returns a copy of a route's counts.
func (s *State) Of(route uint64) Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lanes[route]
	if n == nil {
		return Counts{}
	}
	c := *n
	c.Skipped = maps.Clone(c.Skipped)
	return c
}

// A snapshot is a version and a run of lanes:
//
//	+---------+   +-------------------------------------------------+--------------+
//	| version |   | route, position, delivered, bytes, failures,    | sums and     |
//	| 1 (u64) |   | number of sums, number of ranges: u64 each      | ranges       |
//	+---------+   +-------------------------------------------------+--------------+
//
// Sums and ranges are skips as in a Commit frame.
const (
	snapshotVersion = 1
	laneHeader      = 7 * 8
)

// AppendSnapshot implements wal.Folder.
func (s *State) AppendSnapshot(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = le.AppendUint64(dst, snapshotVersion)
	for _, route := range slices.Sorted(maps.Keys(s.lanes)) {
		n := s.lanes[route]
		for _, v := range []uint64{route, n.Position, n.Delivered, n.Bytes, n.Failures, uint64(len(n.Skipped)), uint64(len(n.Ranges))} {
			dst = le.AppendUint64(dst, v)
		}
		for _, r := range slices.Sorted(maps.Keys(n.Skipped)) {
			dst = appendSkips(dst, []Skip{n.Skipped[r]})
		}
		dst = appendSkips(dst, n.Ranges)
	}
	return dst
}

// Restore implements wal.Folder.
func (s *State) Restore(src []byte) error {
	if len(src) < 8 || le.Uint64(src) != snapshotVersion {
		return fmt.Errorf("restore outbox: %w", event.ErrCorrupt)
	}
	lanes := map[uint64]*Counts{}
	for src = src[8:]; len(src) > 0; {
		if len(src) < laneHeader {
			return fmt.Errorf("restore outbox: %w", event.ErrCorrupt)
		}
		word := func(i int) uint64 { return le.Uint64(src[8*i:]) }
		n := &Counts{Position: word(1), Delivered: word(2), Bytes: word(3), Failures: word(4), Skipped: map[Reason]Skip{}}
		route, sums, ranges := word(0), word(5), word(6)
		src = src[laneHeader:]
		if sums > maxSkips || ranges > maxRanges || uint64(len(src)) < (sums+ranges)*skipSize {
			return fmt.Errorf("restore outbox: route %d: %w", route, event.ErrCorrupt)
		}
		for _, skip := range openSkips(src[:sums*skipSize]) {
			n.Skipped[skip.Reason] = skip
		}
		n.Ranges = openSkips(src[sums*skipSize : (sums+ranges)*skipSize])
		src = src[(sums+ranges)*skipSize:]
		lanes[route] = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes = lanes
	return nil
}
