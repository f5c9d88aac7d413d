package pattern

import (
	"cmp"
	"slices"
	"strings"

	find "sluice/filter/pattern/internal/literal"
)

// clause is a set of literals of which a matching message contains at least
// one.
type clause struct {
	literals []string
	// name: the literal is the name of a member. In logs of one application it
	// is found in all messages or in none.
	name bool
}

// needs is what can be said about all messages that a pattern matches. It errs
// on the safe side only: a message that fails it does not match.
type needs struct {
	clauses []clause // all hold; may be empty
	// exact: a message that satisfies the only clause matches. inverted: a
	// message matches if and only if it contains nothing of the only clause.
	exact, inverted bool
	// run, where there are no clauses, is what a matching message contains.
	run *find.Sequence
}

// maxClause bounds the literals of one clause.
const maxClause = 64

// maxRareCost is the clause cost from which on nearly every message is a
// candidate, so that looking for candidates first saves nothing.
const maxRareCost = 0.12

// needsOf derives the needs of p.
func needsOf(p *Pattern) needs {
	switch p.form {
	case Terms:
		return p.terms.needs()
	case Regex:
		if exact := p.regex.dfa.Literals().Exact; exact != nil {
			return needs{clauses: []clause{{literals: exact}}, exact: true}
		}
		return p.regex.needs()
	case JSON:
		return needs{clauses: foldClauses(p.json.root, func(i int) []clause { return p.json.tests[i].jsonClauses() })}
	case Space:
		var n needs
		for i := range p.space.fields {
			if cond := p.space.fields[i].cond; cond != nil {
				n.clauses = append(n.clauses, foldClauses(cond, func(i int) []clause { return p.space.tests[i].tokenClauses() })...)
			}
		}
		return n
	}
	return needs{}
}

// best returns the clause that is cheapest to search for, nil if there is none.
func (n needs) best() *clause { return n.bestOf(clause.cost) }

// bestOf is best by another cost.
func (n needs) bestOf(cost func(clause) float64) *clause {
	if len(n.clauses) == 0 {
		return nil
	}
	best := slices.MinFunc(n.clauses, func(a, b clause) int { return cmp.Compare(cost(a), cost(b)) })
	return &best
}

// count adds to each literal's uses.
func (n needs) count(uses map[string]int) {
	for _, c := range n.clauses {
		for _, l := range c.literals {
			uses[l]++
		}
	}
}

// rareLiteral returns a Finder for a literal that every match contains, nil if
// there is none or only such that most messages contain, too.
func rareLiteral(n needs) *find.Finder {
	best := n.best()
	if best == nil || n.inverted || len(best.literals) != 1 || best.literals[0] == "" || best.cost() > maxRareCost {
		return nil
	}
	finder := find.NewFinder(best.literals[0])
	return &finder
}

// cost estimates the work of a search: false candidates, and reading the text.
func (c clause) cost() float64 {
	sum := 0.02 * float64(len(c.literals))
	for _, l := range c.literals {
		sum += 100 * find.Share(l)
	}
	if c.name {
		sum += 100
	}
	return sum
}

// costAmong is cost where uses counts the patterns that may wait for a literal. Each
// of them looks at every message that has it, and what many patterns ask for is no
// rare text, however long: people write the message into each pattern, and next to
// it what they look for.
func (c clause) costAmong(uses map[string]int) float64 {
	const perUse = 0.001
	sum := c.cost()
	for _, l := range c.literals {
		sum += perUse * float64(uses[l]-1)
	}
	return sum
}

// foldClauses derives the clauses of a condition tree from those of its tests.
func foldClauses(e *expr, leaf func(test int) []clause) []clause {
	if e.op == exprTest {
		return leaf(e.test)
	}
	if e.op == exprAnd {
		var all []clause
		for _, kid := range e.kids {
			all = append(all, foldClauses(kid, leaf)...)
		}
		return all
	}
	var union clause
	for _, kid := range e.kids {
		branch := needs{clauses: foldClauses(kid, leaf)}
		best := branch.best()
		if best == nil || len(union.literals)+len(best.literals) > maxClause {
			return nil
		}
		union.name = union.name || best.name
		for _, l := range best.literals {
			if !slices.Contains(union.literals, l) {
				union.literals = append(union.literals, l)
			}
		}
	}
	return []clause{union}
}

// needs of terms: each include, and one of anyOf.
func (t *termPattern) needs() needs {
	var n needs
	for i := range t.include {
		n.clauses = append(n.clauses, clauseOf(string(t.include[i].text)))
	}
	if len(t.anyOf) > 0 {
		n.clauses = append(n.clauses, literalsOf(t.anyOf))
	}
	n.exact = len(n.clauses) == 1 && len(t.exclude) == 0
	if len(n.clauses) == 0 && len(t.exclude) > 0 {
		n.clauses, n.inverted = []clause{literalsOf(t.exclude)}, true
	}
	return n
}

func literalsOf(terms []term) clause {
	var c clause
	for i := range terms {
		c.literals = append(c.literals, string(terms[i].text))
	}
	return c
}

func clauseOf(literal string) clause { return clause{literals: []string{literal}} }

// needs of a regex that is not a choice of literals. A run of byte classes is
// found faster than many short literals are.
func (r *regex) needs() needs {
	n := needs{clauses: r.clauses()}
	best := n.best()
	if best != nil && (len(best.literals) == 1 || !slices.ContainsFunc(best.literals, func(l string) bool { return len(l) <= 3 })) {
		return n
	}
	var run *find.Sequence
	for _, classes := range r.dfa.Literals().Runs {
		s := find.NewSequence(classes[:min(len(classes), find.MaxSequence)])
		if s != nil && (run == nil || s.Share() < run.Share()) {
			run = s
		}
	}
	if run == nil {
		return n
	}
	return needs{run: run, exact: r.dfa.Literals().WholeRun && run.Len() < find.MaxSequence}
}

// clauses of a regex, but for those whose search reads every position: that is
// what the automaton does, too.
func (r *regex) clauses() []clause {
	var all []clause
	for _, set := range r.dfa.Literals().Required {
		short := slices.ContainsFunc(set, func(l string) bool { return len(l) <= 2 })
		if !short || len(set) <= maxFinders {
			all = append(all, clause{literals: set})
		}
	}
	return all
}

// tokenClauses says what a message must contain for a test of a space pattern
// to hold. Tokens stand in the message as they are.
func (t *test) tokenClauses() []clause {
	if t.op != opEqual {
		return nil
	}
	return t.literal.textClauses()
}

// textClauses says what a text must contain to equal the literal.
func (l *literal) textClauses() []clause {
	switch l.kind {
	case literalText:
		if len(l.text) > 0 {
			return []clause{clauseOf(string(l.text))}
		}
	case literalGlob:
		var all []clause
		for _, piece := range l.glob {
			if len(piece) > 0 {
				all = append(all, clauseOf(string(piece)))
			}
		}
		return all
	case literalRegex:
		return l.regex.clauses()
	}
	return nil // = 1 also matches 1.0
}

// jsonClauses says what a message must contain for a test of a JSON pattern to
// hold: the keys on the way, and the value as it may be written.
func (t *test) jsonClauses() []clause {
	var all []clause
	if t.op == opNotExists {
		return nil
	}
	steps := t.selector.steps
	if t.op == opNotEqual && t.selector.wild >= 0 {
		steps = steps[:t.selector.wild] // what follows need not exist
	}
	for _, s := range steps {
		if s.kind == stepKey {
			name := escapable([]string{`"` + s.key + `"`}, s.key)
			name.name = true
			all = append(all, name)
		}
	}
	switch t.op {
	case opIsNull:
		all = append(all, clauseOf("null"))
	case opIsTrue:
		all = append(all, clauseOf("true"))
	case opIsFalse:
		all = append(all, clauseOf("false"))
	case opEqual:
		all = append(all, t.literal.valueClauses()...)
	}
	return all
}

// valueClauses says what a message must contain for some value in it to equal
// the literal. A number is compared by its canonical text, which need not be
// how it is written unless it is an integer; a literal that such a text could
// satisfy therefore says little.
func (l *literal) valueClauses() []clause {
	switch l.kind {
	case literalText:
		text := string(l.text)
		switch {
		case isInteger(text):
			return []clause{escapable([]string{text}, text)}
		case !inNumber(text):
			return []clause{escapable([]string{`"` + text + `"`}, text)}
		}
	case literalGlob:
		return l.globClauses()
	case literalRegex:
		var all []clause
		for _, set := range l.regex.dfa.Literals().Required {
			if !slices.ContainsFunc(set, inNumber) {
				all = append(all, escapable(slices.Clone(set), set...))
			}
		}
		return all
	}
	return nil // = 1 also matches 1.0 and 1e0
}

// globClauses: once one piece rules out numbers, all of them are in a string.
func (l *literal) globClauses() []clause {
	if !slices.ContainsFunc(l.glob, func(piece []byte) bool { return !inNumber(string(piece)) }) {
		return nil
	}
	var all []clause
	for i, piece := range l.glob {
		text := string(piece)
		if text == "" {
			continue
		}
		quoted := text
		if i == 0 {
			quoted = `"` + quoted
		}
		if i == len(l.glob)-1 {
			quoted += `"`
		}
		all = append(all, escapable([]string{quoted}, text))
	}
	return all
}

// inNumber reports whether s may be a part of the canonical text of a number.
// The empty string is a part of everything.
func inNumber(s string) bool {
	return strings.Trim(s, "0123456789.-E") == "" || strings.Contains("-Infinity", s)
}

// isInteger reports whether s is the canonical text of an integer. -0 is not:
// it prints as 0.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// escapable completes a clause for texts inside JSON strings: any character may
// be written as \uXXXX, and a slash as \/; quotes, backslashes and control
// characters must be escaped. contents are the literals without the quotes that
// delimit a string.
func escapable(literals []string, contents ...string) clause {
	slash := false
	for i, s := range contents {
		if mustEscape(s) {
			literals[i] = `\`
		}
		slash = slash || strings.Contains(s, "/")
	}
	if slash {
		literals = append(literals, `\/`)
	}
	return clause{literals: append(literals, `\u`)}
}
