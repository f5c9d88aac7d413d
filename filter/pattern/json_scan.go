package pattern

import "bytes"

// This file reads JSON (RFC 8259) without building anything. Every function
// takes an index and returns the index after what it read, or invalid. All of
// the message is validated, since a message that is not JSON matches no JSON
// pattern, whatever its readable part says.
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

// scanNumber reads a JSON number; isInt means neither point nor exponent.
func scanNumber(b []byte, i int) (end int, isInt bool) {
	if b[i] == '-' {
		i++
	}
	start := i
	i = skipDigits(b, i)
	if i == start || i > start+1 && b[start] == '0' {
		return invalid, false
	}
	if i >= len(b) || b[i] != '.' && b[i]|0x20 != 'e' {
		return i, true
	}
	return scanFraction(b, i), false
}

// scanFraction reads what follows the integer part: fraction, exponent or both.
func scanFraction(b []byte, i int) int {
	if b[i] == '.' {
		start := i + 1
		if i = skipDigits(b, start); i == start {
			return invalid
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start := i
		if i = skipDigits(b, start); i == start {
			return invalid
		}
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
func (r *jsonReader) skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return invalid
	}
	switch c := b[i]; {
	case c == '"':
		end := r.stringEnd(i + 1)
		if end == invalid {
			return invalid
		}
		return end + 1
	case c == '{':
		return r.skipObject(b, i, depth+1)
	case c == '[':
		return r.skipArray(b, i, depth+1)
	case c == '-' || isDigit(c):
		end, _ := scanNumber(b, i)
		return end
	case c == 't' || c == 'f' || c == 'n':
		return skipWord(b, i)
	}
	return invalid
}

func (r *jsonReader) skipObject(b []byte, i, depth int) int {
	if depth > maxDepth {
		return invalid
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		_, value := r.key(b, i)
		if value == invalid {
			return invalid
		}
		i = r.afterValue(b, r.skipValue(b, value, depth))
		if i == invalid {
			return invalid
		}
		if b[i] != ',' {
			break
		}
		if i++; i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
	}
	if b[i] != '}' {
		return invalid
	}
	return i + 1
}

func (r *jsonReader) skipArray(b []byte, i, depth int) int {
	if depth > maxDepth {
		return invalid
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		i = r.afterValue(b, r.skipValue(b, i, depth))
		if i == invalid {
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

// afterValue skips blanks after a value that ended before i (or was invalid) and
// returns the index of the comma or bracket, or whatever is there instead.
func (r *jsonReader) afterValue(b []byte, i int) int {
	if uint(i) >= uint(len(b)) { // invalid is huge, too
		return invalid
	}
	if b[i] > ' ' {
		return i
	}
	if i = skipSpace(b, i); i >= len(b) {
		return invalid
	}
	return i
}

// key reads the member name that opens at i, the colon and the blanks around
// it. The name is b[i+1:end]; value is where its value starts.
func (r *jsonReader) key(b []byte, i int) (end, value int) {
	if i >= len(b) || b[i] != '"' {
		return 0, invalid
	}
	end = r.stringEnd(i + 1)
	if end == invalid {
		return 0, invalid
	}
	if i = end + 2; i < len(b) && b[i-1] == ':' && b[i] > ' ' {
		return end, i
	}
	return end, afterColon(b, end+1)
}

// afterColon skips blanks, a colon and blanks.
func afterColon(b []byte, i int) int {
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return invalid
	}
	return skipSpace(b, i+1)
}

// hasEscape reports whether the content of a string must be decoded.
func (r *jsonReader) hasEscape(raw []byte) bool {
	return r.escapes && bytes.IndexByte(raw, '\\') >= 0
}

// hasEscape is jsonReader.hasEscape for those without a reader at hand.
func hasEscape(raw []byte) bool { return bytes.IndexByte(raw, '\\') >= 0 }
