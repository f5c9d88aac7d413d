package pattern

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Explanation says why a message matches or does not, condition by condition.
type Explanation struct {
	Match  bool // what Match returns
	Form   Form
	Reason string  // why the message as a whole cannot match, "" otherwise
	Checks []Check // in the order of the pattern; empty if Reason says it all
}

// Check is one term or condition of the pattern and what became of it.
type Check struct {
	Offset   int      // byte range in the pattern text
	End      int      //
	Text     string   // that part of the pattern
	Selector string   // $.path or $field; "" in terms and regex patterns
	Found    []string // what the selector found, in the message's own order
	True     bool
	Ignored  bool // has no influence: a ? term beside other terms
	Why      string
}

// maxFound is how many values of a wildcard a Check lists.
const maxFound = 10

// Explain evaluates every part of the pattern, also those that Match need not
// look at. It is for people and allocates.
func Explain(p *Pattern, message []byte) Explanation {
	e := Explanation{Form: p.form}
	switch p.form {
	case MatchAll:
		e.Match, e.Reason = true, "an empty pattern matches every message"
	case Regex:
		start, end := trimBlanks(p.text)
		e.Match = p.regex.match(message)
		e.Checks = []Check{{Offset: start, End: end, Text: p.text[start:end], True: e.Match, Why: occurs(e.Match)}}
	case Terms:
		e.explainTerms(p, message)
	case JSON:
		e.explainJSON(p, message)
	case Space:
		e.explainSpace(p, message)
	}
	return e
}

func occurs(yes bool) string {
	if yes {
		return "occurs in the message"
	}
	return "does not occur in the message"
}

func (e *Explanation) explainTerms(p *Pattern, message []byte) {
	t := p.terms
	e.Match = true
	has := func(x term) bool { return bytes.Contains(message, x.text) }
	for _, x := range t.include {
		found := has(x)
		e.Match = e.Match && found
		e.add(termCheck(p, x, found, occurs(found)))
	}
	for _, x := range t.exclude {
		found := has(x)
		e.Match = e.Match && !found
		e.add(termCheck(p, x, !found, occurs(found)+" and must not"))
	}
	any := len(t.anyOf) == 0
	for _, x := range t.anyOf {
		found := has(x)
		any = any || found
		e.add(termCheck(p, x, found, occurs(found)+"; one of the ? terms must"))
	}
	e.Match = e.Match && any
	for _, x := range t.ignored {
		c := termCheck(p, x, has(x), "? terms are ignored beside other terms")
		c.Ignored = true
		e.add(c)
	}
}

func termCheck(p *Pattern, t term, yes bool, why string) Check {
	end := t.offset + len(t.text)
	if t.quoted {
		s := scanner{text: p.text, pos: t.offset, end: len(p.text)}
		s.quoted()
		end = s.pos
	}
	return Check{Offset: t.offset, End: end, Text: p.text[t.offset:end], True: yes, Why: why}
}

// add keeps the checks in the order of the pattern.
func (e *Explanation) add(c Check) {
	i := len(e.Checks)
	for i > 0 && e.Checks[i-1].Offset > c.Offset {
		i--
	}
	e.Checks = append(e.Checks, Check{})
	copy(e.Checks[i+1:], e.Checks[i:])
	e.Checks[i] = c
}

func (e *Explanation) explainJSON(p *Pattern, message []byte) {
	var set [maxTries]uint64
	j := p.json
	if !j.evaluate(message, &set) {
		e.Reason = "the message is not one JSON object, nested at most " + strconv.Itoa(maxDepth) + " deep, and nothing else"
		return
	}
	e.Match = j.plan.holds(j.root, &set)
	withReader(message, func(r *jsonReader, start int) {
		for i := range j.tests {
			t := &j.tests[i]
			c := Check{Offset: t.offset, End: t.end, Text: p.text[t.offset:t.end], Selector: t.selector.text}
			c.True = j.plan.holds(&expr{test: i}, &set)
			var values []Value
			for _, at := range r.selectAll(nil, message, start, 1, t.selector.steps) {
				v, _ := r.value(message, at, nil)
				values = append(values, v)
			}
			c.Found = foundTexts(values)
			c.Why = t.whyJSON(values)
			e.add(c)
		}
	})
}

func foundTexts(values []Value) (texts []string) {
	for _, v := range values[:min(len(values), maxFound)] {
		text := string(v.Text)
		if v.Kind == ValueText {
			text = strconv.Quote(text)
		}
		texts = append(texts, text)
	}
	return texts
}

// whyJSON words what decides a JSON test.
func (t *test) whyJSON(values []Value) string {
	if len(values) == 0 {
		if t.op == opNotEqual && t.selector.wild >= 0 {
			return "no element is equal, which counts if what stands before the wildcard exists"
		}
		return "nothing there"
	}
	if len(values) > 1 {
		return fmt.Sprintf("%d values there", len(values))
	}
	v := values[0]
	switch {
	case t.op == opNotExists:
		return "what is there is " + v.Kind.String()
	case t.op > opGreaterEqual:
		return "the value is " + string(v.Text)
	case v.Kind != ValueText && v.Kind != ValueNumber:
		return "the value is " + v.Kind.String() + ", and comparisons are about strings and numbers only"
	case v.Kind == ValueText && t.op.ordered():
		return "the value is a string, and " + t.op.String() + " is about numbers only"
	case v.Kind == ValueText && t.literal.kind == literalNumber:
		return "the value is a string, so the number counts as the text it is written as"
	case v.Kind == ValueNumber && t.literal.kind != literalNumber:
		return "the value is a number; its text is " + string(v.Text)
	}
	return "the value is " + foundTexts(values)[0]
}

func (e *Explanation) explainSpace(p *Pattern, message []byte) {
	s := p.space
	tokens := s.bind(message, nil)
	if !s.all && len(tokens) < len(s.fields) {
		e.Reason = fmt.Sprintf("the message has %d tokens, the pattern has %d fields", len(tokens), len(s.fields))
		return
	}
	e.Match = true
	for i, tok := range tokens {
		f := s.fieldAt(i, len(tokens))
		if f < 0 || s.fields[f].cond == nil {
			continue
		}
		text := message[tok.start:tok.end]
		e.Match = s.holds(s.fields[f].cond, text) && e.Match
		e.explainField(p, s.fields[f], text)
	}
}

func (e *Explanation) explainField(p *Pattern, f field, text []byte) {
	value := []Value{{ValueText, text}}
	f.cond.each(func(i int) {
		t := &p.space.tests[i]
		why := "the token is " + foundTexts(value)[0]
		if t.literal.kind == literalNumber && tokenValue(text).Kind != ValueNumber {
			why += ", not a number"
		}
		e.add(Check{Offset: t.offset, End: t.end, Text: strings.TrimSpace(p.text[t.offset:t.end]),
			Selector: "$" + f.name, Found: foundTexts(value), True: t.acceptsToken(text), Why: why})
	})
}

// each calls visit with the index of every test below e.
func (e *expr) each(visit func(test int)) {
	if e.op == exprTest {
		visit(e.test)
		return
	}
	for _, kid := range e.kids {
		kid.each(visit)
	}
}
