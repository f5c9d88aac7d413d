package pattern

import (
	"slices"

	find "sluice/filter/pattern/internal/literal"
)

// factID numbers one fact that a message may establish, such as "$.status is a
// number above 499". noFact stands for a fact nobody asks for: it may be
// established, and is never read.
type factID int32

const noFact factID = 0

// factory numbers facts while a plan is made.
type factory struct {
	last     factID
	numbers  []*numbers  // those that have facts to derive
	searches []*searches // those that have a scanner
}

// new returns the first of n facts with numbers in a row.
func (f *factory) new(n int) factID {
	first := f.last + 1
	f.last += factID(n)
	return first
}

// fact returns the fact in *id, a new one if there was none.
func (f *factory) fact(id *factID) factID {
	if *id == noFact {
		*id = f.new(1)
	}
	return *id
}

// facts is a table: which facts hold for which of up to 64 messages. Bit k of
// words[id] says that fact id holds for message k of the round, so that a
// pattern is decided for all of them with a few operations on words.
type facts struct {
	words   []uint64
	message uint64 // the bit of the current message
	// announced: the current message has a literal of some search.
	announced bool

	hits []find.Hit // of searches, used at one place at a time
}

// establish sets a fact of the current message.
func (f *facts) establish(id factID) { f.words[id] |= f.message }

// withdraw takes a fact back.
func (f *facts) withdraw(id factID) { f.words[id] &^= f.message }

func (f *facts) has(id factID) bool { return f.words[id]&f.message != 0 }

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

// holds returns for which of the messages in among c holds.
func (c *condition) holds(words []uint64, among uint64) uint64 {
	switch c.op {
	case exprTest:
		if c.need != noFact {
			among &= words[c.need]
		}
		if c.deny != noFact {
			among &^= words[c.deny]
		}
		return among
	case exprAnd:
		for i := range c.kids {
			among = c.kids[i].holds(words, among)
		}
		return among
	}
	some := uint64(0)
	for i := range c.kids {
		some |= c.kids[i].holds(words, among&^some)
	}
	return some
}

// verdict is how one pattern of a group is decided: all of needs, none of denies
// and all of others hold.
type verdict struct {
	pattern       int32
	needs, denies []factID
	others        []condition
}

// newVerdict flattens a conjunction of tests, as most patterns are.
func newVerdict(pattern int32, cond condition) verdict {
	v := verdict{pattern: pattern}
	v.require(cond)
	return v
}

// require adds c to what must hold.
func (v *verdict) require(c condition) {
	switch c.op {
	case exprOr:
		v.others = append(v.others, c)
		return
	case exprAnd:
		for _, kid := range c.kids {
			v.require(kid)
		}
		return
	}
	if c.need != noFact && !slices.Contains(v.needs, c.need) {
		v.needs = append(v.needs, c.need)
	}
	if c.deny != noFact {
		v.denies = append(v.denies, c.deny)
	}
}

// holds returns for which of the messages in among the pattern matches.
func (v *verdict) holds(words []uint64, among uint64) uint64 {
	for _, id := range v.needs {
		if among &= words[id]; among == 0 {
			return 0
		}
	}
	for _, id := range v.denies {
		among &^= words[id]
	}
	for i := range v.others {
		among = v.others[i].holds(words, among)
	}
	return among
}
