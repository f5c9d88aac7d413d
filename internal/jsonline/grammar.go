package jsonline

import "math/bits"

// lanes are the words of a block.
type lanes [blockWords]uint64

// before is what the last block leaves to the next.
func (l *lanes) before() *uint64 { return &l[blockWords-1] }

// grammar is what one block leaves to the next. Of lanes only the last word
// matters, in which the last byte has the highest bit: the kernel goes by blocks,
// plain Go by words.
type grammar struct {
	lead     lanes // what a value follows
	colon    lanes // of those, colons
	gap      lanes // blanks behind leads
	colonGap lanes // blanks behind colons
	number   lanes // digits of numbers
	others   lanes // of numbers and literals all else
	closed   lanes // closing brackets
	names    lanes // closing quotes of names
	letterP  lanes // of closers, in strings

	beyond lanes // the kernel's: what is beyond ASCII in any block
	found  lanes // the kernel's: the events of a block

	digits, nonzero lanes // the kernel's, of a block

	escape uint64 // a backslash is the last byte: one
	inside uint64 // a string goes on: one
	adding uint64 // a string that may be a name goes on: one
}

// after is set, moved on by one byte; left comes from the word before and goes to
// the next.
func after(set uint64, left *uint64) (moved uint64) {
	moved = set<<1 | *left>>63
	*left = set
	return moved
}

// checkWord notes the next word and says which of its bytes are wrong.
func (m *Marks) checkWord(c *classes, text *[wordBytes]byte) (wrong uint64) {
	g := &m.carry
	quotes, backslash := c[quote], c[slash]
	escaped := uint64(0)
	if backslash|g.escape != 0 {
		escaped = g.escaped(backslash)
		quotes &^= escaped
	}
	in := prefixXor(quotes) ^ -g.inside // with the opening quotes, without the closing ones
	g.inside = in >> 63
	opening, out := quotes&in, ^(in | quotes)
	// Brackets and digits that are escaped are not to be taken for such.
	wrong = c[ctrl]&in | backslash&^in | escaped&(c[opener]|c[closer])

	open, closed, control := c[opener]&out, c[closer]&out, c[ctrl]&out
	colon, comma, blank := c[colonMark]&out, c[commaMark]&out, c[space]&out
	leads := open | colon | comma | control // control characters that are right end lines
	scalar := out &^ (leads | closed | blank)

	// Where a value or a name must begin, and where it is a value.
	follows := after(leads, g.lead.before())
	value := after(colon, g.colon.before())
	wrong |= blank &^ follows
	gap, colonGap := follows&blank, value&blank
	follows = follows&^blank | after(gap, g.gap.before())
	value = value&^blank | after(colonGap, g.colonGap.before())
	key := follows &^ value
	wrong |= (opening | open) &^ follows
	wrong |= follows &^ (opening | open | scalar | closed | control)

	// A number of digits alone, of which the first is no zero, is right.
	digits, nonzero := uint64(0), uint64(0)
	if scalar != 0 {
		digits, nonzero = digitsOf(text)
	}
	others := scalar &^ digits
	afterNumber := after(scalar&digits, g.number.before())
	wrong |= scalar &^ (follows | afterNumber | after(others, g.others.before()))
	looks := scalar&follows&^nonzero | others&afterNumber

	// Adding a bit to a run of bits carries it behind the run: from the opening
	// quote of a name to its closing one.
	names, adding := bits.Add64(opening&key, in, g.adding)
	g.adding = adding
	names &^= in
	named := after(names, g.names.before())
	wrong |= colon &^ named

	// In an object a comma is followed by a string, and that by a colon.
	elements := named&^colon | key&^(opening|closed)
	letters := escaped &^ (c[quote] | backslash)
	stamps := names & after(c[closer]&in, g.letterP.before())
	ends := control &^ after(closed, g.closed.before()) // without those of lines, mostly
	m.note(colon, elements, open|closed|ends|looks|elements|letters|stamps)
	return wrong
}

// note takes the marks of a word.
func (m *Marks) note(colons, elements, events uint64) {
	m.colons[m.words], m.elements[m.words] = colons, elements
	for ; events != 0; events &= events - 1 {
		m.events[m.count] = uint16(m.words*wordBytes + bits.TrailingZeros64(events))
		m.count++
	}
	m.words++
}

// escaped marks what backslashes escape, which the word begins with if the last
// byte before it is one.
func (g *grammar) escaped(backslash uint64) uint64 {
	// Subtracting the first backslash of each run from the bits at odd places
	// leaves, for runs from odd and from even places alike, every other one: those
	// that escape, and what they escape.
	const odd = 0xaaaaaaaaaaaaaaaa
	first := backslash &^ g.escape
	pairs := (first<<1 | odd) - first ^ odd
	escaped := pairs ^ (backslash | g.escape)
	g.escape = pairs & backslash >> 63
	return escaped
}

// prefixXor is, for each bit, whether up to and with it an odd number is set.
func prefixXor(w uint64) uint64 {
	w ^= w << 1
	w ^= w << 2
	w ^= w << 4
	w ^= w << 8
	w ^= w << 16
	return w ^ w<<32
}
