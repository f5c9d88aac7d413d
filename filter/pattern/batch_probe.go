package pattern

import (
	"bytes"
	"strings"

	find "sluice/filter/pattern/internal/literal"
)

// probe is a JSON condition tree that looks at a message without reading it: it
// finds the name of a member and checks the value behind the colon, wherever in
// the message that is. A message that satisfies the pattern satisfies the probe,
// if its names are written without escapes; most others fail it, at a tenth of
// the cost of a walk.
type probe struct {
	op   exprOp
	kids []probe

	name  find.Finder // the quoted name
	width int         // its bytes
	check check
}

// newProbe returns the probe for e; ok is false if it would let everything pass.
func newProbe(e *expr, tests []test) (p probe, ok bool) {
	p.op = e.op
	if e.op == exprTest {
		return newTestProbe(&tests[e.test])
	}
	for _, kid := range e.kids {
		k, useful := newProbe(kid, tests)
		switch {
		case useful:
			p.kids = append(p.kids, k)
		case e.op == exprOr:
			return probe{}, false
		}
	}
	return p, len(p.kids) > 0
}

// newTestProbe: the value tested must be that of a member, and the test one
// that some value satisfies.
func newTestProbe(t *test) (p probe, ok bool) {
	last := t.selector.steps[len(t.selector.steps)-1]
	negative := t.op == opNotExists || t.op == opNotEqual && t.selector.wild >= 0
	if last.kind != stepKey || negative || mustEscape(last.key) {
		return probe{}, false
	}
	quoted := `"` + last.key + `"`
	return probe{name: find.NewFinder(quoted), width: len(quoted), check: check{op: t.op, literal: &t.literal}}, true
}

// mustEscape reports whether s cannot stand in a JSON string as it is.
func mustEscape(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' })
}

// passes reports whether the message may match.
//
// hot: BenchmarkBatch
func (p *probe) passes(message []byte) bool {
	return p.holds(message) || p.hidden(message)
}

func (p *probe) holds(message []byte) bool {
	if p.op == exprTest {
		return p.finds(message)
	}
	for i := range p.kids {
		if p.kids[i].holds(message) == (p.op == exprOr) {
			return p.op == exprOr
		}
	}
	return p.op == exprAnd
}

// finds looks at each place with the name.
func (p *probe) finds(message []byte) bool {
	for i := 0; ; {
		j := p.name.Index(message[i:])
		if j < 0 {
			return false
		}
		i += j + p.width
		if p.accepts(message, i) {
			return true
		}
	}
}

// accepts reports whether a colon and a value that passes the check follow at i.
// What cannot be told without reading the message is accepted.
func (p *probe) accepts(b []byte, i int) bool {
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return false
	}
	if i = skipSpace(b, i+1); i >= len(b) {
		return false
	}
	op := p.check.op
	switch c := b[i]; {
	case c == '"':
		return op <= opNotEqual && p.acceptsString(b[i+1:])
	case c == '-' || isDigit(c):
		if op > opGreaterEqual {
			return false
		}
		end, isInt := scanNumber(b, i)
		return end == invalid || p.check.acceptsNumber(b[i:end], isInt)
	case c == '[':
		return op == opIsNull // it may hold a null
	case c == 't':
		return op == opIsTrue
	case c == 'f':
		return op == opIsFalse
	case c == 'n':
		return op == opIsNull
	}
	return false
}

// acceptsString checks the string that runs from the start of b to a quote.
func (p *probe) acceptsString(b []byte) bool {
	end := bytes.IndexByte(b, '"')
	if end < 0 || hasEscape(b[:end]) {
		return true
	}
	return p.check.literal.equalsText(b[:end]) == (p.check.op == opEqual)
}

// hidden reports whether a name may be written with escapes.
func (p *probe) hidden(message []byte) bool {
	for i := 0; ; i++ {
		j := bytes.IndexByte(message[i:], '\\')
		if j < 0 || i+j+1 >= len(message) {
			return false
		}
		i += j + 1
		if message[i] == 'u' || message[i] == '/' {
			return true
		}
	}
}
