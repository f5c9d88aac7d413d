package literal

import (
	"encoding/binary"
	"math/bits"
)

// Sequence finds a run of byte classes, such as a 5, two digits and a blank. It
// looks for two of the run's bytes at their distance, many places at a time,
// and compares the rest where they stand.
type Sequence struct {
	allowed [256]uint32 // bit j: the byte may stand at place j of the run
	length  int
	// first stands at place firstAt of each occurrence, second at secondAt; they
	// are the same if the run has only one place that admits a single byte.
	first, second     byte
	firstAt, secondAt int
}

// MaxSequence is the longest run that a Sequence looks for.
const MaxSequence = 32

// NewSequence returns a Sequence for a run: run[j] lists the bytes admitted at
// place j. It is nil unless some place admits one byte only.
func NewSequence(run [][]byte) *Sequence {
	s := &Sequence{length: len(run), firstAt: -1}
	for at, class := range run {
		for _, b := range class {
			s.allowed[b] |= 1 << at
		}
		if len(class) != 1 {
			continue
		}
		switch b := class[0]; {
		case s.firstAt < 0 || rank[b] < rank[s.first]:
			s.second, s.secondAt = s.first, s.firstAt
			s.first, s.firstAt = b, at
		case s.secondAt < 0 || rank[b] < rank[s.second]:
			s.second, s.secondAt = b, at
		}
	}
	if s.firstAt < 0 || len(run) > MaxSequence {
		return nil
	}
	if s.secondAt < 0 {
		s.second, s.secondAt = s.first, s.firstAt
	}
	return s
}

// sequenceStep is how many places Index looks at before it branches.
const sequenceStep = 32

// Index returns the offset of the first occurrence in text, or -1.
//
// hot: BenchmarkSequence
func (s *Sequence) Index(text []byte) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	places := len(text) - s.length + 1 // where an occurrence may start
	first, second := uint64(s.first)*low, uint64(s.second)*low
	i := 0
	for ; i+sequenceStep <= places; i += sequenceStep {
		p := (*[sequenceStep]byte)(text[i+s.firstAt:])
		q := (*[sequenceStep]byte)(text[i+s.secondAt:])
		// The zero bytes of these are places with both bytes.
		x0 := binary.LittleEndian.Uint64(p[:]) ^ first | binary.LittleEndian.Uint64(q[:]) ^ second
		x1 := binary.LittleEndian.Uint64(p[8:]) ^ first | binary.LittleEndian.Uint64(q[8:]) ^ second
		x2 := binary.LittleEndian.Uint64(p[16:]) ^ first | binary.LittleEndian.Uint64(q[16:]) ^ second
		x3 := binary.LittleEndian.Uint64(p[24:]) ^ first | binary.LittleEndian.Uint64(q[24:]) ^ second
		// This marks all of them, and perhaps a place behind one.
		x0, x1, x2, x3 = (x0-low)&^x0&high, (x1-low)&^x1&high, (x2-low)&^x2&high, (x3-low)&^x3&high
		if x0|x1|x2|x3 != 0 {
			marks := x0>>7 | x1>>6 | x2>>5 | x3>>4 // bit k of byte j: place j of word k
			if at := s.earliest(text[i:], marks); at >= 0 {
				return i + at
			}
		}
	}
	for ; i < places; i++ {
		if s.stands(text[i:]) {
			return i
		}
	}
	return -1
}

// earliest returns the first marked place at which text has an occurrence, or -1.
func (s *Sequence) earliest(text []byte, marks uint64) int {
	best := -1
	for ; marks != 0; marks &= marks - 1 {
		bit := bits.TrailingZeros64(marks)
		at := bit&7*8 + bit>>3
		if (best < 0 || at < best) && s.stands(text[at:]) {
			best = at
		}
	}
	return best
}

// Len returns how many bytes an occurrence has.
func (s *Sequence) Len() int { return s.length }

// stands reports whether text starts with an occurrence.
func (s *Sequence) stands(text []byte) bool {
	for j, b := range text[:s.length] {
		if s.allowed[b]>>j&1 == 0 {
			return false
		}
	}
	return true
}

// Share estimates which part of the positions of a log text the run is found at.
func (s *Sequence) Share() float64 {
	share := 1.0
	for j := range s.length {
		place := 0.0
		for b := range 256 {
			if s.allowed[b]>>j&1 != 0 {
				place += Share(string([]byte{byte(b)}))
			}
		}
		share *= min(place, 1)
	}
	return share
}
