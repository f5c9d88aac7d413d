package pattern

import (
	"math"
	"slices"
)

// numbers is the numeric literals that values at one place are compared with,
// one list for each operator, ascending.
type numbers struct {
	tests [opGreaterEqual + 1][]numberTest
	count int
}

type numberTest struct {
	fact   factID
	number *numberLiteral
	text   string // as written
}

// find returns the fact of op and the literal written as text, noFact if there
// is none.
func (n *numbers) find(op testOp, text string) factID {
	for _, t := range n.tests[op] {
		if t.text == text {
			return t.fact
		}
	}
	return noFact
}

func (n *numbers) add(op testOp, t numberTest) {
	at, _ := slices.BinarySearchFunc(n.tests[op], t, func(a, b numberTest) int { return a.number.exact.compare(b.number.exact) })
	n.tests[op] = slices.Insert(n.tests[op], at, t)
	n.count++
}

// magnitude is a finite number as read from a message, parsed once for all
// literals of the usual kinds.
type magnitude struct {
	token   []byte
	isInt   bool
	isSmall bool // integer holds it
	integer int64
	double  float64 // if not isInt
}

// compare returns how the number stands to the literal.
func (x *magnitude) compare(n *numberLiteral) int {
	switch {
	case x.isSmall && n.isInt:
		return compareOrdered(x.integer, n.int64)
	case !x.isInt && n.isFloat:
		return compareOrdered(x.double, n.float)
	}
	cmp, _ := n.compare(x.token, x.isInt)
	return cmp
}

// on establishes what follows from a number, and reports whether it is finite:
// no comparison holds for one that is not.
//
// hot: BenchmarkSet
func (n *numbers) on(f *facts, token []byte, isInt bool) (finite bool) {
	x := magnitude{token: token, isInt: isInt, isSmall: isInt && len(token) <= 18}
	switch {
	case x.isSmall:
		x.integer = smallInt(token)
	case !isInt:
		if x.double = parseDouble(token); math.IsInf(x.double, 0) {
			return false
		}
	}
	if n.count == 0 {
		return true
	}
	n.onEqual(f, &x)
	// What the number is above is a prefix of the literals, below a suffix.
	for op := opGreater; op <= opGreaterEqual; op++ {
		for _, t := range n.tests[op] {
			if !op.accepts(x.compare(t.number)) {
				break
			}
			f.establish(t.fact)
		}
	}
	for op := opLess; op <= opLessEqual; op++ {
		list := n.tests[op]
		for i := len(list) - 1; i >= 0 && op.accepts(x.compare(list[i].number)); i-- {
			f.establish(list[i].fact)
		}
	}
	return true
}

// onEqual establishes the literals that the number is equal to: several if they
// are written differently.
func (n *numbers) onEqual(f *facts, x *magnitude) {
	list := n.tests[opEqual]
	lo, hi := 0, len(list)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if x.compare(list[mid].number) > 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for ; lo < len(list) && x.compare(list[lo].number) == 0; lo++ {
		f.establish(list[lo].fact)
	}
}
