package pattern

import (
	"strconv"
	"strings"
)

const (
	maxWildcards         = 1 // in one selector
	maxWildcardSelectors = 3 // in one pattern
)

// parseJSON reads `{ or }`.
func parseJSON(s scanner) (*jsonPattern, *Error) {
	c := &conditions{scanner: s}
	c.tokens = `(){}=<>"%$`
	c.test = c.jsonTest
	c.pos++
	root, err := c.or()
	if err != nil {
		return nil, err
	}
	if c.skipBlanks(); c.pos != c.end-1 {
		return nil, c.unexpected()
	}
	c.checkWildcards()
	if c.quota != nil {
		return nil, c.quota
	}
	j := &jsonPattern{tests: c.tests, root: root}
	j.plan = newJSONPlan(j)
	return j, nil
}

// jsonTest reads a selector and what is asked of it.
func (c *conditions) jsonTest() (t test, err *Error) {
	t.offset = c.pos
	if t.selector, err = c.parseSelector(); err != nil {
		return t, err
	}
	c.skipBlanks()
	if op, ok := c.operator(); ok {
		t.op = op
		t.literal, err = c.value(op)
		return t, err
	}
	t.op, err = c.keywordTest()
	return t, err
}

// keywordTest reads IS NULL, IS TRUE, IS FALSE or NOT EXISTS, in any case.
func (c *conditions) keywordTest() (testOp, *Error) {
	start := c.pos
	if !c.atBare() {
		return 0, c.unexpected()
	}
	switch word := c.run(bareRune); {
	case strings.EqualFold(word, "is"):
		c.skipBlanks()
		return c.isTest()
	case strings.EqualFold(word, "not"):
		notEnd := c.pos
		if c.skipBlanks(); !strings.EqualFold(c.run(bareRune), "exists") {
			return 0, c.tokenError(start, notEnd)
		}
		return opNotExists, nil
	}
	return 0, syntaxError(start)
}

func (c *conditions) isTest() (testOp, *Error) {
	start := c.pos
	if !c.atBare() {
		return 0, c.unexpected()
	}
	switch strings.ToLower(c.run(bareRune)) {
	case "null":
		return opIsNull, nil
	case "true":
		return opIsTrue, nil
	case "false":
		return opIsFalse, nil
	case "not":
		// AWS has NOT EXISTS only and reports the lonely word as unreadable.
		return 0, c.tokenError(start, c.pos)
	}
	return 0, syntaxError(start)
}

// parseSelector reads `$.a.['b c'][0].*`. The first token is $ with the step
// after it, which is why AWS reports `$[1]` as '$[' but `$.a[-1]` as '[-'.
func (s *scanner) parseSelector() (selector, *Error) {
	start := s.pos
	sel := selector{wild: -1, offset: start}
	if s.pos >= s.end || s.text[s.pos] != '$' {
		return sel, s.unexpected()
	}
	s.pos++
	if s.peek() != '.' {
		return sel, s.lexicalError(start, s.runeEnd(s.pos))
	}
	for token := start; s.peek() == '.' || s.peek() == '['; token = s.pos {
		st, err := s.parseStep(token)
		if err != nil {
			return sel, err
		}
		if st.kind == stepWild && sel.wild < 0 {
			sel.wild = len(sel.steps)
		}
		sel.steps = append(sel.steps, st)
	}
	sel.text = s.text[start:s.pos]
	return sel, nil
}

// parseStep reads one step at s.pos; token is where the token it belongs to
// starts.
func (s *scanner) parseStep(token int) (step, *Error) {
	if s.accept("[") {
		return s.parseIndex(token)
	}
	s.pos++ // the dot
	switch {
	case s.accept("*"):
		return step{kind: stepWild}, nil
	case s.accept("['"):
		n := strings.Index(s.text[s.pos:s.end], "']")
		if n < 0 {
			return step{}, s.tokenError(token, s.end)
		}
		key := s.text[s.pos : s.pos+n]
		s.pos += n + len("']")
		return step{kind: stepKey, key: key}, nil
	case s.peek() == '[':
		return step{}, s.lexicalError(token, s.runeEnd(s.pos+1))
	}
	name := s.run(nameRune)
	if name == "" {
		return step{}, s.lexicalError(token, s.runeEnd(s.pos))
	}
	return step{kind: stepKey, key: name}, nil
}

// parseIndex reads `n]` or `*]`.
func (s *scanner) parseIndex(token int) (step, *Error) {
	st := step{kind: stepIndex}
	if s.accept("*") {
		st.kind = stepWild
	} else {
		digits := s.pos
		for isDigit(s.peek()) {
			s.pos++
		}
		if s.pos == digits {
			return st, s.lexicalError(token, s.runeEnd(s.pos))
		}
		// An index beyond int is the largest int: it selects nothing either way.
		st.index, _ = strconv.Atoi(s.text[digits:s.pos])
	}
	if !s.accept("]") {
		return st, s.lexicalError(token, s.runeEnd(s.pos))
	}
	return st, nil
}

// wildcards counts the wildcard steps.
func (sel *selector) wildcards() int {
	n := 0
	for _, st := range sel.steps {
		if st.kind == stepWild {
			n++
		}
	}
	return n
}

// checkWildcards enforces the two wildcard quotas.
func (c *conditions) checkWildcards() {
	selectors := 0
	for i := range c.tests {
		sel := &c.tests[i].selector
		n := sel.wildcards()
		if n > maxWildcards {
			c.breach(&Error{CodeWildcardQuota, textWildcardQuota, sel.offset})
		}
		if n > 0 {
			if selectors++; selectors > maxWildcardSelectors {
				c.breach(&Error{CodeWildcardQuota, textWildcardTotal, sel.offset})
			}
		}
	}
}
