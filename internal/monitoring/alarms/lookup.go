package alarms

import (
	"cmp"
	"slices"

	"sluice/internal/catalog"
	"sluice/internal/monitoring/alarms/evaluation"
)

// Current is an alarm's state; ok is false before its first transition.
func (s *State) Current(uid uint64) (c Current, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.alarms[uid]; t != nil && t.last != nil {
		return t.current, true
	}
	return Current{}, false
}

// Mark is the second up to which alarms are evaluated, 0 if none ever was.
func (s *State) Mark() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mark
}

// initialReason is why an alarm without any evaluation is in its state.
const initialReason = "Unchecked: Initial alarm creation"

// of is the state of a definition.
func (s *State) of(d *Definition) Current {
	if c, ok := s.Current(d.UID); ok {
		return c
	}
	return Current{State: evaluation.InsufficientData, Reason: initialReason, Updated: d.Created, Transitioned: d.Created}
}

// due is an action that is not done.
type due struct {
	uid, seq uint64
	index    int
}

// outbox lists the actions that are not done, oldest first.
func (s *State) outbox() (all []due) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.pending {
		for i, done := range e.done {
			if !done {
				all = append(all, due{e.uid, e.seq, i})
			}
		}
	}
	slices.SortFunc(all, func(a, b due) int { return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.index, b.index)) })
	return all
}

// transition returns the record that asks for an action, unless it is done or
// its alarm was deleted.
func (s *State) transition(d due) (record, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.pending[d.seq]
	if e == nil || d.index >= len(e.done) || e.done[d.index] {
		return record{}, false
	}
	r, err := parseRecord(e.payload)
	return r, err == nil
}

// living is an alarm that has a state.
type living struct {
	uid   uint64
	scope catalog.Scope
	name  string
}

func (s *State) living() (all []living) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for uid, t := range s.alarms {
		if t.last != nil || t.pending > 0 {
			all = append(all, living{uid, t.scope, t.name})
		}
	}
	slices.SortFunc(all, func(a, b living) int { return cmp.Compare(a.uid, b.uid) })
	return all
}

// item is one entry of a history.
type item struct {
	seq uint64
	record
}

// wanted selects items.
type wanted struct {
	scope    catalog.Scope
	name     string // "" for all
	kind     kind   // 0 for all
	from, to int64  // ms; to is included
	oldest   bool   // first
	after    uint64 // sequence of the last item of the page before, 0 for none
	limit    int
}

// items is a page of the history; more says that another one follows. Sequences
// are the order of time.
func (s *State) items(w wanted) (page []item, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*entry
	for _, e := range s.history {
		if e.inHistory && s.wants(&w, e) {
			found = append(found, e)
		}
	}
	if !w.oldest {
		slices.Reverse(found)
	}
	if len(found) > w.limit {
		found, more = found[:w.limit], true
	}
	for _, e := range found {
		if r, err := parseRecord(e.payload); err == nil {
			page = append(page, item{e.seq, r})
		}
	}
	return page, more
}

func (s *State) wants(w *wanted, e *entry) bool {
	t := s.alarms[e.uid]
	switch {
	case t.scope != w.scope, w.name != "" && t.name != w.name, w.kind != 0 && e.kind != w.kind:
		return false
	case e.at < w.from, e.at > w.to:
		return false
	case w.after != 0 && w.oldest:
		return e.seq > w.after
	case w.after != 0:
		return e.seq < w.after
	}
	return true
}
