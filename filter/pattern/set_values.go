package pattern

// values is all that the patterns of a set ask about one place: a selected JSON
// value, or a token.
type values struct {
	// Literals compared as text. The entries of texts.list[i] are equal[i].
	texts    texts
	equal    [][]equalText
	numbers  numbers  // literals compared as numbers
	searches searches // globs and regexes

	scalar factID // a string or a number
	finite factID // a string or a finite number
	isTrue factID
	// isFalse, isNull likewise; isNull is asked of the value itself.
	isFalse, isNull factID
}

// equalText: the text equals. For a numeric literal that only decides where
// the value is no number.
type equalText struct {
	fact    factID
	numeric bool
}

func newValues() *values {
	return &values{scalar: noFact, finite: noFact, isTrue: noFact, isFalse: noFact, isNull: noFact}
}

// fact returns the fact in *id, a new one if there was none.
func (f *factory) fact(id *factID, selectivity uint8) factID {
	if *id < 0 {
		*id = f.new(selectivity)
	}
	return *id
}

// compare returns the fact that the value stands to l as op says; op is not !=.
func (v *values) compare(f *factory, op testOp, l *literal) factID {
	switch l.kind {
	case literalNumber:
		return v.compareNumber(f, op, l)
	case literalText:
		return v.equalsText(f, l, false)
	}
	return v.searches.add(f, l)
}

func (v *values) compareNumber(f *factory, op testOp, l *literal) factID {
	if fact := v.numbers.find(op, string(l.text)); fact >= 0 {
		return fact
	}
	fact := noFact
	if op == opEqual {
		fact = v.equalsText(f, l, true)
	} else {
		fact = f.new(factOrder)
	}
	v.numbers.add(op, numberTest{fact, &l.number, string(l.text)})
	return fact
}

func (v *values) equalsText(f *factory, l *literal, numeric bool) factID {
	i := v.texts.add(string(l.text))
	if i == len(v.equal) {
		v.equal = append(v.equal, nil)
	}
	for _, e := range v.equal[i] {
		if e.numeric == numeric {
			return e.fact
		}
	}
	e := equalText{f.new(factEqual), numeric}
	v.equal[i] = append(v.equal[i], e)
	return e.fact
}

// onString establishes the facts about a JSON string, given without its quotes;
// escapes: it may hold some.
func (v *values) onString(f *facts, raw []byte, escapes bool) {
	f.establish(v.scalar)
	f.establish(v.finite)
	if len(v.texts.list) == 0 && len(v.searches.tests) == 0 {
		return
	}
	if escapes && hasEscape(raw) {
		s := newScratch()
		s.text = appendDecoded(s.text[:0], raw)
		v.onText(f, s.text, false)
		s.free()
		return
	}
	v.onText(f, raw, false)
}

// onText establishes what follows from the text of a value.
func (v *values) onText(f *facts, text []byte, number bool) {
	if i := v.texts.find(text); i >= 0 {
		for _, e := range v.equal[i] {
			if !(number && e.numeric) {
				f.establish(e.fact)
			}
		}
	}
	v.searches.on(f, text)
}

// onNumber establishes the facts about a JSON number.
func (v *values) onNumber(f *facts, token []byte, isInt bool) {
	f.establish(v.scalar)
	if v.numbers.on(f, token, isInt) {
		f.establish(v.finite)
	}
	if len(v.texts.list) == 0 && len(v.searches.tests) == 0 {
		return
	}
	if isInt && !(len(token) == 2 && token[0] == '-') { // -0 prints as 0
		v.onText(f, token, true)
		return
	}
	s := newScratch()
	s.text = appendCanonical(s.text[:0], token, isInt)
	v.onText(f, s.text, true)
	s.free()
}

// onWord establishes the facts about true, false or null, given by the first
// letter.
func (v *values) onWord(f *facts, first byte) {
	switch first {
	case 't':
		f.establish(v.isTrue)
	case 'f':
		f.establish(v.isFalse)
	case 'n':
		f.establish(v.isNull)
	}
}

// onToken establishes the facts about a token of a space pattern: as a number
// where it is a finite one and so is the literal, else as text.
func (v *values) onToken(f *facts, text []byte) {
	number := false
	if v.numbers.count > 0 {
		if shape, ok := numberShape(text); ok {
			number = v.numbers.on(f, text, shape.isInt)
		}
	}
	v.onText(f, text, number)
}
