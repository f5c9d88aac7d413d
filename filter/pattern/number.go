package pattern

import (
	"bytes"
	"math"
	"strconv"
)

// shape of a number token: where its exponent starts (its length without one),
// and whether it has neither point nor exponent.
type shape struct {
	exponent int
	isInt    bool
}

// numberShape checks optional sign, digits with an optional point among them,
// optional exponent: what an unquoted literal or a space token must look like
// to be a number (JSON's own grammar is narrower).
func numberShape(token []byte) (s shape, ok bool) {
	if i := skipDigits(token, 0); i == len(token) && i > 0 {
		return shape{exponent: i, isInt: true}, true
	}
	i := 0
	if i < len(token) && (token[i] == '+' || token[i] == '-') {
		i++
	}
	digits := 0
	s.isInt = true
	for ; i < len(token); i++ {
		if token[i] == '.' && s.isInt {
			s.isInt = false
			continue
		}
		if !isDigit(token[i]) {
			break
		}
		digits++
	}
	s.exponent = i
	if digits == 0 {
		return s, false
	}
	if i == len(token) {
		return s, true
	}
	if token[i] != 'e' && token[i] != 'E' {
		return s, false
	}
	s.isInt = false
	if i++; i < len(token) && (token[i] == '+' || token[i] == '-') {
		i++
	}
	exponentDigits := i
	for i < len(token) && isDigit(token[i]) {
		i++
	}
	return s, i == len(token) && i > exponentDigits
}

// compare returns how the number in token (a JSON number, or a space token of
// that shape) stands to the literal; finite is false for 1e309 and its like,
// for which no comparison holds. Without point and exponent the token is exact,
// otherwise it is the double nearest to it.
func (n *numberLiteral) compare(token []byte, isInt bool) (cmp int, finite bool) {
	if isInt {
		if n.isInt && len(token) <= 18 {
			return compareOrdered(smallInt(token), n.int64), true
		}
		return integerDecimal(token).compare(n.exact), true
	}
	f := parseDouble(token)
	if math.IsInf(f, 0) {
		return 0, false
	}
	if n.isFloat {
		return compareOrdered(f, n.float), true
	}
	var buf [32]byte
	return floatDecimal(f, buf[:]).compare(n.exact), true
}

func compareOrdered[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// smallInt reads at most 18 characters of optional sign and digits.
func smallInt(token []byte) int64 {
	negative := false
	if token[0] == '-' || token[0] == '+' {
		negative = token[0] == '-'
		token = token[1:]
	}
	n := int64(0)
	for _, c := range token {
		n = n*10 + int64(c-'0')
	}
	if negative {
		return -n
	}
	return n
}

var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseDouble returns the double nearest to the number in token, infinite if it
// is out of range. Up to 15 digits and powers up to 22 two exact doubles and
// one correctly rounded operation give it; what is left goes to strconv.
func parseDouble(token []byte) float64 {
	mantissa, exponent, digits := uint64(0), 0, 0
	i, negative := 0, false
	if token[0] == '-' || token[0] == '+' {
		negative = token[0] == '-'
		i = 1
	}
	fraction := 0
	for ; i < len(token) && digits <= 15; i++ {
		c := token[i]
		if c == '.' {
			fraction = 1
			continue
		}
		if !isDigit(c) {
			break
		}
		mantissa = mantissa*10 + uint64(c-'0')
		exponent -= fraction
		if mantissa != 0 {
			digits++
		}
	}
	if i < len(token) && (token[i] == 'e' || token[i] == 'E') && len(token)-i <= 4 {
		exponent += int(smallInt(token[i+1:]))
		i = len(token)
	}
	if i < len(token) || digits > 15 || exponent < -22 || exponent > 22 {
		return parseLongDouble(token)
	}
	f := float64(mantissa)
	if exponent < 0 {
		f /= powersOfTen[-exponent]
	} else {
		f *= powersOfTen[exponent]
	}
	if negative {
		return -f
	}
	return f
}

// parseLongDouble lets strconv read the token. The compiler keeps a converted
// string of up to 32 bytes on the stack. A longer token is squeezed between
// itself cut after 18 digits and that plus one unit: mostly both are the same
// double, which then is the token's too. Only a token within 1e-18 of the middle
// between two doubles costs an allocation. strconv also allocates an error for
// what is out of range, so that is not shown to it.
func parseLongDouble(token []byte) float64 {
	r := readRough(token)
	if r.overflows() {
		if r.negative {
			return math.Inf(-1)
		}
		return math.Inf(1)
	}
	if len(token) > 32 {
		var low, high [32]byte
		a, _ := strconv.ParseFloat(string(r.appendTo(low[:0], r.mantissa)), 64)
		b := a
		if r.cut {
			b, _ = strconv.ParseFloat(string(r.appendTo(high[:0], r.mantissa+1)), 64)
		}
		if a == b {
			return a
		}
	}
	f, _ := strconv.ParseFloat(string(token), 64)
	return f
}

// rough is a number of which the digits after the 18th or so were cut off:
// mantissa x 10^exponent, or up to one unit of the mantissa more.
type rough struct {
	mantissa uint64
	exponent int
	cut      bool
	negative bool
}

func readRough(token []byte) (r rough) {
	i := 0
	if token[0] == '-' || token[0] == '+' {
		r.negative = token[0] == '-'
		i = 1
	}
	point := false
	for ; i < len(token) && token[i] != 'e' && token[i] != 'E'; i++ {
		switch {
		case token[i] == '.':
			point = true
			continue
		case r.mantissa < 1e17 && !r.cut:
			r.mantissa = r.mantissa*10 + uint64(token[i]-'0')
			if point {
				r.exponent--
			}
			continue
		case !point:
			r.exponent++
		}
		r.cut = true
	}
	if i < len(token) {
		r.exponent += readExponent(token[i+1:])
	}
	return r
}

// overflows reports whether the number is infinite as a double: all are from
// half a unit above the greatest double on. 1e-17 below that it may say no.
func (r rough) overflows() bool {
	if r.mantissa == 0 {
		return false
	}
	m, exponent := r.mantissa, r.exponent
	for m < 1e18 {
		m *= 10
		exponent--
	}
	return exponent > 290 || exponent == 290 && m >= 1797693134862315808 // x.xxx e308
}

// appendTo appends the number with the given mantissa, in at most 32 bytes.
func (r rough) appendTo(dst []byte, mantissa uint64) []byte {
	if r.negative {
		dst = append(dst, '-')
	}
	dst = append(strconv.AppendUint(dst, mantissa, 10), 'e')
	return strconv.AppendInt(dst, int64(r.exponent), 10)
}

// readExponent reads an exponent. One of more than nine digits is far beyond
// what the digits of any message make up for, so it is cut to that.
func readExponent(text []byte) int {
	digits := bytes.TrimLeft(bytes.TrimLeft(text, "+-"), "0")
	e := 1_000_000_000
	switch {
	case len(digits) == 0:
		e = 0
	case len(digits) <= 9:
		e = int(smallInt(digits))
	}
	if text[0] == '-' {
		return -e
	}
	return e
}

// appendCanonical appends the text that text, glob and regex tests see for a
// JSON number: integers as they are, others as Java prints a double.
func appendCanonical(dst, token []byte, isInt bool) []byte {
	if isInt {
		if len(token) == 2 && token[0] == '-' && token[1] == '0' {
			return append(dst, '0')
		}
		return append(dst, token...)
	}
	return appendJavaDouble(dst, parseDouble(token))
}

// appendJavaDouble appends Double.toString(f): plain from 1e-3 up to 1e7, at
// least one digit on each side of the point, and 1.0E-5 style beyond.
func appendJavaDouble(dst []byte, f float64) []byte {
	if math.IsInf(f, 0) {
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "Infinity"...)
	}
	if math.Signbit(f) {
		dst = append(dst, '-')
		f = -f
	}
	if f == 0 {
		return append(dst, "0.0"...)
	}
	var buf [32]byte
	d := floatDecimal(f, buf[:])
	if f < 1e-3 || f >= 1e7 {
		dst = append(dst, d.digits[0], '.')
		dst = appendFraction(dst, d.digits[1:])
		dst = append(dst, 'E')
		return strconv.AppendInt(dst, d.point-1, 10)
	}
	if d.point <= 0 {
		dst = append(dst, "0."...)
		for range -d.point {
			dst = append(dst, '0')
		}
		return append(dst, d.digits...)
	}
	for i := range d.point {
		c := byte('0')
		if i < int64(len(d.digits)) {
			c = d.digits[i]
		}
		dst = append(dst, c)
	}
	dst = append(dst, '.')
	return appendFraction(dst, d.digits[min(int64(len(d.digits)), d.point):])
}

func appendFraction(dst, digits []byte) []byte {
	if len(digits) == 0 {
		return append(dst, '0')
	}
	return append(dst, digits...)
}
