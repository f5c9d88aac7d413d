package pattern

import "bytes"

// certainty of a statement about all values.
type certainty uint8

const (
	maybe certainty = iota
	no
)

// bothEqual is no if no value can be equal to the literals of both tests.
func bothEqual(a, b *test) certainty {
	x, y := &a.literal, &b.literal
	switch {
	case x.kind == literalNumber && y.kind == literalNumber:
		if x.number.exact.compare(y.number.exact) != 0 && !bytes.Equal(x.text, y.text) {
			return no
		}
	case x.kind == literalText && y.kind == literalText:
		if !bytes.Equal(x.text, y.text) {
			return no
		}
	case x.kind == literalGlob && (y.kind == literalText || y.kind == literalGlob):
		return globMisses(x, y)
	case x.kind == literalText && y.kind == literalGlob:
		return globMisses(y, x)
	}
	return maybe
}

// globMisses is no if the texts that x and y admit start differently, or y is a
// text that x does not match.
func globMisses(x, y *literal) certainty {
	if y.kind == literalText {
		if matchGlob(x.glob, y.text) {
			return maybe
		}
		return no
	}
	first, second := x.glob[0], y.glob[0]
	n := min(len(first), len(second))
	if !bytes.Equal(first[:n], second[:n]) {
		return no
	}
	return maybe
}

// contradict reports whether no single value satisfies both tests.
func contradict(a, b *test) bool {
	switch {
	case a.op == b.op && a.op > opGreaterEqual:
		return false
	case a.op > opGreaterEqual || b.op > opGreaterEqual:
		return true // null, booleans and missing values fail every comparison and differ
	case a.op == opEqual && b.op == opEqual:
		return bothEqual(a, b) == no
	case a.literal.kind == literalNumber && b.literal.kind == literalNumber:
		return disjoint(a, b)
	}
	return a.op == opEqual && b.op.ordered() && neverNumber(&a.literal) ||
		b.op == opEqual && a.op.ordered() && neverNumber(&b.literal)
}

// neverNumber reports whether no number has a text equal to l.
func neverNumber(l *literal) bool {
	if l.kind != literalText {
		return false
	}
	_, number := numberShape(l.text)
	return !number
}

// disjoint reports whether no number satisfies both comparisons, one of which
// is an order or an equality. The bounds come from the literals, so it is enough
// to try points around both.
func disjoint(a, b *test) bool {
	if a.op == opNotEqual || b.op == opNotEqual || !a.op.ordered() && !b.op.ordered() {
		return false
	}
	c := a.literal.number.exact.compare(b.literal.number.exact)
	// With a's literal at 0 and b's at -2c, the points -3..3 meet every region.
	for point := -3; point <= 3; point++ {
		if a.op.accepts(sign(point)) && b.op.accepts(sign(point+2*c)) {
			return false
		}
	}
	return true
}

// complements reports whether every number satisfies one of two order tests.
func complements(a, b *test) bool {
	if !a.op.ordered() || !b.op.ordered() {
		return false
	}
	c := a.literal.number.exact.compare(b.literal.number.exact)
	for point := -3; point <= 3; point++ {
		if !a.op.accepts(sign(point)) && !b.op.accepts(sign(point+2*c)) {
			return false
		}
	}
	return true
}

func sign(n int) int { return compareOrdered(int64(n), 0) }
