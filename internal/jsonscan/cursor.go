package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// Cursor walks one JSON text and accepts what encoding/json accepts. Its
// methods start at the first byte of what they read, go to the byte after it,
// and return false for a syntax error.
type Cursor struct {
	Text  []byte
	At    int
	depth int
}

// MaxDepth is how deep containers may lie in each other: encoding/json's.
const MaxDepth = 10_000

// Next is the byte at hand, 0 at the end: no token begins with it.
func (s *Cursor) Next() byte {
	if s.At < len(s.Text) {
		return s.Text[s.At]
	}
	return 0
}

// Space passes white space.
func (s *Cursor) Space() {
	for s.At < len(s.Text) {
		switch s.Text[s.At] {
		case ' ', '\t', '\r', '\n':
			s.At++
		default:
			return
		}
	}
}

// Enter goes into the object or array at hand, Leave out of it.
func (s *Cursor) Enter() bool {
	s.depth++
	s.At++
	return s.depth <= MaxDepth
}

// Open tells whether the container just entered has an element, More whether
// another one follows; both stand at it then. Both stop at the closing bracket,
// or at what is wrong, and Leave tells which.
func (s *Cursor) Open(closing byte) bool {
	s.Space()
	return s.Next() != closing
}

// More: see Open.
func (s *Cursor) More(closing byte) bool {
	s.Space()
	if s.Next() != ',' {
		return false
	}
	s.At++
	s.Space()
	return true
}

// Leave passes the closing bracket.
func (s *Cursor) Leave(closing byte) bool {
	if s.Next() != closing {
		return false
	}
	s.At++
	s.depth--
	return true
}

// Colon passes the colon of a member and stands at its value.
func (s *Cursor) Colon() bool {
	s.Space()
	if s.Next() != ':' {
		return false
	}
	s.At++
	s.Space()
	return true
}

// SkipValue passes any value.
func (s *Cursor) SkipValue() bool {
	switch s.Next() {
	case '"':
		return s.SkipString()
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

func (s *Cursor) members() bool {
	if !s.Enter() {
		return false
	}
	for more := s.Open('}'); more; more = s.More('}') {
		if !s.SkipString() || !s.Colon() || !s.SkipValue() {
			return false
		}
	}
	return s.Leave('}')
}

func (s *Cursor) elements() bool {
	if !s.Enter() {
		return false
	}
	for more := s.Open(']'); more; more = s.More(']') {
		if !s.SkipValue() {
			return false
		}
	}
	return s.Leave(']')
}

func (s *Cursor) literal(word string) bool {
	if len(s.Text)-s.At < len(word) || string(s.Text[s.At:s.At+len(word)]) != word {
		return false
	}
	s.At += len(word)
	return true
}

func (s *Cursor) number() bool {
	if s.Next() == '-' {
		s.At++
	}
	switch c := s.Next(); {
	case c == '0':
		s.At++
	case !s.digits():
		return false
	}
	if s.Next() == '.' {
		s.At++
		if !s.digits() {
			return false
		}
	}
	if c := s.Next(); c == 'e' || c == 'E' {
		s.At++
		if c := s.Next(); c == '+' || c == '-' {
			s.At++
		}
		return s.digits()
	}
	return true
}

func (s *Cursor) digits() bool {
	from := s.At
	for s.At < len(s.Text) && s.Text[s.At]-'0' <= 9 {
		s.At++
	}
	return s.At > from
}

// SkipString passes a string with its quotes, eight bytes at a time where nothing
// in them needs a look.
func (s *Cursor) SkipString() bool {
	if s.Next() != '"' {
		return false
	}
	at, text := s.At+1, s.Text
	for {
		for at+8 <= len(text) {
			stops := stringStops(binary.LittleEndian.Uint64(text[at:]))
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
			s.At = at + 1
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
