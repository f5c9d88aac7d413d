package pattern

// spaceGroup is the space patterns of a Set: what they ask of each token, and
// the conditions over the facts found there.
type spaceGroup struct {
	left  []*values // of token i from the left
	right []*values // of token i from the right
	rest  []*values // of everything from token i on, if there are more tokens
	court court
	// counts are facts that say how many tokens there are at least.
	counts []tokenCount
	// limit is how many tokens need to be split off; -1: all.
	limit int
	aided bool // see jsonGroup
}

type tokenCount struct {
	tokens int
	fact   factID
}

func newSpaceGroup(patterns []*Pattern, members []int32, aided bool) *spaceGroup {
	g := &spaceGroup{aided: aided}
	f := &g.court.factory
	for _, id := range members {
		s := patterns[id].space
		cond := condition{op: exprAnd, kids: []condition{{need: g.atLeast(len(s.fields))}}}
		for i := range s.fields {
			if s.fields[i].cond == nil {
				continue
			}
			v := g.place(s, i)
			cond.kids = append(cond.kids, newCondition(s.fields[i].cond, func(i int) (need, deny factID) {
				return v.tokenTest(f, &s.tests[i])
			}))
		}
		g.court.verdicts = append(g.court.verdicts, newVerdict(id, cond))
		switch {
		case s.ellipsis >= 0:
			g.limit = -1
		case g.limit >= 0:
			g.limit = max(g.limit, len(s.fields)+1)
		}
	}
	for _, list := range [][]*values{g.left, g.right, g.rest} {
		for _, v := range list {
			if v != nil {
				v.finish(f)
			}
		}
	}
	return g
}

// atLeast returns the fact that there are that many tokens.
func (g *spaceGroup) atLeast(tokens int) factID {
	for _, c := range g.counts {
		if c.tokens == tokens {
			return c.fact
		}
	}
	g.counts = append(g.counts, tokenCount{tokens, g.court.factory.new(1)})
	return g.counts[len(g.counts)-1].fact
}

// place returns the values that field i of s asks about.
func (g *spaceGroup) place(s *spacePattern, i int) *values {
	at := func(list *[]*values, i int) *values {
		for len(*list) <= i {
			*list = append(*list, nil)
		}
		if (*list)[i] == nil {
			(*list)[i] = &values{}
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

// match reads messages lo to hi and judges the rounds that they fill.
//
// hot: BenchmarkSet
func (g *spaceGroup) match(b *Batch, lo, hi int, m *Matches) {
	if g.aided {
		for _, i := range m.needles.space {
			g.read(b.message(int(i)), i, m)
		}
		return
	}
	for i := lo; i < hi; i++ {
		g.read(b.message(i), uint32(i), m)
	}
}

// read gathers the facts of message i.
func (g *spaceGroup) read(message []byte, i uint32, m *Matches) {
	m.tokens = g.split(message, m.tokens[:0])
	r, tokens := &m.space, m.tokens
	r.begin(i)
	r.valid |= r.facts.message
	f := &r.facts
	for _, c := range g.counts {
		if len(tokens) >= c.tokens {
			f.establish(c.fact)
		}
	}
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
	if r.full() {
		g.judge(m)
	}
}

// judge decides the messages read so far.
func (g *spaceGroup) judge(m *Matches) { g.court.judge(&m.space, m, nil) }

// split appends the tokens of message, as many as anybody asks for.
func (g *spaceGroup) split(message []byte, dst []token) []token {
	t := newTokenizer(message)
	for t.more() && len(dst) != g.limit {
		dst = append(dst, t.next())
	}
	return dst
}
