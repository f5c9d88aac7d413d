package pattern

import (
	"math"
	"slices"
)

// numbers is the numeric literals that values at one place are compared with, as
// thresholds in ascending order. They divide the line into slots:
//
//	threshold       0         1         2
//	slot        0   1    2    3    4    5    6
//
// A value is looked up once and sets the fact of its slot; at the end of a round
// the facts that patterns ask for are derived from those of the slots.
type numbers struct {
	thresholds []threshold
	slots      factID // of slot 0

	// Copies of the thresholds to search in; see lay.
	floors  []int64
	doubles []float64
}

// threshold is one number, however many literals write it.
type threshold struct {
	number *numberLiteral
	asked  []numberFact
}

type numberFact struct {
	op   testOp
	fact factID
}

// add asks for the fact that a value stands to the literal as op says; made
// makes one if there is none. = is true of texts, too, so its fact depends on
// how the literal is written.
func (n *numbers) add(op testOp, number *numberLiteral, made func() factID) factID {
	at, known := slices.BinarySearchFunc(n.thresholds, number, func(t threshold, l *numberLiteral) int { return t.number.exact.compare(l.exact) })
	if !known {
		n.thresholds = slices.Insert(n.thresholds, at, threshold{number: number})
	}
	t := &n.thresholds[at]
	if op != opEqual {
		for _, a := range t.asked {
			if a.op == op {
				return a.fact
			}
		}
	}
	a := numberFact{op, made()}
	if !slices.Contains(t.asked, a) {
		t.asked = append(t.asked, a)
	}
	return a.fact
}

// lay numbers the slots and fills the tables once all literals are known. floors
// are the thresholds rounded down, for integers; doubles is left empty if one of
// them has more digits than a double.
func (n *numbers) lay(f *factory) {
	if len(n.thresholds) == 0 {
		return
	}
	n.slots = f.new(2*len(n.thresholds) + 1)
	f.numbers = append(f.numbers, n)
	exact := true
	for _, t := range n.thresholds {
		n.floors = append(n.floors, t.number.floor())
		n.doubles = append(n.doubles, t.number.float)
		exact = exact && t.number.isFloat
	}
	if !exact {
		n.doubles = nil
	}
}

// on establishes what follows from a number, and reports whether it is finite:
// no comparison holds for one that is not.
//
// hot: BenchmarkSet
func (n *numbers) on(f *facts, token []byte, isInt bool) (finite bool) {
	if isInt && len(token) <= 18 {
		if len(n.floors) > 0 {
			f.establish(n.slots + n.slotOfInt(smallInt(token)))
		}
		return true
	}
	if !isInt {
		x := parseDouble(token)
		if math.IsInf(x, 0) {
			return false
		}
		if n.doubles != nil {
			f.establish(n.slots + n.slotOfDouble(x))
			return true
		}
	}
	if len(n.thresholds) > 0 {
		f.establish(n.slots + n.slotOf(token, isInt))
	}
	return true
}

// slotOfInt looks an integer of at most 18 digits up. Of thresholds with the
// same floor an integer, if there is one, comes first.
func (n *numbers) slotOfInt(x int64) factID {
	lo, hi := 0, len(n.floors)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if n.floors[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(n.floors) && n.floors[lo] == x && n.thresholds[lo].number.isInt {
		return factID(2*lo + 1)
	}
	return factID(2 * lo)
}

// slotOfDouble looks a double up.
func (n *numbers) slotOfDouble(x float64) factID {
	lo, hi := 0, len(n.doubles)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if n.doubles[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(n.doubles) && n.doubles[lo] == x {
		return factID(2*lo + 1)
	}
	return factID(2 * lo)
}

// slotOf looks a finite number up by its digits.
func (n *numbers) slotOf(token []byte, isInt bool) factID {
	at, equal := slices.BinarySearchFunc(n.thresholds, token, func(t threshold, token []byte) int {
		cmp, _ := t.number.compare(token, isInt)
		return -cmp
	})
	if equal {
		return factID(2*at + 1)
	}
	return factID(2 * at)
}

// derive establishes what patterns ask for from the slots: a value is below a
// threshold if it is in any slot before the threshold's own.
func (n *numbers) derive(words []uint64) {
	slots := words[n.slots:][:2*len(n.thresholds)+1]
	below, above := uint64(0), uint64(0)
	for k := range n.thresholds {
		below |= slots[2*k]
		n.thresholds[k].establish(words, opLess, opLessEqual, below, slots[2*k+1])
		below |= slots[2*k+1]
	}
	for k := len(n.thresholds) - 1; k >= 0; k-- {
		above |= slots[2*k+2]
		n.thresholds[k].establish(words, opGreater, opGreaterEqual, above, slots[2*k+1])
		above |= slots[2*k+1]
	}
}

// establish sets the facts of strict and orEqual, and those of =, for messages
// with values beyond the threshold and at it.
func (t *threshold) establish(words []uint64, strict, orEqual testOp, beyond, at uint64) {
	for _, a := range t.asked {
		switch a.op {
		case strict:
			words[a.fact] |= beyond
		case orEqual:
			words[a.fact] |= beyond | at
		case opEqual:
			words[a.fact] |= at
		}
	}
}
