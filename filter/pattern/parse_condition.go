package pattern

import "strings"

// conditions is the part of the grammar that JSON and space patterns share:
//
//	or   = and { "||" and }
//	and  = unit { "&&" unit }
//	unit = "(" or ")" | operand operator value
//
// They differ in the operand: a selector in one, the field's name in the other.
type conditions struct {
	scanner
	test    func() (test, *Error) // reads operand, operator and value
	tests   []test
	regexes int

	// quota is the first rule broken that is not about syntax. AWS reports those
	// after the whole text has parsed.
	quota *Error
}

func (c *conditions) breach(err *Error) {
	if c.quota == nil {
		c.quota = err
	}
}

func (c *conditions) or() (*expr, *Error) { return c.chain("||", exprOr, c.and) }

func (c *conditions) and() (*expr, *Error) { return c.chain("&&", exprAnd, c.unit) }

// chain reads one or more operands of a connective and builds a node only
// where there are two.
func (c *conditions) chain(connective string, op exprOp, next func() (*expr, *Error)) (*expr, *Error) {
	first, err := next()
	if err != nil {
		return nil, err
	}
	all := []*expr{first}
	for c.skipBlanks(); c.accept(connective); c.skipBlanks() {
		e, err := next()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 1 {
		return first, nil
	}
	return &expr{op: op, kids: all}, nil
}

func (c *conditions) unit() (*expr, *Error) {
	c.skipBlanks()
	if c.accept("(") {
		e, err := c.or()
		if err != nil {
			return nil, err
		}
		if c.skipBlanks(); !c.accept(")") {
			return nil, c.unexpected()
		}
		return e, nil
	}
	t, err := c.test()
	if err != nil {
		return nil, err
	}
	t.end = c.pos
	c.tests = append(c.tests, t)
	return &expr{op: exprTest, test: len(c.tests) - 1}, nil
}

// operator reads a comparison operator if one comes next.
func (c *conditions) operator() (testOp, bool) {
	for _, o := range [...]struct {
		text string
		op   testOp
	}{{"=", opEqual}, {"!=", opNotEqual}, {"<=", opLessEqual}, {">=", opGreaterEqual}, {"<", opLess}, {">", opGreater}} {
		if c.accept(o.text) {
			return o.op, true
		}
	}
	return 0, false
}

// value reads the literal after op. < <= > >= take an unquoted number only, and
// AWS names the whole token otherwise.
func (c *conditions) value(op testOp) (literal, *Error) {
	c.skipBlanks()
	start := c.pos
	l, err := c.literal()
	if err != nil {
		return l, err
	}
	if op.ordered() && l.kind != literalNumber {
		return l, c.tokenError(start, c.pos)
	}
	return l, nil
}

func (c *conditions) literal() (literal, *Error) {
	start := c.pos
	switch {
	case c.peek() == '"':
		text, err := c.quoted()
		return textLiteral(text, true), err
	case c.peek() == '%':
		return c.regexLiteral()
	case !c.atBare():
		return literal{}, c.unexpected()
	}
	text := c.run(bareRune)
	if strings.EqualFold(text, "null") {
		return literal{}, syntaxError(start)
	}
	number, isNumber, inRange := parseNumberLiteral(text)
	if !isNumber {
		return textLiteral(text, false), nil
	}
	if !inRange {
		return literal{}, syntaxError(start)
	}
	return literal{kind: literalNumber, text: []byte(text), number: number}, nil
}

func (c *conditions) regexLiteral() (literal, *Error) {
	start := c.pos
	body, err := c.regexToken()
	if err != nil {
		return literal{}, err
	}
	if c.regexes++; c.regexes > maxRegexes {
		c.breach(&Error{CodeRegexQuota, textRegexQuota, start})
	}
	re, bad := compileRegex(body)
	if bad != nil {
		c.breach(&Error{CodeRegex, textRegex, start})
	}
	return literal{kind: literalRegex, text: []byte(body), regex: re}, nil
}

// textLiteral makes a glob of a text with a star, quoted or not.
func textLiteral(text string, quoted bool) literal {
	l := literal{kind: literalText, text: []byte(text), quoted: quoted}
	if strings.Contains(text, "*") {
		l.kind = literalGlob
		for _, piece := range strings.Split(text, "*") {
			l.glob = append(l.glob, []byte(piece))
		}
	}
	return l
}
