package pattern

import find "sluice/filter/pattern/internal/literal"

// factID numbers one fact that a message may establish, such as "$.status is a
// number above 499". noFact stands for a fact nobody asks for.
type factID int32

const noFact factID = -1

// Selectivity of a fact: which of several a pattern should wait for.
const (
	factEqual   = iota // a value equals a literal
	factSearch         // a glob or regex is found
	factKeyword        // null, true, false
	factOrder          // a number is above or below another
	factPresent        // something is there
)

// factory numbers facts while a plan is made.
type factory struct {
	count       factID
	selectivity []uint8
}

func (f *factory) new(selectivity uint8) factID {
	f.selectivity = append(f.selectivity, selectivity)
	f.count++
	return f.count - 1
}

// facts holds those of the current message.
type facts struct {
	bits []uint64
	set  []factID // in the order established, may hold withdrawn ones

	// judged[p] == round: pattern p was judged in this message.
	judged []uint64
	round  uint64

	hits []find.Hit // of searches, used at one place at a time
}

func (f *facts) fit(count, patterns int) {
	f.bits = make([]uint64, (count+63)/64)
	f.judged = make([]uint64, patterns)
}

// begin forgets the facts of the last message.
func (f *facts) begin() {
	for _, id := range f.set {
		f.bits[id>>6] = 0
	}
	f.set = f.set[:0]
	f.round++
}

func (f *facts) has(id factID) bool { return f.bits[id>>6]>>(uint(id)&63)&1 != 0 }

// establish sets a fact; noFact is ignored.
func (f *facts) establish(id factID) {
	if id < 0 || f.has(id) {
		return
	}
	f.bits[id>>6] |= 1 << (uint(id) & 63)
	f.set = append(f.set, id)
}

// withdraw takes a fact back.
func (f *facts) withdraw(id factID) { f.bits[id>>6] &^= 1 << (uint(id) & 63) }

// condition is a condition tree over facts.
type condition struct {
	op         exprOp
	need, deny factID // exprTest: need holds, deny does not; noFact where absent
	kids       []condition
}

// newCondition translates a tree; leaf gives the facts of each of its tests.
func newCondition(e *expr, leaf func(test int) (need, deny factID)) condition {
	c := condition{op: e.op}
	if e.op == exprTest {
		c.need, c.deny = leaf(e.test)
		return c
	}
	for _, kid := range e.kids {
		c.kids = append(c.kids, newCondition(kid, leaf))
	}
	return c
}

// holds evaluates c.
func (c *condition) holds(f *facts) bool {
	if c.op == exprTest {
		return (c.need < 0 || f.has(c.need)) && (c.deny < 0 || !f.has(c.deny))
	}
	for i := range c.kids {
		if c.kids[i].holds(f) == (c.op == exprOr) {
			return c.op == exprOr
		}
	}
	return c.op == exprAnd
}

// triggers returns facts of which at least one is established whenever c holds,
// the most selective choice; nil if c can hold without any.
func (c *condition) triggers(f *factory) []factID {
	switch c.op {
	case exprTest:
		if c.need >= 0 {
			return []factID{c.need}
		}
		return nil
	case exprAnd:
		var best []factID
		for i := range c.kids {
			if t := c.kids[i].triggers(f); t != nil && (best == nil || f.breadth(t) < f.breadth(best)) {
				best = t
			}
		}
		return best
	}
	var union []factID
	for i := range c.kids {
		t := c.kids[i].triggers(f)
		if t == nil {
			return nil
		}
		union = append(union, t...)
	}
	return union
}

// breadth estimates how often one of ids is established: the least selective
// one decides.
func (f *factory) breadth(ids []factID) int {
	worst := uint8(0)
	for _, id := range ids {
		worst = max(worst, f.selectivity[id])
	}
	return int(worst)<<16 + len(ids)
}

// verdict is how one pattern of a group is decided.
type verdict struct {
	pattern int32
	tokens  int // a space pattern needs so many
	// simple: the condition is that needs hold and denies do not.
	simple        bool
	needs, denies []factID
	cond          condition
}

// newVerdict flattens a conjunction of tests, as most patterns are.
func newVerdict(pattern int32, tokens int, cond condition) verdict {
	v := verdict{pattern: pattern, tokens: tokens, cond: cond}
	v.simple = cond.flatten(&v)
	return v
}

// flatten adds the facts of c to v; false: c is no conjunction.
func (c *condition) flatten(v *verdict) bool {
	switch c.op {
	case exprOr:
		return false
	case exprAnd:
		for i := range c.kids {
			if !c.kids[i].flatten(v) {
				return false
			}
		}
		return true
	}
	if c.need >= 0 {
		v.needs = append(v.needs, c.need)
	}
	if c.deny >= 0 {
		v.denies = append(v.denies, c.deny)
	}
	return true
}

// holds evaluates the condition.
func (v *verdict) holds(f *facts) bool {
	if !v.simple {
		return v.cond.holds(f)
	}
	for _, id := range v.needs {
		if !f.has(id) {
			return false
		}
	}
	for _, id := range v.denies {
		if f.has(id) {
			return false
		}
	}
	return true
}

// court decides the patterns of one group from the facts of a message.
type court struct {
	verdicts []verdict
	waiting  [][]int32 // by fact: the verdicts that wait for it
	always   []int32   // verdicts that wait for nothing
}

func (c *court) add(v verdict, f *factory) {
	k := int32(len(c.verdicts))
	c.verdicts = append(c.verdicts, v)
	c.finish(f)
	triggers := v.cond.triggers(f)
	if triggers == nil {
		c.always = append(c.always, k)
	}
	for _, id := range triggers {
		c.waiting[id] = append(c.waiting[id], k)
	}
}

// finish makes room for facts that came after the last verdict.
func (c *court) finish(f *factory) {
	for len(c.waiting) < int(f.count) {
		c.waiting = append(c.waiting, nil)
	}
}

// judge adds message i to the patterns whose condition holds.
func (c *court) judge(m *Matches, i uint32, tokens int) {
	f := &m.facts
	for _, k := range c.always {
		c.decide(&c.verdicts[k], m, i, tokens)
	}
	for _, id := range f.set {
		for _, k := range c.waiting[id] {
			if v := &c.verdicts[k]; f.judged[v.pattern] != f.round {
				f.judged[v.pattern] = f.round
				c.decide(v, m, i, tokens)
			}
		}
	}
}

func (c *court) decide(v *verdict, m *Matches, i uint32, tokens int) {
	if tokens >= v.tokens && v.holds(&m.facts) {
		m.add(v.pattern, i)
	}
}
