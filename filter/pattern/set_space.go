package pattern

// spaceGroup is the space patterns of a Set: what they ask of each token, and
// the conditions over the facts found there.
type spaceGroup struct {
	left  []*values // of token i from the left
	right []*values // of token i from the right
	rest  []*values // of everything from token i on, if there are more tokens
	facts factory
	court court
	// limit is how many tokens need to be split off; -1: all.
	limit int
	aided bool // see jsonGroup
}

func newSpaceGroup(patterns []*Pattern, members []int32, aided bool) *spaceGroup {
	g := &spaceGroup{aided: aided}
	for _, id := range members {
		s := patterns[id].space
		cond := condition{op: exprAnd}
		for i := range s.fields {
			if s.fields[i].cond == nil {
				continue
			}
			v := g.place(s, i)
			cond.kids = append(cond.kids, newCondition(s.fields[i].cond, func(i int) (need, deny factID) {
				return v.tokenTest(&g.facts, &s.tests[i])
			}))
		}
		g.court.add(newVerdict(id, len(s.fields), cond), &g.facts)
		switch {
		case s.ellipsis >= 0:
			g.limit = -1
		case g.limit >= 0:
			g.limit = max(g.limit, len(s.fields)+1)
		}
	}
	g.court.finish(&g.facts)
	for _, list := range [][]*values{g.left, g.right, g.rest} {
		for _, v := range list {
			if v != nil {
				v.searches.finish()
			}
		}
	}
	return g
}

// place returns the values that field i of s asks about.
func (g *spaceGroup) place(s *spacePattern, i int) *values {
	at := func(list *[]*values, i int) *values {
		for len(*list) <= i {
			*list = append(*list, nil)
		}
		if (*list)[i] == nil {
			(*list)[i] = newValues()
		}
		return (*list)[i]
	}
	switch {
	case s.ellipsis >= 0 && i >= s.ellipsis:
		return at(&g.right, len(s.fields)-1-i)
	case s.ellipsis < 0 && i == len(s.fields)-1:
		return at(&g.rest, i)
	}
	return at(&g.left, i)
}

// tokenTest returns the facts that decide t. A token is always there, so !=
// needs nothing.
func (v *values) tokenTest(f *factory, t *test) (need, deny factID) {
	if t.op == opNotEqual {
		return noFact, v.compare(f, opEqual, &t.literal)
	}
	return v.compare(f, t.op, &t.literal), noFact
}

// match decides messages lo to hi.
//
// hot: BenchmarkSet
func (g *spaceGroup) match(b *Batch, lo, hi int, m *Matches) {
	if g.aided {
		for _, i := range m.needles.space {
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
func (g *spaceGroup) matchOne(message []byte, i uint32, m *Matches) {
	m.tokens = g.split(message, m.tokens[:0])
	tokens := m.tokens
	f := &m.facts
	f.begin()
	for k, v := range g.left[:min(len(g.left), len(tokens))] {
		if v != nil {
			v.onToken(f, message[tokens[k].start:tokens[k].end])
		}
	}
	for k, v := range g.rest[:min(len(g.rest), len(tokens))] {
		switch {
		case v == nil:
		case k == len(tokens)-1:
			v.onToken(f, message[tokens[k].start:tokens[k].end])
		default:
			v.onToken(f, message[tokens[k].raw:])
		}
	}
	for k, v := range g.right[:min(len(g.right), len(tokens))] {
		if v != nil {
			t := tokens[len(tokens)-1-k]
			v.onToken(f, message[t.start:t.end])
		}
	}
	g.court.judge(m, i, len(tokens))
}

// split appends the tokens of message, as many as anybody asks for.
func (g *spaceGroup) split(message []byte, dst []token) []token {
	t := newTokenizer(message)
	for t.more() && len(dst) != g.limit {
		dst = append(dst, t.next())
	}
	return dst
}
