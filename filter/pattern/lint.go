package pattern

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Warning is something about a valid pattern that its author may not have
// meant.
type Warning struct {
	Offset int // in the pattern text
	Kind   WarningKind
	Text   string
}

// WarningKind tells the warnings apart.
type WarningKind uint8

const (
	NeverTrue       WarningKind = iota + 1 // no message can satisfy it
	AlwaysTrue                             // (almost) every message does
	IgnoredOptional                        // a ? term beside other terms
	UnquotedHyphen                         // a - inside a word, which excludes what follows
	UnquotedMark                           // a ? inside a word, likewise
	BooleanAsText                          // = true compares with a string
	TypeMismatch                           // the samples hold values of another type
	CaseMismatch                           // the samples hold it in other case
	NotFound                               // the selector finds nothing in any sample
)

func (k WarningKind) String() string {
	return [...]string{"", "never true", "always true", "ignored optional term", "unquoted hyphen", "unquoted question mark",
		"boolean as text", "type mismatch", "case mismatch", "not found"}[k]
}

// Lint looks for mistakes in a valid pattern. Messages of the log group it is
// meant for, if given, let it also notice selectors and texts that are never
// there, or in other case or of another type. The warnings are ordered by
// offset.
func Lint(p *Pattern, samples [][]byte) []Warning {
	l := linter{p: p, samples: samples}
	switch p.form {
	case Terms:
		l.lintTerms()
	case Regex:
		l.lintRegex(p.regex, 0)
	case JSON:
		l.lintConditions(p.json.root, p.json.tests)
		l.lintJSON()
	case Space:
		l.lintSpace()
	}
	slices.SortStableFunc(l.warnings, func(a, b Warning) int { return a.Offset - b.Offset })
	return l.warnings
}

type linter struct {
	p        *Pattern
	samples  [][]byte
	warnings []Warning
}

func (l *linter) warn(offset int, kind WarningKind, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{offset, kind, fmt.Sprintf(format, args...)})
}

func (l *linter) lintTerms() {
	t := l.p.terms
	for _, x := range t.ignored {
		l.warn(x.offset, IgnoredOptional, "?%s is ignored, because other terms stand beside it", x.text)
	}
	for _, x := range slices.Concat(t.exclude, t.anyOf, t.ignored) {
		l.lintOperator(x)
	}
	for _, in := range t.include {
		for _, out := range t.exclude {
			if bytes.Contains(in.text, out.text) {
				l.warn(out.offset, NeverTrue, "every message with %q has %q, too, which is excluded", in.text, out.text)
			}
		}
	}
	for _, x := range slices.Concat(t.include, t.anyOf) {
		l.lintTermCase(x)
	}
}

// lintOperator warns of - and ? glued to a word on their left.
func (l *linter) lintOperator(x term) {
	at := x.offset - 1
	for at > 0 && isBlank(l.p.text[at]) {
		at--
	}
	if at < 1 || isBlank(l.p.text[at-1]) {
		return
	}
	switch l.p.text[at] {
	case '-':
		l.warn(at, UnquotedHyphen, "the - excludes %q; quote the whole word if it belongs to it", x.text)
	case '?':
		l.warn(at, UnquotedMark, "the ? starts an optional term; quote the whole word if it belongs to it")
	}
}

func (l *linter) lintTermCase(x term) {
	folded := false
	for _, m := range l.samples {
		if bytes.Contains(m, x.text) {
			return
		}
		folded = folded || bytes.Contains(bytes.ToLower(m), bytes.ToLower(x.text))
	}
	if folded {
		l.warn(x.offset, CaseMismatch, "%q occurs in the samples in other case only", x.text)
	}
}

// lintRegex warns of an expression that needs nothing to match.
func (l *linter) lintRegex(re *regex, offset int) {
	for _, probe := range []string{"", "a", "0", " ~ ", "é"} {
		if !re.match([]byte(probe)) {
			return
		}
	}
	l.warn(offset, AlwaysTrue, "the expression matches any text")
}

// lintConditions looks at each conjunction and disjunction of tests for pairs
// that contradict or complement each other.
func (l *linter) lintConditions(e *expr, tests []test) {
	if e.op == exprTest {
		l.lintTest(&tests[e.test])
		return
	}
	flat := flatten(e, e.op)
	for i, a := range flat {
		for _, b := range flat[i+1:] {
			l.lintPair(e.op, &tests[a], &tests[b])
		}
	}
	for _, kid := range e.kids {
		l.lintConditions(kid, tests)
	}
}

// flatten returns the tests that e joins directly or through nested nodes of the
// same connective.
func flatten(e *expr, op exprOp) (tests []int) {
	if e.op == exprTest {
		return []int{e.test}
	}
	if e.op != op {
		return nil
	}
	for _, kid := range e.kids {
		tests = append(tests, flatten(kid, op)...)
	}
	return tests
}

func (l *linter) lintPair(op exprOp, a, b *test) {
	if a.selector.text != b.selector.text || a.selector.wild >= 0 {
		return
	}
	switch {
	case op == exprAnd && contradict(a, b):
		l.warn(b.offset, NeverTrue, "%s contradicts %s", l.source(b), l.source(a))
	case op == exprOr && a.op == opNotEqual && b.op == opNotEqual && bothEqual(a, b) == no:
		l.warn(b.offset, AlwaysTrue, "no value equals both, so %s || %s holds for every string and number", l.source(a), l.source(b))
	case op == exprOr && complements(a, b):
		l.warn(b.offset, AlwaysTrue, "%s || %s holds for every number", l.source(a), l.source(b))
	}
}

func (l *linter) source(t *test) string { return strings.TrimSpace(l.p.text[t.offset:t.end]) }

func (l *linter) lintTest(t *test) {
	switch lit := &t.literal; {
	case lit.kind == literalRegex:
		l.lintRegex(lit.regex, t.offset)
	case lit.kind == literalNumber && t.op == opEqual && !lit.number.isFloat && !isIntegral(lit.number.exact):
		l.warn(t.offset, NeverTrue, "no double is exactly %s, so no number is equal", lit.text)
	case lit.kind == literalText && !lit.quoted && l.p.form == JSON && (string(lit.text) == "true" || string(lit.text) == "false"):
		l.warn(t.offset, BooleanAsText, "= %s compares with a string; for a JSON boolean write IS %s", lit.text, strings.ToUpper(string(lit.text)))
	}
}

func isIntegral(d decimal) bool { return d.point >= int64(len(d.digits)) }
