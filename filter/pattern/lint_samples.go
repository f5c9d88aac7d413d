package pattern

import (
	"bytes"
	"strings"
)

func (l *linter) lintSpace() {
	s := l.p.space
	if s.lastTest < 0 && (s.all || s.ellipsis >= 0 && len(s.fields) == 0) {
		l.warn(0, AlwaysTrue, "the pattern asks nothing of a message")
	}
	for i := range s.fields {
		if s.fields[i].cond == nil {
			continue
		}
		l.lintConditions(s.fields[i].cond, s.tests)
		s.fields[i].cond.each(func(t int) {
			l.lintValues(&s.tests[t], l.tokens(i))
		})
	}
}

// tokens returns what the samples hold in field f.
func (l *linter) tokens(f int) (values []Value) {
	s := l.p.space
	for _, m := range l.samples {
		tokens := s.bind(m, nil)
		for i, tok := range tokens {
			if len(tokens) >= len(s.fields) && s.fieldAt(i, len(tokens)) == f {
				values = append(values, tokenValue(m[tok.start:tok.end]))
			}
		}
	}
	return values
}

// lintJSON compares each test with what its selector finds in the samples.
func (l *linter) lintJSON() {
	objects := 0
	for i := range l.p.json.tests {
		t := &l.p.json.tests[i]
		var values []Value
		objects = 0
		similar := ""
		for _, m := range l.samples {
			var set [maxTries]uint64
			if !l.p.json.evaluate(m, &set) {
				continue
			}
			objects++
			withReader(m, func(r *jsonReader, start int) {
				found := r.selectAll(nil, m, start, 1, t.selector.steps)
				for _, at := range found {
					v, _ := r.value(m, at, nil)
					values = append(values, v)
				}
				if len(found) == 0 && similar == "" {
					similar = r.similarKey(m, start, 1, t.selector.steps)
				}
			})
		}
		switch {
		case objects == 0 || t.op == opNotExists:
		case len(values) == 0 && similar != "":
			l.warn(t.offset, CaseMismatch, "%s finds nothing in the samples, but they have %q", t.selector.text, similar)
		case len(values) == 0:
			l.warn(t.offset, NotFound, "%s finds nothing in the samples", t.selector.text)
		default:
			l.lintValues(t, values)
		}
	}
	if objects == 0 && len(l.samples) > 0 {
		l.warn(0, NeverTrue, "no sample is a JSON object")
	}
}

// similarKey returns the first member name on the way of steps that differs from
// what the step asks for in case only, or "".
func (r *jsonReader) similarKey(b []byte, i, depth int, steps []step) string {
	for n := range steps {
		found := r.selectAll(nil, b, i, depth, steps[:n+1])
		if len(found) > 0 {
			continue
		}
		if steps[n].kind != stepKey {
			return ""
		}
		for _, parent := range r.selectAll(nil, b, i, depth, steps[:n]) {
			if b[parent] == '{' {
				return r.foldedKey(b, parent, depth+n, steps[n].key)
			}
		}
	}
	return ""
}

func (r *jsonReader) foldedKey(b []byte, i, depth int, name string) string {
	s := newScratch()
	defer s.free()
	if s.listMembers(r, b, i, depth) == invalid {
		return ""
	}
	for _, m := range s.members {
		if key := string(appendDecoded(nil, b[m.keyStart:m.keyEnd])); strings.EqualFold(key, name) {
			return key
		}
	}
	return ""
}

// lintValues compares a test with the values it would meet.
func (l *linter) lintValues(t *test, values []Value) {
	kinds := map[ValueKind]int{}
	folded, equal := false, false
	for _, v := range values {
		kinds[v.Kind]++
		if t.literal.kind == literalText {
			equal = equal || bytes.Equal(v.Text, t.literal.text)
			folded = folded || bytes.EqualFold(v.Text, t.literal.text)
		}
	}
	n := len(values)
	switch {
	case n == 0:
	case t.op.ordered() && kinds[ValueNumber] == 0:
		l.warn(t.offset, TypeMismatch, "%s is about numbers, and the samples hold a %s there", t.op, values[0].Kind)
	case t.op <= opNotEqual && kinds[ValueBool] == n:
		l.warn(t.offset, TypeMismatch, "the samples hold booleans there, which no comparison accepts; write IS TRUE or IS FALSE")
	case t.op <= opNotEqual && kinds[ValueComposite] == n:
		l.warn(t.offset, TypeMismatch, "the samples hold objects or arrays there, which no comparison accepts")
	case t.op <= opNotEqual && t.literal.quoted && t.literal.kind == literalText && kinds[ValueNumber] == n && l.p.form == JSON:
		if _, number := numberShape(t.literal.text); !number || !equal {
			l.warn(t.offset, TypeMismatch, "the samples hold numbers there; a quoted literal compares with their text, as %s", values[0].Text)
		}
	case (t.op == opIsTrue || t.op == opIsFalse) && kinds[ValueBool] == 0:
		l.warn(t.offset, TypeMismatch, "the samples hold a %s there and never a boolean", values[0].Kind)
	}
	if folded && !equal {
		l.warn(t.offset, CaseMismatch, "%q occurs in the samples in other case only", t.literal.text)
	}
}
