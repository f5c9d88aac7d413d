package literal

import (
	"math"
	"slices"
)

// Hit is one occurrence: the offset in the upper, the literal's index in the
// lower 32 bits, so that hits order by offset.
type Hit uint64

// Offset returns where in the text the occurrence starts.
func (h Hit) Offset() uint32 { return uint32(h >> 32) }

// Literal returns the index of the literal in the arguments of NewScanner.
func (h Hit) Literal() uint32 { return uint32(h) }

func newHit(offset int, literal uint32) Hit { return Hit(uint64(offset)<<32 | uint64(literal)) }

// Scanner finds many literals in one pass, or a few more.
type Scanner struct {
	literals []string
	groups   []sampler
	// Short literals with a rare byte are found by a memchr each: they would
	// force short grams and strides on the others.
	finders   []Finder
	finderIDs []uint32
	// vector, if not nil, does what groups would do.
	vector *fingerprints
}

// maxFinders bounds the extra passes.
const maxFinders = 4

// NewScanner returns a Scanner for literals. Empty ones are never found.
func NewScanner(literals []string) *Scanner {
	s := &Scanner{literals: slices.Clone(literals)}
	var ids []uint32
	for id, l := range s.literals {
		if l != "" {
			ids = append(ids, uint32(id))
		}
	}
	slices.SortStableFunc(ids, func(a, b uint32) int { return len(s.literals[a]) - len(s.literals[b]) })

	short := 0
	for short < len(ids) && len(s.literals[ids[short]]) < 3 {
		short++
	}
	if s.vector = newFingerprints(s.literals, ids[short:]); s.vector != nil {
		ids = ids[:short]
	}
	best := s.layout(ids)
	found, spent := 0, 0.0
	for k := 1; k <= min(maxFinders, len(ids)); k++ {
		spent += findCost(s.literals[ids[k-1]])
		if l := s.layout(ids[k:]); spent+l.cost < best.cost {
			best, found = l, k
			best.cost += spent
		}
	}
	for _, id := range ids[:found] {
		s.finders = append(s.finders, NewFinder(s.literals[id]))
		s.finderIDs = append(s.finderIDs, id)
	}
	for _, g := range best.groups {
		s.groups = append(s.groups, newSampler(s.literals, g, s.plan(g)))
	}
	return s
}

// findCost is the cost of finding one literal by its rarest byte, in the unit
// of plan.
func findCost(l string) float64 {
	at := rarestWindow(l, 1)
	return 0.05 + 6*Share(l[at:at+1])
}

// layout is a division of literals, sorted by length, into groups.
type layout struct {
	groups [][]uint32
	cost   float64
}

// layout divides ids into one or two groups: what is true of short literals is
// true within the samplers, too.
func (s *Scanner) layout(ids []uint32) layout {
	if len(ids) == 0 {
		return layout{}
	}
	best := layout{[][]uint32{ids}, s.plan(ids).cost}
	for i := 1; i < len(ids); i++ {
		if n := len(s.literals[ids[i]]); n == len(s.literals[ids[i-1]]) || n > 12 {
			continue
		}
		if c := s.plan(ids[:i]).cost + s.plan(ids[i:]).cost; c < best.cost {
			best = layout{[][]uint32{ids[:i], ids[i:]}, c}
		}
	}
	return best
}

// plan is how to sample a group of literals.
type plan struct {
	q, stride int
	cost      float64 // per byte of text; reading one position costs 1
}

// plan returns the cheapest way to sample the literals ids, which are sorted by
// length.
func (s *Scanner) plan(ids []uint32) plan {
	best := plan{cost: math.Inf(1)}
	shortest := len(s.literals[ids[0]])
	for q := 1; q <= min(4, shortest); q++ {
		for stride := 1; stride <= min(maxStride, shortest-q+1); stride *= 2 {
			alarms := 0.0
			for _, id := range ids {
				l := s.literals[id]
				first := rarestSample(l, q, stride, nil)
				for at := first; at < first+stride; at++ {
					alarms += Share(l[at : at+q])
				}
			}
			const alarm = 10 // the cost of one, mostly a mispredicted branch
			if c := (1 + alarm*min(alarms, 1)) / float64(stride); c < best.cost {
				best = plan{q, stride, c}
			}
		}
	}
	return best
}

// AppendHits appends every occurrence of every literal in text to dst, ordered
// by offset. Text is shorter than 4 GiB.
//
// hot: BenchmarkScanner
func (s *Scanner) AppendHits(dst []Hit, text []byte) []Hit {
	from := len(dst)
	for i := range s.groups {
		dst = s.groups[i].appendHits(dst, text, s.literals)
	}
	if s.vector != nil {
		dst = s.vector.appendHits(dst, text, s.literals)
	}
	for i := range s.finders {
		dst = s.finders[i].appendHits(dst, text, s.finderIDs[i])
	}
	order(dst[from:])
	return dst
}

// order sorts hits that are nearly sorted: a sampler meets them in the order
// of the grams it knows them by.
func order(hits []Hit) {
	moves := 0
	for i := 1; i < len(hits); i++ {
		h, j := hits[i], i
		for ; j > 0 && hits[j-1] > h; j-- {
			hits[j] = hits[j-1]
		}
		hits[j] = h
		if moves += i - j; moves > 8*i+64 {
			slices.Sort(hits)
			return
		}
	}
}
