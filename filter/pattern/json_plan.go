package pattern

import (
	"math"
	"math/bits"
)

// jsonPlan is a condition tree laid out for one walk over a message: a trie of
// all selectors whose leaves set bits, and for each test the bits that must and
// must not be set in the end. A trie carries at most 64 bits; a pattern that
// needs more has several, each walked in turn.
type jsonPlan struct {
	tries []*jsonNode
	tests []testBits // parallel to jsonPattern.tests
	root  *expr

	// simple: there is one trie and the tree is one test or one conjunction of
	// tests, so that all and none decide.
	simple    bool
	all, none uint64
}

// testBits says when a test is true: all of need and none of deny are set in
// the result of trie.
type testBits struct {
	trie       int
	need, deny uint64
}

// jsonNode is a place in the message that some selector leads through or to.
type jsonNode struct {
	keys   []keyChild
	items  []indexChild
	wild   *jsonNode
	checks []check

	exists  uint64 // set when the node is selected at all
	isNull  uint64 // IS NULL tests that an array with a null in it satisfies, too: those without wildcard
	subtree uint64 // every bit that can be set here or below
	lengths uint64 // bit n&63: some key has n bytes

	shortest int // bytes of the shortest key; a huge number without keys
}

type keyChild struct {
	name string
	node *jsonNode
}

type indexChild struct {
	index int
	node  *jsonNode
}

// check sets bit when the value satisfies op and literal. For a wildcard's !=
// op is opEqual, the bit is one to deny.
type check struct {
	bit     uint64
	op      testOp
	literal *literal
}

const bitsPerTrie = 64

func newJSONPlan(j *jsonPattern) *jsonPlan {
	p := &jsonPlan{root: j.root}
	next := bitsPerTrie
	for i := range j.tests {
		t := &j.tests[i]
		if next+2 > bitsPerTrie { // a test takes at most two bits
			p.tries = append(p.tries, &jsonNode{})
			next = 0
		}
		trie := len(p.tries) - 1
		tb := p.tries[trie].add(t, uint64(1)<<next)
		tb.trie = trie
		next += bits.OnesCount64(tb.need | tb.deny)
		p.tests = append(p.tests, tb)
	}
	for _, trie := range p.tries {
		trie.finish()
	}
	p.simplify()
	return p
}

// add threads a test into the trie. bit and the one above it are free.
func (n *jsonNode) add(t *test, bit uint64) testBits {
	leaf := n.descend(t.selector.steps)
	switch {
	case t.op == opNotExists:
		leaf.exists |= bit
		return testBits{deny: bit}
	case t.op == opNotEqual && t.selector.wild >= 0:
		// Not "some element differs" but "the parent is there and no element is
		// equal"; that is what live AWS does.
		parent := n.descend(t.selector.steps[:t.selector.wild])
		parent.exists |= bit
		leaf.checks = append(leaf.checks, check{bit << 1, opEqual, &t.literal})
		return testBits{need: bit, deny: bit << 1}
	case t.op == opIsNull && t.selector.wild < 0:
		leaf.isNull |= bit
	default:
		leaf.checks = append(leaf.checks, check{bit, t.op, &t.literal})
	}
	return testBits{need: bit}
}

// descend returns the node the steps lead to, making what is missing.
func (n *jsonNode) descend(steps []step) *jsonNode {
	for _, st := range steps {
		n = n.child(st)
	}
	return n
}

func (n *jsonNode) child(st step) *jsonNode {
	switch st.kind {
	case stepWild:
		if n.wild == nil {
			n.wild = &jsonNode{}
		}
		return n.wild
	case stepIndex:
		for _, c := range n.items {
			if c.index == st.index {
				return c.node
			}
		}
		c := indexChild{st.index, &jsonNode{}}
		n.items = append(n.items, c)
		return c.node
	}
	for _, c := range n.keys {
		if c.name == st.key {
			return c.node
		}
	}
	c := keyChild{st.key, &jsonNode{}}
	n.keys = append(n.keys, c)
	return c.node
}

// finish computes what depends on the children.
func (n *jsonNode) finish() {
	n.subtree = n.exists | n.isNull
	n.shortest = math.MaxInt
	for _, c := range n.checks {
		n.subtree |= c.bit
	}
	for _, c := range n.keys {
		c.node.finish()
		n.subtree |= c.node.subtree
		n.lengths |= 1 << (len(c.name) & 63)
		n.shortest = min(n.shortest, len(c.name))
	}
	for _, c := range n.items {
		c.node.finish()
		n.subtree |= c.node.subtree
	}
	if n.wild != nil {
		n.wild.finish()
		n.subtree |= n.wild.subtree
	}
}

// simplify recognises a test or a conjunction of tests in a single trie.
func (p *jsonPlan) simplify() {
	kids := []*expr{p.root}
	if p.root.op == exprAnd {
		kids = p.root.kids
	}
	for _, e := range kids {
		if e.op != exprTest {
			return
		}
		p.all |= p.tests[e.test].need
		p.none |= p.tests[e.test].deny
	}
	p.simple = len(p.tries) == 1
}

// maxTries is enough for the tests that 1,024 characters can hold: the shortest
// test with its connective has 8, and each takes at most two bits.
const maxTries = 8

// holds evaluates e over the bits each trie has set.
func (p *jsonPlan) holds(e *expr, set *[maxTries]uint64) bool {
	if e.op == exprTest {
		t := &p.tests[e.test]
		got := set[t.trie]
		return got&t.need == t.need && got&t.deny == 0
	}
	for _, kid := range e.kids {
		if p.holds(kid, set) == (e.op == exprOr) {
			return e.op == exprOr
		}
	}
	return e.op == exprAnd
}
