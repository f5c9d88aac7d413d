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

// Scanner finds many literals in one pass.
type Scanner struct {
	literals []string
	groups   []sampler
}

// NewScanner returns a Scanner for literals. Empty ones are never found.
func NewScanner(literals []string) *Scanner {
	s := &Scanner{literals: slices.Clone(literals)}
	var ids []uint32
	for id, l := range s.literals {
		if l != "" {
			ids = append(ids, uint32(id))
		}
	}
	if len(ids) == 0 {
		return s
	}
	slices.SortStableFunc(ids, func(a, b uint32) int { return len(s.literals[a]) - len(s.literals[b]) })
	// Short literals force short grams and strides on all others of their
	// group, so two passes may cost less than one.
	best := s.plan(ids)
	groups := [][]uint32{ids}
	cost := best.cost
	for i := 1; i < len(ids); i++ {
		if n := len(s.literals[ids[i]]); n == len(s.literals[ids[i-1]]) || n > 12 {
			continue
		}
		if c := s.plan(ids[:i]).cost + s.plan(ids[i:]).cost; c < cost {
			groups, cost = [][]uint32{ids[:i], ids[i:]}, c
		}
	}
	for _, g := range groups {
		s.groups = append(s.groups, newSampler(s.literals, g, s.plan(g)))
	}
	return s
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
