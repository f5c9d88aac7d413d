package pattern

// jsonGroup is the JSON patterns of a Set: a trie of all their selectors, and
// the conditions over the facts found along it.
type jsonGroup struct {
	patterns []*Pattern // of the set
	members  []int32    // the JSON ones among them
	root     *setNode
	nodes    int
	facts    factory
	court    court
	// aided: only messages that the literal scan has picked can match.
	aided bool
}

// setNode is a place in a message that some selector leads through or to.
type setNode struct {
	id    int
	names texts // of the members of interest
	named []*setNode
	short int // bytes of the shortest name
	items []setItem
	wild  *setNode
	// multiple: the node lies below a wildcard, so that several values may be
	// selected, and facts about one stay when another replaces its namesake.
	multiple bool

	values *values
	exists factID
	// hasNull: null, or an array with a null in it (IS NULL without wildcard).
	hasNull factID
	below   []factID // all facts of the node and its children
}

type setItem struct {
	index int
	node  *setNode
}

func newJSONGroup(patterns []*Pattern, members []int32, aided bool) *jsonGroup {
	g := &jsonGroup{patterns: patterns, members: members, aided: aided}
	g.root = g.newNode(false)
	for _, id := range members {
		j := patterns[id].json
		cond := newCondition(j.root, func(i int) (need, deny factID) { return g.addTest(&j.tests[i]) })
		g.court.add(newVerdict(id, 0, cond), &g.facts)
	}
	g.court.finish(&g.facts)
	g.root.finish()
	return g
}

func (g *jsonGroup) newNode(multiple bool) *setNode {
	g.nodes++
	return &setNode{id: g.nodes - 1, exists: noFact, hasNull: noFact, multiple: multiple, short: maxLength + 1}
}

// addTest threads a test into the trie and returns the fact it needs and the
// one that must not hold.
func (g *jsonGroup) addTest(t *test) (need, deny factID) {
	leaf := g.descend(t.selector.steps)
	switch t.op {
	case opNotExists:
		return noFact, g.facts.fact(&leaf.exists, factPresent)
	case opIsNull:
		if t.selector.wild < 0 {
			return g.facts.fact(&leaf.hasNull, factKeyword), noFact
		}
	}
	if leaf.values == nil {
		leaf.values = newValues()
	}
	v := leaf.values
	switch t.op {
	case opIsNull:
		return g.facts.fact(&v.isNull, factKeyword), noFact
	case opIsTrue:
		return g.facts.fact(&v.isTrue, factKeyword), noFact
	case opIsFalse:
		return g.facts.fact(&v.isFalse, factKeyword), noFact
	case opNotEqual:
		deny = v.compare(&g.facts, opEqual, &t.literal)
		if t.selector.wild >= 0 {
			parent := g.descend(t.selector.steps[:t.selector.wild])
			return g.facts.fact(&parent.exists, factPresent), deny
		}
		// No comparison with a numeric literal holds for an infinite number.
		if t.literal.kind == literalNumber {
			return g.facts.fact(&v.finite, factPresent), deny
		}
		return g.facts.fact(&v.scalar, factPresent), deny
	}
	return v.compare(&g.facts, t.op, &t.literal), noFact
}

// descend returns the node the steps lead to, making what is missing.
func (g *jsonGroup) descend(steps []step) *setNode {
	n := g.root
	for _, st := range steps {
		n = g.child(n, st)
	}
	return n
}

func (g *jsonGroup) child(n *setNode, st step) *setNode {
	switch st.kind {
	case stepWild:
		if n.wild == nil {
			n.wild = g.newNode(true)
		}
		return n.wild
	case stepIndex:
		for _, item := range n.items {
			if item.index == st.index {
				return item.node
			}
		}
		n.items = append(n.items, setItem{st.index, g.newNode(n.multiple)})
		return n.items[len(n.items)-1].node
	}
	i := n.names.add(st.key)
	if i == len(n.named) {
		n.named = append(n.named, g.newNode(n.multiple))
		n.short = min(n.short, len(st.key))
	}
	return n.named[i]
}

// finish collects the facts below each node.
func (n *setNode) finish() {
	if n.exists >= 0 {
		n.below = append(n.below, n.exists)
	}
	if n.hasNull >= 0 {
		n.below = append(n.below, n.hasNull)
	}
	if n.values != nil {
		n.values.searches.finish()
		n.below = n.values.appendFacts(n.below)
	}
	for _, kid := range n.children() {
		kid.finish()
		n.below = append(n.below, kid.below...)
	}
}

func (n *setNode) children() []*setNode {
	kids := append([]*setNode(nil), n.named...)
	for _, item := range n.items {
		kids = append(kids, item.node)
	}
	if n.wild != nil {
		kids = append(kids, n.wild)
	}
	return kids
}

// appendFacts appends every fact v may establish.
func (v *values) appendFacts(dst []factID) []factID {
	for _, id := range []factID{v.scalar, v.finite, v.isTrue, v.isFalse, v.isNull} {
		if id >= 0 {
			dst = append(dst, id)
		}
	}
	for _, list := range v.equal {
		for _, e := range list {
			dst = append(dst, e.fact)
		}
	}
	for _, list := range v.numbers.tests {
		for _, t := range list {
			dst = append(dst, t.fact)
		}
	}
	for _, s := range v.searches.tests {
		dst = append(dst, s.fact)
	}
	return dst
}

// match decides messages lo to hi.
//
// hot: BenchmarkSet
func (g *jsonGroup) match(b *Batch, lo, hi int, m *Matches) {
	if g.aided {
		for _, i := range m.needles.json {
			g.matchOne(b.message(int(i)), i, m)
		}
		return
	}
	start := b.start(lo)
	for i := lo; i < hi; i++ {
		end := int(b.Ends[i])
		g.matchOne(b.Text[start:end], uint32(i), m)
		start = end + 1
	}
}

// matchOne decides one message.
func (g *jsonGroup) matchOne(message []byte, i uint32, m *Matches) {
	if len(message) < 2 || message[0] != '{' {
		if first := skipSpace(message, 0); first >= len(message) || message[first] != '{' {
			return
		}
	}
	m.facts.begin()
	w := &m.walker
	switch w.read(g.root, message, &m.facts) {
	case isObject:
		g.court.judge(m, i, 0)
	case isIntricate:
		for _, id := range g.members {
			if g.patterns[id].Match(message) {
				m.add(id, i)
			}
		}
	}
}
