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
	return v.numbers.add(op, &l.number, func() factID {
		if op == opEqual {
			return v.equalsText(f, l, true)
		}
		return f.new(1)
	})
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
	e := equalText{f.new(1), numeric}
	v.equal[i] = append(v.equal[i], e)
	return e.fact
}

// finish makes the tables once everything that is asked is known.
func (v *values) finish(f *factory) {
	v.numbers.lay(f)
	if v.searches.finish(); v.searches.scanner != nil {
		f.searches = append(f.searches, &v.searches)
	}
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
		v.onText(f, s.text, false, false)
		s.free()
		return
	}
	v.onText(f, raw, false, true)
}

// onText establishes what follows from the text of a value. raw: it stands in
// the message as it is.
func (v *values) onText(f *facts, text []byte, number, raw bool) {
	if i := v.texts.find(text); i >= 0 {
		for _, e := range v.equal[i] {
			if !(number && e.numeric) {
				f.establish(e.fact)
			}
		}
	}
	v.searches.on(f, text, raw)
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
		v.onText(f, token, true, true)
		return
	}
	s := newScratch()
	s.text = appendCanonical(s.text[:0], token, isInt)
	v.onText(f, s.text, true, false)
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
	if len(v.numbers.thresholds) > 0 {
		if shape, ok := numberShape(text); ok {
			number = v.numbers.on(f, text, shape.isInt)
		}
	}
	v.onText(f, text, number, true)
}
