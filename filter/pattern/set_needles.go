package pattern

import (
	"slices"

	find "sluice/filter/pattern/internal/literal"
)

// needles is one scan for the literals of many patterns.
type needles struct {
	set      *Set
	scanner  *find.Scanner
	lengths  []int32
	watchers [][]watcher // by literal
	inverted []int32     // patterns that match where nothing was found
}

// watcher is what happens when a literal is found in a message.
type watcher struct {
	action  watcherAction
	pattern int32
}

type watcherAction uint8

const (
	matchAtOnce watcherAction = iota // the pattern matches
	matchFully                       // the pattern may match
	matchNot                         // the pattern does not match, but others do
	wakeJSON                         // some JSON pattern may match
	wakeSpace                        // some space pattern may match
	announce                         // some search of the JSON group may find something
)

// needleScratch is the part of Matches that belongs to needles.
type needleScratch struct {
	hits []find.Hit
	// stamp numbers the messages with a hit; a literal or pattern whose number
	// is stamp has been dealt with in the current one.
	stamp    uint64
	literal  []uint64
	pattern  []uint64
	spoiled  [][]uint32 // by inverted pattern: messages of the chunk with a hit
	json     []uint32   // messages of the chunk in which some JSON pattern may match
	space    []uint32   // the same for space patterns
	jsonAt   uint64     // stamp of the last element of json
	spaceAt  uint64
	inverted []int32 // by pattern: its index in spoiled

	announced   []uint32 // messages of the chunk that have a literal of some search
	announcedAt uint64
}

func (n *needleScratch) fit(s *Set) {
	n.literal = make([]uint64, len(s.needle.watchers))
	n.pattern = make([]uint64, len(s.patterns))
	n.spoiled = make([][]uint32, len(s.needle.inverted))
	n.inverted = make([]int32, len(s.patterns))
	for k, id := range s.needle.inverted {
		n.inverted[id] = int32(k)
	}
}

// needleBuilder collects literals and who waits for them.
type needleBuilder struct {
	set      *Set
	ids      map[string]uint32
	literals []string
	watchers [][]watcher
	inverted []int32
}

func (b *needleBuilder) add(literal string, w watcher) {
	id, ok := b.ids[literal]
	if !ok {
		id = uint32(len(b.literals))
		b.ids[literal] = id
		b.literals = append(b.literals, literal)
		b.watchers = append(b.watchers, nil)
	}
	b.watchers[id] = append(b.watchers[id], w)
}

// watch lets pattern id wait for its best clause; false: it has none. uses
// counts the patterns that could wait for each literal.
func (b *needleBuilder) watch(id int32, n needs, uses map[string]int) bool {
	best := n.bestOf(func(c clause) float64 { return c.costAmong(uses) })
	if best == nil {
		return false
	}
	action := matchFully
	switch {
	case n.inverted:
		action = matchNot
		b.inverted = append(b.inverted, id)
	case n.exact:
		action = matchAtOnce
	}
	for _, l := range best.literals {
		b.add(l, watcher{action, id})
	}
	return true
}

// watchGroup lets a group wait for the clauses of its patterns. False: it is
// empty, or one of them has no clause that is worth it, so that the group must
// see every message.
func (b *needleBuilder) watchGroup(ids []int32, action watcherAction) bool {
	var all []string
	for _, id := range ids {
		n := needsOf(b.set.patterns[id])
		best := n.best()
		if best == nil || best.name {
			return false
		}
		all = append(all, best.literals...)
	}
	for _, l := range all {
		if id, ok := b.ids[l]; ok && len(b.watchers[id]) > 0 {
			if last := b.watchers[id][len(b.watchers[id])-1]; last.action == action {
				continue // two patterns of the group share it
			}
		}
		b.add(l, watcher{action: action})
	}
	return len(all) > 0
}

// announceSearches lets the scan tell the searches of a group where they need not
// look, if there is a scan anyway.
func (b *needleBuilder) announceSearches(c *court) {
	if len(b.literals) == 0 {
		return
	}
	for _, s := range c.factory.searches {
		s.announce(b)
	}
}

// isAnnounced reports whether message i has a literal of some search.
func (n *needleScratch) isAnnounced(i uint32) bool {
	_, found := slices.BinarySearch(n.announced, i)
	return found
}

func (b *needleBuilder) build() *needles {
	if len(b.literals) == 0 {
		return nil
	}
	n := &needles{set: b.set, scanner: find.NewScanner(b.literals), watchers: b.watchers, inverted: b.inverted}
	for _, l := range b.literals {
		n.lengths = append(n.lengths, int32(len(l)))
	}
	return n
}

// search scans messages lo to hi.
//
// hot: BenchmarkSet
func (n *needles) search(b *Batch, lo, hi int, m *Matches) {
	s := &m.needles
	base := b.start(lo)
	s.hits = n.scanner.AppendHits(s.hits[:0], b.Text[base:b.Ends[hi-1]])
	s.json, s.space, s.announced = s.json[:0], s.space[:0], s.announced[:0]
	i, end := lo, -1 // end of message i; -1: no message yet
	for _, h := range s.hits {
		at := base + int(h.Offset())
		if at > end {
			i = b.seek(i, at)
			end = int(b.Ends[i])
			s.stamp++
		}
		l := h.Literal()
		if s.literal[l] == s.stamp || at+int(n.lengths[l]) > end {
			continue
		}
		s.literal[l] = s.stamp
		for _, w := range n.watchers[l] {
			n.wake(w, b, uint32(i), m)
		}
	}
	for k, id := range n.inverted {
		m.lists[id] = appendOthers(m.lists[id], s.spoiled[k], lo, hi)
		s.spoiled[k] = s.spoiled[k][:0]
	}
}

// wake does what w wants done for message i.
func (n *needles) wake(w watcher, b *Batch, i uint32, m *Matches) {
	s := &m.needles
	switch w.action {
	case wakeJSON:
		if s.jsonAt != s.stamp {
			s.jsonAt = s.stamp
			s.json = append(s.json, i)
		}
		return
	case wakeSpace:
		if s.spaceAt != s.stamp {
			s.spaceAt = s.stamp
			s.space = append(s.space, i)
		}
		return
	case announce:
		if s.announcedAt != s.stamp {
			s.announcedAt = s.stamp
			s.announced = append(s.announced, i)
		}
		return
	}
	if s.pattern[w.pattern] == s.stamp {
		return
	}
	s.pattern[w.pattern] = s.stamp
	switch w.action {
	case matchAtOnce:
		m.add(w.pattern, i)
	case matchNot:
		k := s.inverted[w.pattern]
		s.spoiled[k] = append(s.spoiled[k], i)
	case matchFully:
		if n.set.patterns[w.pattern].Match(b.message(int(i))) {
			m.add(w.pattern, i)
		}
	}
}
