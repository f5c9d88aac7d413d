package format

import "math/bits"

// jsonScanner walks one JSON text and accepts what encoding/json accepts. Its
// methods start at the first byte of what they read, go to the byte after it,
// and return false for a syntax error.
type jsonScanner struct {
	text  []byte
	at    int
	depth int
}

// maxDepth is encoding/json's.
const maxDepth = 10_000

// next is the byte at hand, 0 at the end: no token begins with it.
func (s *jsonScanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *jsonScanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// enter goes into the object or array at hand, leave out of it.
func (s *jsonScanner) enter() bool {
	s.depth++
	s.at++
	return s.depth <= maxDepth
}

// open tells whether the container just entered has an element, more whether
// another one follows; both stand at it then. Both stop at the closing bracket,
// or at what is wrong, and leave tells which.
func (s *jsonScanner) open(closing byte) bool {
	s.space()
	return s.next() != closing
}

func (s *jsonScanner) more(closing byte) bool {
	s.space()
	if s.next() != ',' {
		return false
	}
	s.at++
	s.space()
	return true
}

func (s *jsonScanner) leave(closing byte) bool {
	if s.next() != closing {
		return false
	}
	s.at++
	s.depth--
	return true
}

// colon passes the colon of a member and stands at its value.
func (s *jsonScanner) colon() bool {
	s.space()
	if s.next() != ':' {
		return false
	}
	s.at++
	s.space()
	return true
}

// value passes any value.
func (s *jsonScanner) value() bool {
	switch s.next() {
	case '"':
		return s.string()
	case '{':
		return s.members()
	case '[':
		return s.elements()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

func (s *jsonScanner) members() bool {
	if !s.enter() {
		return false
	}
	for more := s.open('}'); more; more = s.more('}') {
		if !s.string() || !s.colon() || !s.value() {
			return false
		}
	}
	return s.leave('}')
}

func (s *jsonScanner) elements() bool {
	if !s.enter() {
		return false
	}
	for more := s.open(']'); more; more = s.more(']') {
		if !s.value() {
			return false
		}
	}
	return s.leave(']')
}

func (s *jsonScanner) literal(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

func (s *jsonScanner) number() bool {
	if s.next() == '-' {
		s.at++
	}
	switch c := s.next(); {
	case c == '0':
		s.at++
	case !s.digits():
		return false
	}
	if s.next() == '.' {
		s.at++
		if !s.digits() {
			return false
		}
	}
	if c := s.next(); c == 'e' || c == 'E' {
		s.at++
		if c := s.next(); c == '+' || c == '-' {
			s.at++
		}
		return s.digits()
	}
	return true
}

func (s *jsonScanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at > from
}

// string passes a string with its quotes, eight bytes at a time where nothing
// in them needs a look.
func (s *jsonScanner) string() bool {
	if s.next() != '"' {
		return false
	}
	at, text := s.at+1, s.text
	for {
		for at+8 <= len(text) {
			stops := stringStops(le.Uint64(text[at:]))
			if stops != 0 {
				at += bits.TrailingZeros64(stops) / 8
				break
			}
			at += 8
		}
		if at >= len(text) {
			return false
		}
		switch c := text[at]; {
		case c == '"':
			s.at = at + 1
			return true
		case c == '\\':
			n := escape(text[at:])
			if n == 0 {
				return false
			}
			at += n
		case c < 0x20:
			return false
		default:
			at++ // among the last bytes
		}
	}
}

// stringStops marks, by its lowest set bit, the first byte of x that is a quote,
// a backslash or a control character. Marks above the first may be wrong.
func stringStops(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^ones*'"', x^ones*'\\'
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*0x20)&^x) & highs
}

// escape is the length of the escape sequence that text begins with, 0 if it is
// none.
func escape(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(text) < 6 {
			return 0
		}
		for _, c := range text[2:6] {
			if c-'0' > 9 && c|0x20-'a' > 5 {
				return 0
			}
		}
		return 6
	}
	return 0
}
