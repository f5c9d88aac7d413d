package pattern

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// decimal is an exact number, +-0.DIGITS x 10^point. digits has neither leading
// nor trailing zeros; it is empty for zero. It is a view of whatever it was
// read from.
type decimal struct {
	digits   []byte
	point    int64
	negative bool
}

// compare returns -1, 0 or 1. Minus zero equals zero.
func (d decimal) compare(o decimal) int {
	switch ds, os := d.sign(), o.sign(); {
	case ds < os:
		return -1
	case ds > os:
		return 1
	case ds == 0:
		return 0
	case ds < 0:
		return o.compareMagnitude(d)
	}
	return d.compareMagnitude(o)
}

func (d decimal) sign() int {
	switch {
	case len(d.digits) == 0:
		return 0
	case d.negative:
		return -1
	}
	return 1
}

func (d decimal) compareMagnitude(o decimal) int {
	if d.point != o.point {
		if d.point < o.point {
			return -1
		}
		return 1
	}
	return bytes.Compare(d.digits, o.digits) // 0.12 < 0.123: a prefix is less
}

// integerDecimal reads an optional sign and digits.
func integerDecimal(token []byte) decimal {
	var d decimal
	if len(token) > 0 && (token[0] == '-' || token[0] == '+') {
		d.negative = token[0] == '-'
		token = token[1:]
	}
	token = bytes.TrimLeft(token, "0")
	d.point = int64(len(token))
	d.digits = bytes.TrimRight(token, "0")
	return d
}

// floatDecimal is the shortest decimal that reads back as f, which must be
// finite. buf backs the digits.
func floatDecimal(f float64, buf []byte) decimal {
	var d decimal
	if math.Signbit(f) { // also for -0
		d.negative, f = true, -f
	}
	text := strconv.AppendFloat(buf[:0], f, 'e', -1, 64) // d.ddde+xx
	e := bytes.IndexByte(text, 'e')
	exponent, negative := int64(0), text[e+1] == '-'
	for _, c := range text[e+2:] {
		exponent = exponent*10 + int64(c-'0')
	}
	if negative {
		exponent = -exponent
	}
	digits := text[:e]
	if len(digits) > 1 {
		digits[1] = digits[0] // over the point
		digits = digits[1:]
	}
	d.digits = bytes.TrimRight(digits, "0")
	d.point = exponent + 1
	return d
}

// numberLiteral is an unquoted number of a pattern, exact as written, with the
// forms that make the common comparisons one machine instruction.
type numberLiteral struct {
	exact decimal
	int64 int64
	float float64
	isInt bool // exact is int64
	// isFloat: float's shortest decimal is exact, so that comparing doubles gives
	// the same answer as comparing shortest decimals (both are monotone).
	isFloat bool
}

// parseNumberLiteral reads sign, digits, point, exponent. inRange is false if
// the exponent does not fit in 32 bits, which AWS refuses.
func parseNumberLiteral(text string) (n numberLiteral, isNumber, inRange bool) {
	token := []byte(text)
	shape, ok := numberShape(token)
	if !ok {
		return n, false, false
	}
	exponent := int64(0)
	if shape.exponent < len(token) {
		e, err := strconv.ParseInt(text[shape.exponent+1:], 10, 32)
		if err != nil {
			return n, true, false
		}
		exponent = e
	}
	n.exact = mantissaDecimal(token[:shape.exponent])
	if len(n.exact.digits) > 0 {
		n.exact.point += exponent
	}
	n.classify()
	return n, true, true
}

// mantissaDecimal reads sign, digits and point.
func mantissaDecimal(token []byte) decimal {
	dot := bytes.IndexByte(token, '.')
	if dot < 0 {
		return integerDecimal(token)
	}
	whole := bytes.TrimLeft(token[:dot], "+-")
	all := slices.Concat(whole, token[dot+1:])
	significant := bytes.TrimLeft(all, "0")
	d := decimal{negative: token[0] == '-'}
	d.point = int64(len(whole) - (len(all) - len(significant)))
	d.digits = bytes.TrimRight(significant, "0")
	if len(d.digits) == 0 {
		d.point = 0
	}
	return d
}

// classify fills the fast forms from exact.
func (n *numberLiteral) classify() {
	d := n.exact
	if d.point >= int64(len(d.digits)) && d.point <= 18 {
		n.isInt = true
		for i := range d.point {
			n.int64 *= 10
			if i < int64(len(d.digits)) {
				n.int64 += int64(d.digits[i] - '0')
			}
		}
		if d.negative {
			n.int64 = -n.int64
		}
	}
	if len(d.digits) == 0 {
		n.isFloat = true
		return
	}
	f, err := strconv.ParseFloat("0."+string(d.digits)+"e"+strconv.FormatInt(d.point, 10), 64)
	if err != nil || f == 0 || math.IsInf(f, 0) {
		return
	}
	if d.negative {
		f = -f
	}
	var buf [32]byte
	if floatDecimal(f, buf[:]).compare(d) == 0 {
		n.float, n.isFloat = f, true
	}
}

// floor returns the greatest integer that is not above the literal, held within
// the range of an int64, which is beyond all integers of 18 digits.
func (n *numberLiteral) floor() int64 {
	d := n.exact
	switch {
	case n.isInt:
		return n.int64
	case d.point > 18 && d.negative:
		return math.MinInt64
	case d.point > 18:
		return math.MaxInt64
	}
	whole := int64(0)
	for i := range max(d.point, 0) { // it has a fraction, so these digits are there
		whole = whole*10 + int64(d.digits[i]-'0')
	}
	if d.negative {
		return -whole - 1
	}
	return whole
}
