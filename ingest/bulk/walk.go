package bulk

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// walk goes over one line of a window, from event to event. Its methods take the
// place to read at and return the place after what they read, or declined: then
// the careful walk of package jsonscan starts over and decides. It may decline
// what is right but must not accept what jsonscan refuses; FuzzLines compares the
// two with encoding/json.
type walk struct {
	src []byte // the body from the window's beginning
	to  int    // the window's end in it
	// stampFrom is where the value of the last timestamp begins, zero for none.
	stampFrom int
	// past tells that the line was declined because the window ends.
	past bool
}

const declined = -1

// maxDepth is how deep values may be nested: each level takes a bit of a word.
const maxDepth = 62

var le = binary.LittleEndian

// line passes the object that begins at a place, and all of its line but the end.
//
// hot: BenchmarkLines
func (s *walk) line(w *window, from int) int {
	src, m := s.src[:s.to], w.Marks
	events := m.Events
	n := w.next
	for n < len(events) && int(events[n]) < from {
		n++ // the line before was walked over with care
	}
	// A bit for each level, one for arrays; all bits in an array, or in nothing.
	nest, array := uint64(1), ^uint64(0)
	opened := from // the last bracket
	for ; n < len(events); n++ {
		i := int(events[n])
		if i >= len(src) {
			break
		}
		if array == 0 && m.Element(i) {
			return declined
		}
		switch c := src[i]; c {
		case '{', '[':
			if nest>>maxDepth != 0 || array != 0 && m.HasColon(opened, i) {
				return declined
			}
			nest = nest<<1 | uint64(c>>5&1^1)
			opened, array = i, -(nest & 1)
		case '}', ']':
			if nest == 1 || nest&1 != uint64(c>>5&1^1) || endsInLead(src[i-1]) || array != 0 && m.HasColon(opened, i) {
				return declined
			}
			nest >>= 1
			opened, array = i, -(nest & 1)
			if nest == 1 {
				w.next = n + 1
				return i + 1
			}
			if s.byteAt(i+1) < ' ' { // which is no event here
				return declined
			}
		case '1', '2', '3', '4', '5', '6', '7', '8', '9': // an element, or escaped
			if src[i-1] == '\\' {
				return declined
			}
		case ',': // behind an element of an array
		case '"': // behind a name that ends in p
			if nest == inObject && isTimestamp(s.src[:min(i+2, len(s.src))]) {
				s.stampFrom = i + 2
			}
		default:
			if !s.other(i) {
				return declined
			}
		}
	}
	s.past = true
	return declined
}

// inObject is nest in an object that stands in nothing.
const inObject = 2

// endsInLead tells whether a byte before a closing bracket is one that a value
// must follow.
func endsInLead(c byte) bool { return c == ',' || c == ':' || c == ' ' }

// isTimestamp tells whether text ends in the name and a colon.
func isTimestamp(text []byte) bool {
	const name = `"timestamp":`
	return len(text) >= len(name) && string(text[len(text)-len(name):]) == name
}

// byteAt is the byte at i; zero, which is right nowhere, behind the end.
func (s *walk) byteAt(i int) byte {
	if uint(i) < uint(len(s.src)) {
		return s.src[i]
	}
	return 0
}

// ends tells whether a number or a literal ends at i.
func (s *walk) ends(i int) bool {
	c := s.byteAt(max(i, 0))
	return i > 0 && (c == ',' || c == '}' || c == ']')
}

// other tells whether it is right what an event that is no bracket and no quote
// stands in: an escape of a letter, a number, or a literal.
func (s *walk) other(i int) bool {
	if i == 0 {
		return false
	}
	switch before, c := s.src[i-1], s.src[i]; {
	case before == '\\':
		return s.escape(i)
	case before-'0' <= 9:
		return s.ends(s.fraction(i))
	case c == '-' || c == '0':
		return s.ends(s.number(i))
	}
	return s.ends(s.literal(i))
}

// escape tells whether a letter is right behind a backslash.
func (s *walk) escape(i int) bool {
	switch s.src[i] {
	case '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for k := i + 1; k < i+5; k++ {
			if !isHex(s.byteAt(k)) {
				return false
			}
		}
		// A name may spell timestamp by escapes of letters, which nobody does.
		c := s.src[i+3]
		return s.src[i+1] != '0' || s.src[i+2] != '0' || c != '6' && c != '7'
	}
	return false
}

func isHex(c byte) bool { return c-'0' <= 9 || (c|0x20)-'a' <= 5 }

// literal passes true, false or null.
func (s *walk) literal(i int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(s.src)-i >= len(word) && string(s.src[i:i+len(word)]) == word {
			return i + len(word)
		}
	}
	return declined
}

// number passes a number.
func (s *walk) number(i int) int {
	if s.src[i] == '-' {
		i++
	}
	if s.byteAt(i) == '0' {
		i++
	} else if i = s.digits(i); i == declined {
		return declined
	}
	return s.fraction(i)
}

// fraction passes what follows the first digits of a number.
func (s *walk) fraction(i int) int {
	if s.byteAt(i) == '.' {
		if i = s.digits(i + 1); i == declined {
			return declined
		}
	}
	if s.byteAt(i)|0x20 == 'e' {
		if i++; s.byteAt(i) == '-' || s.byteAt(i) == '+' {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits passes one digit or more.
func (s *walk) digits(i int) int {
	from := i
	for i+8 <= len(s.src) {
		m := nonDigits(le.Uint64(s.src[i:]))
		if m != 0 {
			if i += bits.TrailingZeros64(m) >> 3; i == from {
				return declined
			}
			return i
		}
		i += 8
	}
	for s.byteAt(i)-'0' <= 9 {
		i++
	}
	if i == from {
		return declined
	}
	return i
}

// nonDigits marks the bytes of a word that are no decimal digits.
func nonDigits(w uint64) uint64 {
	const ones = 0x0101010101010101
	const highs = ones << 7
	// A digit xor '0' is at most 9: adding 0x76 leaves the high bit clear.
	w ^= ones * '0'
	return (w&^highs + ones*0x76 | w) & highs
}

// lineEnd passes the end of a line.
func (s *walk) lineEnd(i int) int {
	switch s.byteAt(i) {
	case '\n':
		return i + 1
	case '\r':
		if s.byteAt(i+1) == '\n' {
			return i + 2
		}
	case 0:
		if i == len(s.src) {
			return i
		}
	}
	return declined
}

// stamp is the value of the last timestamp of a line that was walked over, nil if
// it is no string and no number. Of a string with escapes, which is no time, it
// may be a part.
func (s *walk) stamp() []byte {
	i := s.stampFrom
	if s.src[i] == ' ' {
		i++
	}
	from := i
	switch c := s.src[i]; {
	case c == '"':
		i += 2 + bytes.IndexByte(s.src[i+1:], '"')
		return s.src[from:i:i]
	case c == '-' || c-'0' <= 9:
		for !s.ends(i) {
			i++
		}
		return s.src[from:i:i]
	}
	return nil
}
