package process

import (
	"math"
	"strconv"
)

// appendNumber appends a JSON number as jq 1.6 prints it; integers of 64 bits
// come out exactly.
func appendNumber(dst, raw []byte) []byte {
	if isInteger(raw) {
		return append(dst, raw...) // JSON has one way to write it
	}
	f, _ := strconv.ParseFloat(string(raw), 64) // out of range: an infinity
	return appendFloat(dst, f)
}

// appendFloat appends the shortest digits that give f back, as jq 1.6's
// formatter sets them: with an exponent of at least two digits below 1e-4, and
// where more than 15 zeros would follow the digits.
func appendFloat(dst []byte, f float64) []byte {
	f = max(-math.MaxFloat64, min(f, math.MaxFloat64)) // jq's infinities
	var buf [32]byte
	// d.dddde±dd
	scientific := strconv.AppendFloat(buf[:0], f, 'e', -1, 64)
	mantissa, exponent := scientific, 0
	for i, c := range scientific {
		if c == 'e' {
			mantissa = scientific[:i]
			exponent, _ = strconv.Atoi(string(scientific[i+1:]))
			break
		}
	}
	digits := 0
	for _, c := range mantissa {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if point := exponent + 1; f != 0 && (point <= -4 || point > digits+15) {
		return append(dst, scientific...)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// isInteger tells of digits alone that are a number of 64 bits.
func isInteger(raw []byte) bool {
	digits := raw
	if raw[0] == '-' {
		digits = raw[1:]
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	if len(digits) < 19 {
		return string(raw) != "-0"
	}
	_, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil
}
