package jsonline

const (
	// MaxBytes is how much text is marked at once: as much as the processor's
	// nearest caches hold together with its marks.
	MaxBytes   = 32 << 10
	blockBytes = 256
	wordBytes  = 64 // of text to a word of bits
	blockWords = blockBytes / wordBytes
	maxWords   = MaxBytes / wordBytes
	// A text of many events is marked in smaller parts.
	maxEvents = MaxBytes / 4
	// stepBytes are checked before it is asked whether there is room for more.
	stepBytes = 2 << 10
)

// Marks are what is to be known of a text.
type Marks struct {
	// To is how many bytes of the text are marked, Wrong that the next one is
	// wrong.
	To    int
	Wrong bool
	// Foreign tells that a byte beyond ASCII is in it.
	Foreign bool
	// Events are places to look at, ascending: brackets, control characters but for
	// those behind brackets, the first byte of a literal or of a number that begins
	// with no digit or with zero, what follows a number's digits and belongs to it,
	// escapes of letters, elements (see Element), and closing quotes of names that may
	// end in p, such as "timestamp". Those at To and behind it mean nothing.
	Events []uint16

	words int // that were noted
	count int // of events

	_     [8]byte // lanes lie at multiples of their size, mostly
	carry grammar
	_     [8]byte
	// What must be right depending on what it stands in: a bit for each byte, the
	// first in the lowest bit.
	colons, elements [maxWords]uint64
	events           [maxEvents + wordBytes]uint16 // room to write some too many
	last             [blockBytes]byte              // the end of a text
}

// Mark marks the beginning of text, which is that of a line.
func (m *Marks) Mark(text []byte) { m.mark(text, (*Marks).check) }

func (m *Marks) mark(text []byte, check func(*Marks, []byte) int) {
	text = text[:min(len(text), MaxBytes)]
	m.To, m.Wrong, m.Foreign, m.words, m.count = 0, false, false, 0, 0
	m.carry = grammar{lead: lanes{3: 1 << 63}}
	for len(text) >= blockBytes && !m.full() {
		step := text[:min(len(text)&^(blockBytes-1), stepBytes)]
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

func (m *Marks) full() bool { return m.Wrong || m.count > maxEvents-stepBytes }

// advance goes on by n bytes, or to the first wrong one of the last block.
func (m *Marks) advance(n, wrong int) {
	end := m.To + n
	m.To = min(end, (m.words-blockWords)*wordBytes+wrong)
	m.Wrong = m.To < end
}

// Element tells whether at a place there is what stands in arrays only: at an
// element, if it is no string, or behind it. At a bracket it is about what the
// bracket stands in.
func (m *Marks) Element(i int) bool {
	return m.elements[uint(i)/wordBytes%maxWords]>>(uint(i)%wordBytes)&1 != 0
}

// HasColon tells whether there is a colon, in no string, at from or behind it but
// before to.
func (m *Marks) HasColon(from, to int) bool {
	for ; from/wordBytes < to/wordBytes; from = from/wordBytes*wordBytes + wordBytes {
		if m.colons[from/wordBytes]>>(from%wordBytes) != 0 {
			return true
		}
	}
	return m.colons[to/wordBytes]>>(from%wordBytes)&(1<<(to-from)-1) != 0
}
