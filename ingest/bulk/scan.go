package bulk

import (
	"encoding/binary"
	"math/bits"
)

// scanner reads objects of the shape that shippers send: no white space but
// single blanks behind colons and commas. Its methods take the place to read at
// and return the place after what they read, or declined: then the careful walk
// of package jsonscan starts over and decides. It may decline what is right but
// must not accept what jsonscan refuses; FuzzLines compares the two with
// encoding/json.
type scanner struct {
	src []byte // the line at hand, and some bytes of the next

	stampFrom, stampTo int    // the value of the last timestamp, if stampTo > 0
	seen               uint64 // all words of strings together: has a high bit if a byte beyond ASCII is in one
}

const declined = -1

// maxScan is how deep the scanner goes.
const maxScan = 32

// The loops here look at eight bytes at once. In a word of which a byte is zero,
// (w-ones)&^w&highs is non-zero, and its lowest bit is in that byte: wrong bits
// stand only above a right one.
const (
	wordBytes = 8

	ones  = 0x0101010101010101
	highs = ones << 7
)

var le = binary.LittleEndian

// at is the byte at i; zero, which is right nowhere, behind the end.
func (s *scanner) at(i int) byte {
	if uint(i) < uint(len(s.src)) {
		return s.src[i]
	}
	return 0
}

// short is text for a string that may well end within a word.
func (s *scanner) short(i int) int {
	if i+wordBytes > len(s.src) {
		return s.text(i)
	}
	w := le.Uint64(s.src[i:])
	s.seen |= w
	m := stops(w)
	if m == 0 {
		return s.text(i + wordBytes)
	}
	if k := i + bits.TrailingZeros64(m)>>3; s.src[k] == '"' {
		return k + 1
	}
	return s.text(i)
}

// stops marks the first quote, backslash or control character of a word.
func stops(w uint64) uint64 {
	q, b := w^ones*'"', w^ones*'\\'
	return ((q-ones)&^q | (b-ones)&^b | (w-ones*' ')&^w) & highs
}

// text passes the string whose first byte is at i.
func (s *scanner) text(i int) int {
	src := s.src
	for i+wordBytes <= len(src) {
		w := le.Uint64(src[i:])
		s.seen |= w
		m := stops(w)
		if m == 0 {
			i += wordBytes
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if src[i] == '"' {
			return i + 1
		}
		if src[i] != '\\' {
			return declined // a control character
		}
		switch s.at(i + 1) {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		default: // \u, or wrong
			return declined
		}
	}
	return declined
}

// number passes a number.
func (s *scanner) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	c := s.at(i)
	if c == '0' {
		i++
	} else if i = s.digits(i); i == declined {
		return declined
	}
	if s.at(i) == '.' {
		if i = s.digits(i + 1); i == declined {
			return declined
		}
	}
	if s.at(i)|0x20 == 'e' {
		return declined
	}
	return i
}

func (s *scanner) digits(i int) int {
	from := i
	for uint(i) < uint(len(s.src)) && s.src[i]-'0' <= 9 {
		i++
	}
	if i == from {
		return declined
	}
	return i
}

// value passes a value that nests at most depth deep.
func (s *scanner) value(i, depth int) int {
	switch c := s.at(i); c {
	case '"':
		return s.text(i + 1)
	case '{':
		if depth > 0 {
			return s.members(i+1, depth-1)
		}
	case '[':
		if depth > 0 {
			return s.elements(i+1, depth-1)
		}
	case 't':
		return s.word(i, "true")
	case 'f':
		return s.word(i, "false")
	case 'n':
		return s.word(i, "null")
	default:
		if c == '-' || c-'0' <= 9 {
			return s.number(i)
		}
	}
	return declined
}

func (s *scanner) word(i int, word string) int {
	if len(s.src)-i < len(word) || string(s.src[i:i+len(word)]) != word {
		return declined
	}
	return i + len(word)
}

// members passes an object whose brace is before i. At depth maxScan it is an
// event, whose timestamp is kept.
//
// hot: BenchmarkLines
func (s *scanner) members(i, depth int) int {
	if s.at(i) == '}' {
		return i + 1
	}
	for {
		if s.at(i) != '"' {
			return declined
		}
		name := i + 1
		if i = s.short(name); i == declined || s.at(i) != ':' {
			return declined
		}
		stamp := depth == maxScan && isTimestamp(s.src[name:i-1])
		if i++; s.at(i) == ' ' {
			i++
		}
		from := i
		if s.at(i) == '"' { // as most values are: a call less
			i = s.short(i + 1)
		} else {
			i = s.value(i, depth)
		}
		if i == declined {
			return declined
		}
		if stamp {
			s.stampFrom, s.stampTo = from, i
		}
		switch s.at(i) {
		case ',':
			if i++; s.at(i) == ' ' {
				i++
			}
		case '}':
			return i + 1
		default:
			return declined
		}
	}
}

// isTimestamp compares a name as it stands. Only an escape of the form \u could
// hide the one that is looked for, and text declines those.
func isTimestamp(name []byte) bool { return string(name) == "timestamp" }

// elements passes an array whose bracket is before i.
func (s *scanner) elements(i, depth int) int {
	if s.at(i) == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth); i == declined {
			return declined
		}
		switch s.at(i) {
		case ',':
			if i++; s.at(i) == ' ' {
				i++
			}
		case ']':
			return i + 1
		default:
			return declined
		}
	}
}
