package pattern

// jsonGroup is the JSON patterns of a Set: a trie of all their selectors, and
// the conditions over the facts found along it.
type jsonGroup struct {
	patterns []*Pattern // of the set
	members  []int32    // the JSON ones among them
	root     *setNode
	nodes    int
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
		g.court.verdicts = append(g.court.verdicts, newVerdict(id, cond))
	}
	g.root.finish(&g.court.factory)
	return g
}

func (g *jsonGroup) newNode(multiple bool) *setNode {
	g.nodes++
	return &setNode{id: g.nodes - 1, multiple: multiple, short: maxLength + 1}
}

// addTest threads a test into the trie and returns the fact it needs and the
// one that must not hold.
func (g *jsonGroup) addTest(t *test) (need, deny factID) {
	leaf, f := g.descend(t.selector.steps), &g.court.factory
	switch t.op {
	case opNotExists:
		return noFact, f.fact(&leaf.exists)
	case opIsNull:
		if t.selector.wild < 0 {
			return f.fact(&leaf.hasNull), noFact
		}
	}
	if leaf.values == nil {
		leaf.values = &values{}
	}
	v := leaf.values
	switch t.op {
	case opIsNull:
		return f.fact(&v.isNull), noFact
	case opIsTrue:
		return f.fact(&v.isTrue), noFact
	case opIsFalse:
		return f.fact(&v.isFalse), noFact
	case opNotEqual:
		deny = v.compare(f, opEqual, &t.literal)
		if t.selector.wild >= 0 {
			parent := g.descend(t.selector.steps[:t.selector.wild])
			return f.fact(&parent.exists), deny
		}
		// No comparison with a numeric literal holds for an infinite number.
		if t.literal.kind == literalNumber {
			return f.fact(&v.finite), deny
		}
		return f.fact(&v.scalar), deny
	}
	return v.compare(f, t.op, &t.literal), noFact
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
func (n *setNode) finish(f *factory) {
	n.below = append(n.below, n.exists, n.hasNull)
	if n.values != nil {
		n.values.finish(f)
		n.below = n.values.appendFacts(n.below)
	}
	for _, kid := range n.children() {
		kid.finish(f)
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

// appendFacts appends every fact that one value may establish.
func (v *values) appendFacts(dst []factID) []factID {
	dst = append(dst, v.scalar, v.finite, v.isTrue, v.isFalse, v.isNull)
	for _, list := range v.equal {
		for _, e := range list {
			dst = append(dst, e.fact)
		}
	}
	if n := len(v.numbers.thresholds); n > 0 {
		for slot := range factID(2*n + 1) {
			dst = append(dst, v.numbers.slots+slot)
		}
	}
	for _, s := range v.searches.tests {
		dst = append(dst, s.fact)
	}
	return dst
}

// match reads messages lo to hi and judges the rounds that they fill.
//
// hot: BenchmarkSet
func (g *jsonGroup) match(b *Batch, lo, hi int, m *Matches) {
	if g.aided {
		for _, i := range m.needles.json {
			g.read(b, i, m)
		}
		return
	}
	for i := lo; i < hi; i++ {
		g.read(b, uint32(i), m)
	}
}

// read gathers the facts of message i.
func (g *jsonGroup) read(b *Batch, i uint32, m *Matches) {
	message := b.message(int(i))
	if len(message) < 2 || message[0] != '{' {
		if first := skipSpace(message, 0); first >= len(message) || message[first] != '{' {
			return
		}
	}
	r := &m.json
	r.begin(i)
	r.facts.announced = m.needles.isAnnounced(i)
	switch m.walker.read(g.root, message, &r.facts) {
	case isObject:
		r.valid |= r.facts.message
	case isIntricate:
		r.puzzling |= r.facts.message
	}
	if r.full() {
		g.judge(b, m)
	}
}

// judge decides the messages read so far.
func (g *jsonGroup) judge(b *Batch, m *Matches) {
	g.court.judge(&m.json, m, func(pattern int32, i uint32) bool {
		return g.patterns[pattern].Match(b.message(int(i)))
	})
}
