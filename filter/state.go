package filter

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

var le = binary.LittleEndian

// State is what the dispatcher of one shard knows after a restart: the input
// position and what every filter did below it. It is a wal.Folder. What the
// filters did since the last frame is kept here too, so that it moves from one
// to the other at once and no scrape sees it twice.
type State struct {
	mu       sync.Mutex // guards the fields below
	inputEnd uint64
	tallies  map[uint64]event.Tally // in frames of the log
	pending  map[uint64]event.Tally // for the frame to come
	reading  []*readers             // whose events are not in pending yet
}

// readers are filters that read the same batches. What they read is counted once
// for all of them until somebody asks for one: a batch costs a thousand filters
// that select nothing no more than one.
type readers struct {
	filters []uint64
	events  uint64 // not in pending yet; guarded by State.mu
}

// NewState returns a state to be given to the log's Config.Folders.
func NewState() *State {
	return &State{tallies: map[uint64]event.Tally{}, pending: map[uint64]event.Tally{}}
}

// ID implements wal.Folder.
func (s *State) ID() uint8 { return wal.FolderFilter }

// Fold implements wal.Folder.
func (s *State) Fold(f wal.Frame) {
	if f.Type != wal.TypeMatches {
		return
	}
	m, err := event.OpenMatches(f.Payload)
	if err != nil {
		return // of another version; the log vouches for the bytes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inputEnd = max(s.inputEnd, m.InputEnd)
	for t := range m.Tallies() {
		s.tallies[t.Filter] = sum(s.tallies[t.Filter], t)
	}
	clear(s.pending) // the frame had all of it: nothing is noted while one is made
}

// noteRead adds events that some filters read.
func (s *State) noteRead(r *readers, events uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.events == 0 && events > 0 {
		s.reading = append(s.reading, r)
	}
	r.events += events
}

// share gives each filter what all of its readers read. mu is held.
func (s *State) share() {
	for _, r := range s.reading {
		for _, filter := range r.filters {
			s.pending[filter] = sum(s.pending[filter], event.Tally{Filter: filter, Read: r.events})
		}
		r.events = 0
	}
	s.reading = s.reading[:0]
}

// note adds what a filter did with a batch.
func (s *State) note(t event.Tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[t.Filter] = sum(s.pending[t.Filter], t)
}

// appendPending appends what the frame to come has to tell.
func (s *State) appendPending(dst []event.Tally) []event.Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.share()
	for _, t := range s.pending {
		dst = append(dst, t)
	}
	return dst
}

func sum(a, b event.Tally) event.Tally {
	return event.Tally{Filter: b.Filter, Read: a.Read + b.Read, Matched: a.Matched + b.Matched, Bytes: a.Bytes + b.Bytes}
}

// InputEnd is the first position that the filters have not read.
func (s *State) InputEnd() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inputEnd
}

// Tally is what a filter did so far, in frames of the log or not yet.
func (s *State) Tally(filter uint64) event.Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.share()
	return sum(s.tallies[filter], s.pending[filter])
}

const tallySnapshot = 4 * 8

// AppendSnapshot implements wal.Folder.
func (s *State) AppendSnapshot(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = le.AppendUint64(dst, s.inputEnd)
	for _, uid := range slices.Sorted(maps.Keys(s.tallies)) {
		t := s.tallies[uid]
		for _, v := range [...]uint64{uid, t.Read, t.Matched, t.Bytes} {
			dst = le.AppendUint64(dst, v)
		}
	}
	return dst
}

// Restore implements wal.Folder.
func (s *State) Restore(src []byte) error {
	if len(src) < 8 || (len(src)-8)%tallySnapshot != 0 {
		return fmt.Errorf("restore filter state: %w: %d bytes", event.ErrCorrupt, len(src))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inputEnd = le.Uint64(src)
	s.tallies = map[uint64]event.Tally{}
	for src = src[8:]; len(src) > 0; src = src[tallySnapshot:] {
		uid := le.Uint64(src)
		s.tallies[uid] = event.Tally{Filter: uid, Read: le.Uint64(src[8:]), Matched: le.Uint64(src[16:]), Bytes: le.Uint64(src[24:])}
	}
	return nil
}
