package pattern

// Set is many patterns compiled into one plan, so that a batch is read about
// once however many patterns there are:
//
//	one scan for the literals of all term patterns, regexes and prefilters
//	one walk over a JSON message, down a trie of all selectors
//	one split of a message into tokens
//
// A walk or a split notes facts ("$.level is the text ERROR") as bits; each
// fact is tested once, whichever and however many patterns ask for it. The bits
// of 64 messages lie in one word, so that a pattern is decided for all of them
// with a few operations.
//
// A Set never changes and may be used by many goroutines, each with a Matches
// of its own.
type Set struct {
	patterns []*Pattern // distinct
	place    []int      // of each pattern given to NewSet, in patterns

	all    []int32 // patterns that match everything
	alone  []int32 // patterns that are matched best by their own MatchBatch
	each   []int32 // patterns that must look at every message
	needle *needles
	json   *jsonGroup
	space  *spaceGroup
}

// Matches receives the answer of Set.Match. The zero value is ready; reusing
// one makes matching free of allocations.
type Matches struct {
	set   *Set
	lists [][]uint32 // parallel to set.patterns

	needles needleScratch
	json    round
	walker  jsonWalker
	space   round
	tokens  []token
}

// NewSet compiles patterns into a Set. Equal patterns cost nothing extra.
func NewSet(patterns ...*Pattern) *Set {
	s := &Set{}
	known := map[string]int{}
	for _, p := range patterns {
		key := p.text
		if p.form == MatchAll {
			key = ""
		}
		i, ok := known[key]
		if !ok {
			i = len(s.patterns)
			known[key] = i
			s.patterns = append(s.patterns, p)
		}
		s.place = append(s.place, i)
	}
	s.plan()
	return s
}

// plan decides how each pattern is matched.
func (s *Set) plan() {
	if len(s.patterns) == 1 {
		s.alone = []int32{0}
		return
	}
	var json, space, literal []int32
	for i, p := range s.patterns {
		switch id := int32(i); {
		case p.form == MatchAll, p.form == Space && p.space.all:
			s.all = append(s.all, id)
		case p.form == JSON:
			json = append(json, id)
		case p.form == Space:
			space = append(space, id)
		default:
			literal = append(literal, id)
		}
	}
	b := needleBuilder{set: s, ids: map[string]uint32{}}
	wanted := make([]needs, len(literal))
	uses := map[string]int{}
	for k, id := range literal {
		wanted[k] = needsOf(s.patterns[id])
		wanted[k].count(uses)
	}
	for k, id := range literal {
		switch n := wanted[k]; {
		case b.watch(id, n, uses):
		case n.run != nil:
			s.alone = append(s.alone, id)
		default:
			s.each = append(s.each, id)
		}
	}
	if len(b.literals) <= maxFinders { // searching for each beats a scan
		s.alone = append([]int32(nil), literal...)
		s.each, b = nil, needleBuilder{set: s, ids: map[string]uint32{}}
	}
	if aided := b.watchGroup(json, wakeJSON); aided || !s.detach(json) {
		s.json = newJSONGroup(s.patterns, json, aided)
		b.announceSearches(&s.json.court)
	}
	if aided := b.watchGroup(space, wakeSpace); aided || !s.detach(space) {
		s.space = newSpaceGroup(s.patterns, space, aided)
	}
	s.needle = b.build()
}

// fewPatterns is up to how many patterns of one form their own prefilters and
// probes beat reading every message once for all.
const fewPatterns = 3

// detach lets the patterns of a small group be matched alone if each of them
// can do without reading most messages; false: it is better left a group.
func (s *Set) detach(group []int32) bool {
	if len(group) > fewPatterns {
		return false
	}
	for _, id := range group {
		if plan := s.patterns[id].batchPlan(); plan.search == nil && plan.probe == nil {
			return false
		}
	}
	s.alone = append(s.alone, group...)
	return true
}

// Match finds the messages of b that each pattern matches. The verdicts are
// Pattern.Match's. m is overwritten; it must not be used by two calls at once.
//
// hot: BenchmarkSet
func (s *Set) Match(b Batch, m *Matches) {
	m.reset(s)
	for _, id := range s.alone {
		m.lists[id] = s.patterns[id].MatchBatch(b, m.lists[id])
	}
	for _, id := range s.all {
		m.lists[id] = appendOthers(m.lists[id], nil, 0, len(b.Ends))
	}
	for lo, hi := 0, 0; lo < len(b.Ends); lo = hi {
		hi = b.chunkEnd(lo)
		if s.needle != nil {
			s.needle.search(&b, lo, hi, m)
		}
		for _, id := range s.each {
			m.lists[id] = s.patterns[id].matchEach(b, lo, hi, m.lists[id])
		}
		if s.json != nil {
			s.json.match(&b, lo, hi, m)
		}
		if s.space != nil {
			s.space.match(&b, lo, hi, m)
		}
	}
	if s.json != nil {
		s.json.judge(&b, m)
	}
	if s.space != nil {
		s.space.judge(m)
	}
}

// reset empties m and fits it to s.
func (m *Matches) reset(s *Set) {
	if m.set != s {
		*m = Matches{set: s, lists: make([][]uint32, len(s.patterns))}
		if s.needle != nil {
			m.needles.fit(s)
		}
		if s.json != nil {
			m.json.facts.words = make([]uint64, s.json.court.factory.last+1)
			m.walker.seen = make([]uint32, s.json.nodes)
		}
		if s.space != nil {
			m.space.facts.words = make([]uint64, s.space.court.factory.last+1)
		}
	}
	m.json.clear()
	m.space.clear()
	for i := range m.lists {
		m.lists[i] = m.lists[i][:0]
	}
}

// Of returns the indexes of the messages that the i-th pattern given to NewSet
// matches, ascending. The slice is valid until the next Match and read-only.
func (m *Matches) Of(i int) []uint32 { return m.lists[m.set.place[i]] }

// Count returns how many messages the i-th pattern matches.
func (m *Matches) Count(i int) int { return len(m.Of(i)) }

// add notes that pattern id matches message i.
func (m *Matches) add(id int32, i uint32) { m.lists[id] = append(m.lists[id], i) }
