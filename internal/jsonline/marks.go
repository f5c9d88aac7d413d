package jsonline

import "math/bits"

const (
	// MaxBytes is how much text is marked at once: as much as the processor's
	// nearest caches hold together with its marks.
	MaxBytes   = 32 << 10
	blockBytes = 64
	maxBlocks  = MaxBytes / blockBytes
	// A text of many events is marked in smaller parts.
	maxEvents = MaxBytes / 4
	// stepBlocks are checked before it is asked whether there is room for more.
	stepBlocks = 32
)

// Marks are what is to be known of a text.
type Marks struct {
	// To is how many bytes of the text are marked, Wrong that the next one is
	// wrong.
	To    int
	Wrong bool
	// Foreign tells that a byte beyond ASCII is in it.
	Foreign bool
	// Events are places to look at, ascending: brackets, what begins a number or a
	// literal, control characters, escapes of letters, elements (see Element), and
	// closing quotes of names that may end in p, such as "timestamp". Those at To
	// and behind it mean nothing.
	Events []uint16

	carry  grammar
	blocks int // that were noted
	count  int // of events
	notes  [maxBlocks]note
	events [maxEvents + blockBytes]uint16 // room to write some too many
	last   [blockBytes]byte               // the end of a text
}

// note is what must be right of 64 bytes, depending on what they stand in: a bit
// for each byte, the first in the lowest bit.
type note struct {
	colons, elements uint64
}

// Mark marks the beginning of text, which is that of a line.
func (m *Marks) Mark(text []byte) { m.mark(text, (*Marks).check) }

func (m *Marks) mark(text []byte, check func(*Marks, []byte) uint64) {
	text = text[:min(len(text), MaxBytes)]
	m.To, m.Wrong, m.Foreign, m.blocks, m.count = 0, false, false, 0, 0
	m.carry = grammar{lead: 1}
	for len(text) >= blockBytes && !m.full() {
		step := text[:min(len(text)&^(blockBytes-1), stepBlocks*blockBytes)]
		text = text[len(step):]
		m.advance(len(step), check(m, step))
	}
	if n := len(text); n > 0 && n < blockBytes && !m.full() {
		for i := copy(m.last[:], text); i < len(m.last); i++ {
			m.last[i] = ' ' // wrong behind a line, and no event in a string
		}
		m.advance(n, check(m, m.last[:]))
	}
	m.Events = m.events[:m.count]
}

func (m *Marks) full() bool { return m.Wrong || m.count > maxEvents-stepBlocks*blockBytes }

// advance goes on by n bytes, or to the first wrong one of the last block.
func (m *Marks) advance(n int, wrong uint64) {
	end := m.To + n
	if m.To = end; wrong != 0 {
		m.To = min(end, (m.blocks-1)*blockBytes+bits.TrailingZeros64(wrong))
		m.Wrong = m.To < end
	}
}

// Element tells whether at a place there is what stands in arrays only: at an
// element, if it is no string, or behind it. At a bracket it is about what the
// bracket stands in.
func (m *Marks) Element(i int) bool {
	return m.notes[uint(i)/blockBytes%maxBlocks].elements>>(uint(i)%blockBytes)&1 != 0
}

// HasColon tells whether there is a colon, in no string, at from or behind it but
// before to.
func (m *Marks) HasColon(from, to int) bool {
	for ; from/blockBytes < to/blockBytes; from = from/blockBytes*blockBytes + blockBytes {
		if m.notes[from/blockBytes].colons>>(from%blockBytes) != 0 {
			return true
		}
	}
	return m.notes[to/blockBytes].colons>>(from%blockBytes)&(1<<(to-from)-1) != 0
}
