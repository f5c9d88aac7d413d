package alarms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"sluice/internal/catalog"
	"sluice/internal/monitoring/alarms/evaluation"
	"sluice/internal/wal"
)

// Limits bound the history. The zero value of a field is its default.
type Limits struct {
	Age   time.Duration // of an item; default 14 days
	Items int           // of one alarm; default 100
	Bytes int           // of all items; default 8 MiB
}

// State is what the log says of all alarms: the state of each, the actions that
// are not done, and the history. It is a wal.Folder of shard 0; its other methods
// may be called at any time.
type State struct {
	limits Limits

	mu      sync.RWMutex // guards all below; never held across I/O
	alarms  map[uint64]*tracked
	kept    []*entry          // by sequence, some of them dead
	dead    int               // of kept
	history []*entry          // oldest first; those no longer in it are passed over
	bytes   int               // of the history's payloads
	pending map[uint64]*entry // transitions with actions to do, by sequence
	mark    int64             // s: alarms are evaluated up to here
	newest  int64             // ms: greatest time of a frame
}

// tracked is one alarm, also one that was deleted and has a history.
type tracked struct {
	scope   catalog.Scope
	name    string
	last    *entry // the transition to the state it is in; nil before the first
	current Current
	items   []*entry // its history, oldest first
	pending int      // transitions with actions to do
}

// Current is the state that an alarm is in.
type Current struct {
	State         evaluation.State
	Reason        string
	ReasonDetails string // JSON, or ""
	Updated       int64  // ms: when state or reason were set
	Transitioned  int64  // ms: when the state last became another one
}

// entry is a frame that still counts: as the state of an alarm, for actions that
// are not done, or in the history.
type entry struct {
	uid, seq uint64
	at       int64 // ms
	kind     kind
	payload  []byte

	isState, inHistory bool
	done               []bool // of a transition's actions; nil when none is left to do
}

func (e *entry) counts() bool { return e.isState || e.inHistory || e.done != nil }

// NewState returns a state to be given to the log's Config.Folders.
func NewState(l Limits) *State {
	if l.Age == 0 {
		l.Age = 14 * 24 * time.Hour
	}
	if l.Items == 0 {
		l.Items = 100
	}
	if l.Bytes == 0 {
		l.Bytes = 8 << 20
	}
	s := &State{limits: l}
	s.clear()
	return s
}

func (s *State) clear() {
	s.alarms, s.pending = map[uint64]*tracked{}, map[uint64]*entry{}
	s.kept, s.history = nil, nil
	s.dead, s.bytes, s.mark, s.newest = 0, 0, 0, 0
}

// ID implements wal.Folder.
func (s *State) ID() uint8 { return wal.FolderAlarms }

// Fold implements wal.Folder.
func (s *State) Fold(f wal.Frame) {
	if f.Type != wal.TypeAlarm {
		return
	}
	r, err := parseRecord(f.Payload)
	if err != nil {
		return // of another version
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.kind == kindMark {
		s.mark = max(s.mark, r.at/1000)
		return
	}
	if r.kind == kindAction && !s.settle(&r) {
		return // done before: its history has it
	}
	e := &entry{uid: f.Key, seq: f.Seq, at: r.at, kind: r.kind, payload: bytes.Clone(f.Payload)}
	e.inHistory = r.kind != kindTransition || r.from != r.to
	if r.kind == kindTransition {
		e.isState = true
		if len(r.actions) > 0 {
			e.done = make([]bool, len(r.actions))
		}
	}
	s.admit(e, &r)
	if r.kind == kindConfiguration && r.change == deleted {
		s.forget(f.Key)
	}
	s.expire()
}

// admit takes an entry in under the roles it has. mu is held.
func (s *State) admit(e *entry, r *record) {
	t := s.alarms[e.uid]
	if t == nil {
		t = &tracked{scope: r.scope, name: r.name}
		s.alarms[e.uid] = t
	}
	s.newest = max(s.newest, e.at)
	s.kept = append(s.kept, e)
	if e.isState {
		if t.last != nil {
			t.last.isState = false
			s.bury(t.last)
		}
		t.last = e
		t.current = Current{r.to, r.reason, r.reasonDetails, r.at, r.transitioned}
	}
	if e.done != nil {
		s.pending[e.seq] = e
		t.pending++
	}
	if e.inHistory {
		s.history = append(s.history, e)
		t.items = append(t.items, e)
		s.bytes += len(e.payload)
		if len(t.items) > s.limits.Items {
			s.dropItem(t.items[0])
		}
	}
}

// settle notes that an action is done, false when that was known. mu is held.
func (s *State) settle(r *record) bool {
	e := s.pending[r.transition]
	if e == nil || r.index >= len(e.done) || e.done[r.index] {
		return false
	}
	e.done[r.index] = true
	if !slices.Contains(e.done, false) {
		s.finish(e)
	}
	return true
}

// finish ends a transition's place in the outbox, and gives up its message.
func (s *State) finish(e *entry) {
	delete(s.pending, e.seq)
	s.alarms[e.uid].pending--
	e.done = nil
	s.release(e.uid)
	if !e.counts() {
		s.bury(e)
		return
	}
	if r, err := parseRecord(e.payload); err == nil {
		r.subject, r.message = "", ""
		short := r.append(nil)
		if e.inHistory {
			s.bytes -= len(e.payload) - len(short)
		}
		e.payload = short
	}
}

// forget drops an alarm but for its history.
func (s *State) forget(uid uint64) {
	t := s.alarms[uid]
	for _, e := range s.pending {
		if e.uid == uid {
			s.finish(e)
		}
	}
	if t.last != nil {
		t.last.isState = false
		s.bury(t.last)
		t.last = nil
		s.release(uid)
	}
}

// release drops an alarm that nothing is known of any more.
func (s *State) release(uid uint64) {
	if t := s.alarms[uid]; len(t.items) == 0 && t.last == nil && t.pending == 0 {
		delete(s.alarms, uid)
	}
}

// expire holds the history to its limits.
func (s *State) expire() {
	oldest := s.newest - s.limits.Age.Milliseconds()
	for len(s.history) > 0 {
		e := s.history[0]
		if e.inHistory && e.at >= oldest && s.bytes <= s.limits.Bytes {
			break
		}
		s.history = s.history[1:]
		if e.inHistory {
			s.dropItem(e)
		}
	}
	if s.dead > 64 && s.dead > len(s.kept)/2 {
		s.kept = slices.DeleteFunc(s.kept, func(e *entry) bool { return !e.counts() })
		s.dead = 0
		s.history = slices.DeleteFunc(s.history, func(e *entry) bool { return !e.inHistory })
	}
}

// dropItem takes an entry out of the history; it is its alarm's oldest.
func (s *State) dropItem(e *entry) {
	t := s.alarms[e.uid]
	if i := slices.Index(t.items, e); i >= 0 {
		t.items = slices.Delete(t.items, i, i+1)
	}
	e.inHistory = false
	s.bytes -= len(e.payload)
	s.bury(e)
	s.release(e.uid)
}

// bury counts an entry that has no role left.
func (s *State) bury(e *entry) {
	if !e.counts() {
		s.dead++
	}
}

// Roles of an entry in a snapshot.
const (
	roleState = 1 << iota
	roleHistory
)

// snapshotVersion begins a snapshot, which is
//
//	| version 1 | mark s 8 | entries: roles 1 | uid 8 | seq 8 |
//	| actions n uvarint, n x done 1 (n = 0: nothing to do) | payload text |
const snapshotVersion = 1

// AppendSnapshot implements wal.Folder.
func (s *State) AppendSnapshot(dst []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	dst = le.AppendUint64(append(dst, snapshotVersion), uint64(s.mark))
	for _, e := range s.kept {
		if !e.counts() {
			continue
		}
		var roles byte
		if e.isState {
			roles |= roleState
		}
		if e.inHistory {
			roles |= roleHistory
		}
		dst = le.AppendUint64(append(dst, roles), e.uid)
		dst = le.AppendUint64(dst, e.seq)
		dst = binary.AppendUvarint(dst, uint64(len(e.done)))
		for _, done := range e.done {
			dst = append(dst, 0)
			if done {
				dst[len(dst)-1] = 1
			}
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(e.payload))), e.payload...)
	}
	return dst
}

// Restore implements wal.Folder.
func (s *State) Restore(src []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	c := cursor{rest: src}
	if version := c.byte(); version != snapshotVersion {
		return fmt.Errorf("restore alarms: %w: version %d", errCorrupt, version)
	}
	s.mark = int64(c.uint64())
	for len(c.rest) > 0 && !c.bad {
		if err := s.restoreEntry(&c); err != nil {
			return err
		}
	}
	if c.bad {
		return fmt.Errorf("restore alarms: %w: it ends early", errCorrupt)
	}
	return nil
}

func (s *State) restoreEntry(c *cursor) error {
	roles := c.byte()
	e := &entry{uid: c.uint64(), seq: c.uint64(), isState: roles&roleState != 0, inHistory: roles&roleHistory != 0}
	n := c.uvarint()
	if n > maxActions {
		return fmt.Errorf("restore alarms: %w: %d actions", errCorrupt, n)
	}
	for range n {
		e.done = append(e.done, c.byte() == 1)
	}
	e.payload = bytes.Clone(c.take(c.uvarint()))
	if c.bad {
		return nil // the caller says so
	}
	r, err := parseRecord(e.payload)
	if err != nil {
		return fmt.Errorf("restore alarms: %w", err)
	}
	e.at, e.kind = r.at, r.kind
	if !e.counts() || (e.isState || e.done != nil) && (r.kind != kindTransition || e.done != nil && len(e.done) != len(r.actions)) {
		return fmt.Errorf("restore alarms: %w: roles of entry %d", errCorrupt, e.seq)
	}
	s.admit(e, &r)
	return nil
}
