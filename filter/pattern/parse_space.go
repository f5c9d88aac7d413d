package pattern

// parseSpace reads `[field, field, ...]`.
func parseSpace(s scanner) (*spacePattern, *Error) {
	p := &spaceParser{sp: &spacePattern{ellipsis: -1, lastTest: -1}}
	p.scanner = s
	p.tokens = `(),[]=<>"%`
	p.test = p.fieldTest
	p.pos++
	p.end-- // the closing bracket is known to be there
	if p.skipBlanks(); p.pos == p.end {
		p.sp.all = true
		return p.sp, nil
	}
	for {
		if err := p.field(); err != nil {
			return nil, err
		}
		if p.skipBlanks(); p.pos == p.end {
			break
		}
		if !p.accept(",") {
			return nil, p.unexpected()
		}
	}
	if p.quota != nil {
		return nil, p.quota
	}
	p.sp.tests = p.tests
	return p.sp, nil
}

type spaceParser struct {
	conditions
	sp   *spacePattern
	name string // of the field being read; "" until its first condition
}

// field reads nothing, `...`, a name, or conditions on one name.
func (p *spaceParser) field() *Error {
	p.skipBlanks()
	f := field{offset: p.pos}
	if p.accept("...") {
		if p.sp.ellipsis >= 0 {
			p.breach(duplicateError("...", f.offset))
		}
		p.sp.ellipsis = len(p.sp.fields)
		return nil
	}
	if p.pos < p.end && p.peek() != ',' {
		if err := p.namedField(&f); err != nil {
			return err
		}
	}
	for _, other := range p.sp.fields {
		if f.name != "" && other.name == f.name {
			p.breach(duplicateError(f.name, f.offset))
		}
	}
	if f.cond != nil {
		p.sp.lastTest = len(p.sp.fields)
	}
	p.sp.fields = append(p.sp.fields, f)
	return nil
}

func (p *spaceParser) namedField(f *field) *Error {
	if p.peek() != '(' {
		ahead := *p
		name, err := ahead.fieldName()
		if err != nil {
			return err
		}
		if ahead.skipBlanks(); ahead.pos == ahead.end || ahead.peek() == ',' {
			p.pos, f.name = ahead.pos, name
			return nil
		}
	}
	p.name = ""
	cond, err := p.or()
	f.name, f.cond = p.name, cond
	return err
}

// fieldTest reads `name op value`. All conditions of a field repeat its name.
func (p *spaceParser) fieldTest() (t test, err *Error) {
	t.offset, t.selector.wild = p.pos, -1
	name, err := p.fieldName()
	if err != nil {
		return t, err
	}
	if p.name == "" {
		p.name = name
	}
	if p.name != name {
		p.breach(variablesError(p.name, name, t.offset))
	}
	p.skipBlanks()
	op, ok := p.operator()
	if !ok {
		return t, p.unexpected()
	}
	t.op = op
	t.literal, err = p.value(op)
	return t, err
}

// fieldName reads letters, digits and underscores, no digit first.
func (p *spaceParser) fieldName() (string, *Error) {
	start := p.pos
	if isDigit(p.peek()) {
		for isDigit(p.peek()) {
			p.pos++
		}
		if digits := p.pos; p.run(wordRune) != "" {
			return "", p.lexicalError(start, p.runeEnd(digits))
		}
		return "", syntaxError(start)
	}
	name := p.run(wordRune)
	if name != "" {
		return name, nil
	}
	switch p.peek() {
	case '.', '*', '+', '-':
		return "", p.lexicalError(p.pos, p.runeEnd(p.pos))
	}
	return "", p.unexpected()
}
