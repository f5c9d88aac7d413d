package pattern

import (
	"encoding/binary"
	"math/bits"
)

// This file reads JSON (RFC 8259) without building anything. Every function
// takes the message and an index and returns the index after what it read, or
// invalid. All of the message is validated, since a message that is not JSON
// matches no JSON pattern, whatever its readable part says.
//
// Choices where the RFC or AWS leave one: a control character inside a string
// is an error (as in Jackson and encoding/json); bytes that are not UTF-8 are
// accepted and compared as they are, since the ingest side has already decided
// on them; an escaped lone surrogate decodes to U+FFFD; nesting deeper than
// maxDepth is not JSON.

const (
	maxDepth = 128
	invalid  = -1
)

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// stringStops marks (in the high bit of its byte) the first byte of w that a
// string scan must look at: quote, backslash, control character. Marks above
// the first may be wrong, because the subtractions borrow.
func stringStops(w uint64) uint64 {
	quote := w ^ '"'*lowBits
	slash := w ^ '\\'*lowBits
	return ((quote-lowBits)&^quote | (slash-lowBits)&^slash | (w-' '*lowBits)&^w) & highBits
}

// scanString starts after the opening quote and returns the index of the
// closing one.
//
// hot: BenchmarkMatch
func scanString(b []byte, i int) (end int, escaped bool) {
	for i+8 <= len(b) {
		stops := stringStops(binary.LittleEndian.Uint64(b[i:]))
		if stops == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(stops) >> 3
		if b[i] == '"' {
			return i, escaped
		}
		if i = skipEscape(b, i); i == invalid {
			return invalid, false
		}
		escaped = true
	}
	return scanStringTail(b, i, escaped)
}

// scanStringTail is scanString in the last bytes of the message.
func scanStringTail(b []byte, i int, escaped bool) (int, bool) {
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return i, escaped
		case c == '\\' || c < ' ':
			if i = skipEscape(b, i); i == invalid {
				return invalid, false
			}
			escaped = true
		default:
			i++
		}
	}
	return invalid, false
}

// skipEscape skips an escape sequence; a control character is none.
func skipEscape(b []byte, i int) int {
	if b[i] != '\\' || i+1 >= len(b) {
		return invalid
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 <= len(b) && isHex(b[i+2]) && isHex(b[i+3]) && isHex(b[i+4]) && isHex(b[i+5]) {
			return i + 6
		}
	}
	return invalid
}

// scanNumber reads a JSON number; isInt means neither point nor exponent.
func scanNumber(b []byte, i int) (end int, isInt bool) {
	if b[i] == '-' {
		i++
	}
	if i >= len(b) || !isDigit(b[i]) {
		return invalid, false
	}
	if b[i] == '0' {
		i++
	} else {
		i = skipDigits(b, i)
	}
	if i >= len(b) || b[i] != '.' && b[i]|0x20 != 'e' {
		return i, true
	}
	if b[i] == '.' {
		start := i + 1
		if i = skipDigits(b, start); i == start {
			return invalid, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start := i
		if i = skipDigits(b, start); i == start {
			return invalid, false
		}
	}
	return i, false
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// skipWord skips true, false or null.
func skipWord(b []byte, i int) int {
	word := "null"
	switch b[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	if i+len(word) <= len(b) && string(b[i:i+len(word)]) == word {
		return i + len(word)
	}
	return invalid
}

// skipValue skips any value; depth is the number of containers around it.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return invalid
	}
	switch c := b[i]; {
	case c == '"':
		end, _ := scanString(b, i+1)
		if end == invalid {
			return invalid
		}
		return end + 1
	case c == '{':
		return skipObject(b, i, depth+1)
	case c == '[':
		return skipArray(b, i, depth+1)
	case c == '-' || isDigit(c):
		end, _ := scanNumber(b, i)
		return end
	case c == 't' || c == 'f' || c == 'n':
		return skipWord(b, i)
	}
	return invalid
}

func skipObject(b []byte, i, depth int) int {
	if depth > maxDepth {
		return invalid
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		_, _, i = scanKey(b, i)
		if i == invalid {
			return invalid
		}
		if i = skipValue(b, i, depth); i == invalid {
			return invalid
		}
		if i = skipSpace(b, i); i >= len(b) {
			return invalid
		}
		if b[i] != ',' {
			break
		}
		i = skipSpace(b, i+1)
	}
	if b[i] != '}' {
		return invalid
	}
	return i + 1
}

func skipArray(b []byte, i, depth int) int {
	if depth > maxDepth {
		return invalid
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, i, depth); i == invalid {
			return invalid
		}
		if i = skipSpace(b, i); i >= len(b) {
			return invalid
		}
		if b[i] != ',' {
			break
		}
		i = skipSpace(b, i+1)
	}
	if b[i] != ']' {
		return invalid
	}
	return i + 1
}

// scanKey reads a member name, the colon and the blanks around it. The name is
// b[old i+1:end]; next is where its value starts.
func scanKey(b []byte, i int) (end int, escaped bool, next int) {
	if i >= len(b) || b[i] != '"' {
		return 0, false, invalid
	}
	end, escaped = scanString(b, i+1)
	if end == invalid {
		return 0, false, invalid
	}
	i = end + 1
	if i >= len(b) || b[i] != ':' {
		if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
			return 0, false, invalid
		}
	}
	if i++; i < len(b) && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	return end, escaped, i
}
