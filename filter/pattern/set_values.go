package pattern

import (
	"bytes"
	"math"
)

// values is all that the patterns of a set ask about one place: a selected JSON
// value, or a token.
type values struct {
	// Literals compared as text. The entries of texts.list[i] are equal[i].
	texts texts
	equal [][]equalText
	// Numbers compared as numbers.
	numbers []numberTest
	// Globs and regexes.
	searches []searchTest

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

type numberTest struct {
	fact   factID
	op     testOp
	number *numberLiteral
	text   string // as written
}

type searchTest struct {
	fact    factID
	literal *literal
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
	for _, s := range v.searches {
		if s.literal.kind == l.kind && bytes.Equal(s.literal.text, l.text) && equalPieces(s.literal.glob, l.glob) {
			return s.fact
		}
	}
	s := searchTest{f.new(factSearch), l}
	v.searches = append(v.searches, s)
	return s.fact
}

func equalPieces(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (v *values) compareNumber(f *factory, op testOp, l *literal) factID {
	for _, n := range v.numbers {
		if n.op == op && n.text == string(l.text) {
			return n.fact
		}
	}
	fact := noFact
	if op == opEqual {
		fact = v.equalsText(f, l, true)
	} else {
		fact = f.new(factOrder)
	}
	v.numbers = append(v.numbers, numberTest{fact, op, &l.number, string(l.text)})
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

// onString establishes the facts about a JSON string, given without its quotes.
func (v *values) onString(f *facts, raw []byte) {
	f.establish(v.scalar)
	f.establish(v.finite)
	if len(v.texts.list) == 0 && len(v.searches) == 0 {
		return
	}
	if hasEscape(raw) {
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
	for i := range v.searches {
		if s := &v.searches[i]; s.literal.equalsText(text) {
			f.establish(s.fact)
		}
	}
}

// onNumber establishes the facts about a JSON number.
func (v *values) onNumber(f *facts, token []byte, isInt bool) {
	f.establish(v.scalar)
	if v.onMagnitude(f, token, isInt) {
		f.establish(v.finite)
	}
	if len(v.texts.list) == 0 && len(v.searches) == 0 {
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

// onMagnitude establishes the facts about a number as a number, and reports
// whether it is finite. The token is parsed once for all literals of the usual
// kinds.
func (v *values) onMagnitude(f *facts, token []byte, isInt bool) (finite bool) {
	if isInt && len(token) > 18 {
		v.onLongNumber(f, token)
		return true
	}
	if isInt {
		n := smallInt(token)
		for i := range v.numbers {
			t := &v.numbers[i]
			cmp := 0
			if t.number.isInt {
				cmp = compareOrdered(n, t.number.int64)
			} else {
				cmp, _ = t.number.compare(token, true)
			}
			if t.op.accepts(cmp) {
				f.establish(t.fact)
			}
		}
		return true
	}
	if len(v.numbers) == 0 && v.finite < 0 {
		return true // nobody asks
	}
	x := parseDouble(token)
	if math.IsInf(x, 0) {
		return false
	}
	for i := range v.numbers {
		t := &v.numbers[i]
		cmp := 0
		if t.number.isFloat {
			cmp = compareOrdered(x, t.number.float)
		} else {
			cmp, _ = t.number.compare(token, false)
		}
		if t.op.accepts(cmp) {
			f.establish(t.fact)
		}
	}
	return true
}

// onLongNumber is onMagnitude for an integer beyond int64.
func (v *values) onLongNumber(f *facts, token []byte) {
	for i := range v.numbers {
		t := &v.numbers[i]
		if cmp, finite := t.number.compare(token, true); finite && t.op.accepts(cmp) {
			f.establish(t.fact)
		}
	}
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
	if len(v.numbers) > 0 {
		if shape, ok := numberShape(text); ok {
			number = v.onMagnitude(f, text, shape.isInt)
		}
	}
	v.onText(f, text, number)
}
