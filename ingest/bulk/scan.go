package bulk

import (
	"encoding/binary"
	"math/bits"

	"sluice/internal/jsonstop"
)

// scanner reads objects of the shape that shippers send: no white space but
// single blanks behind colons and commas. Its methods take the place to read at
// and return the place after what they read, or declined: then the careful walk
// of package jsonscan starts over and decides. It may decline what is right but
// must not accept what jsonscan refuses; FuzzLines compares the two with
// encoding/json.
type scanner struct {
	src   []byte // lines, the last of which may be cut off
	stops []byte // their marks
	ended bool   // it was declined for want of more bytes, perhaps

	stampFrom, stampTo int // the value of the last timestamp, if stampTo > 0
}

const declined = -1

// maxScan is how deep the scanner goes.
const maxScan = 32

var le = binary.LittleEndian

// at is the byte at i; zero, which is right nowhere, behind the end.
func (s *scanner) at(i int) byte {
	if uint(i) < uint(len(s.src)) {
		return s.src[i]
	}
	s.ended = true
	return 0
}

// text passes the string whose first byte is at i.
func (s *scanner) text(i int) int {
	for {
		i = jsonstop.Next(s.stops, i)
		switch s.at(i) {
		case '"':
			return i + 1
		case '\\':
		default:
			return declined // a control character
		}
		switch s.at(i + 1) {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			for k := i + 2; k < i+6; k++ {
				if !isHex(s.at(k)) {
					return declined
				}
			}
			i += 6
		default:
			return declined
		}
	}
}

func isHex(c byte) bool { return c-'0' <= 9 || (c|0x20)-'a' <= 5 }

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

// digits passes one digit or more.
func (s *scanner) digits(i int) int {
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
	for s.at(i)-'0' <= 9 {
		i++
	}
	if i == from {
		return declined
	}
	return i
}

// nonDigits marks the first byte of a word that is no decimal digit.
func nonDigits(w uint64) uint64 {
	const ones = 0x0101010101010101
	const highs = ones << 7
	// A digit xor '0' is at most 9: adding 0x76 leaves the high bit clear.
	w ^= ones * '0'
	return (w&^highs + ones*0x76 | w) & highs
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
	src, stops := s.src, s.stops
	switch s.at(i) {
	case '"':
		i++
	case '}':
		return i + 1
	default:
		return declined
	}
	for {
		// i is the first byte of a name, which has no escapes.
		end := jsonstop.Next(stops, i)
		if end > len(src)-4 {
			s.ended = true
			return declined
		}
		w := le.Uint32(src[end : end+4 : end+4])
		if uint16(w) != '"'|':'<<8 {
			return declined
		}
		from, c := end+2, byte(w>>16)
		if c == ' ' {
			from, c = end+3, byte(w>>24)
		}
		stamp := depth == maxScan && isTimestamp(src[i:end])
		if c != '"' {
			i = s.value(from, depth)
		} else if i = jsonstop.Next(stops, from+1); s.at(i) == '"' { // as most values are
			i++
		} else {
			i = s.text(i)
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
			if s.at(i) != '"' {
				return declined
			}
			i++
		case '}':
			return i + 1
		default:
			return declined
		}
	}
}

// isTimestamp compares a name as it stands: those with escapes were declined.
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
