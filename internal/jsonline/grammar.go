package jsonline

import "math/bits"

// grammar is what one block leaves to the next: bits that belong to its first
// byte, or all bits.
type grammar struct {
	escape   uint64 // a backslash is the last byte
	inside   uint64 // all bits: a string goes on
	lead     uint64 // what a value follows is the last byte
	colon    uint64 // of those, a colon
	gap      uint64 // a blank behind a lead is the last byte
	colonGap uint64 // a blank behind a colon
	scalar   uint64 // a number or a literal goes on
	adding   uint64 // a string that may be a name goes on
	named    uint64 // a name's closing quote is the last byte
	letterP  uint64 // of Close, in a string, is the last byte
}

// after is set, moved on by one byte; carry comes from the block before and goes
// to the next.
func after(set uint64, carry *uint64) (moved uint64) {
	moved = set<<1 | *carry
	*carry = set >> 63
	return moved
}

// checkBlock notes the next block and says which of its bytes are wrong.
func (m *Marks) checkBlock(c *classes) (wrong uint64) {
	g := &m.carry
	quotes, backslash := c[quote], c[slash]
	escaped := uint64(0)
	if backslash|g.escape != 0 {
		escaped = g.escaped(backslash)
		quotes &^= escaped
	}
	in := prefixXor(quotes) ^ g.inside // with the opening quotes, without the closing ones
	g.inside = uint64(int64(in) >> 63)
	opening, out := quotes&in, ^(in | quotes)
	// Brackets and digits that are escaped are not to be taken for such.
	wrong = c[ctrl]&in | backslash&^in | escaped&(c[opener]|c[closer])

	open, closed, control := c[opener]&out, c[closer]&out, c[ctrl]&out
	colon, comma, blank := c[colonMark]&out, c[commaMark]&out, c[space]&out
	leads := open | colon | comma | control // control characters that are right end lines
	scalar := out &^ (leads | closed | blank)

	// Where a value or a name must begin, and where it is a value.
	follows := after(leads, &g.lead)
	value := after(colon, &g.colon)
	if blank|g.gap|g.colonGap != 0 {
		wrong |= blank &^ follows
		gap, colonGap := follows&blank, value&blank
		follows = follows&^blank | after(gap, &g.gap)
		value = value&^blank | after(colonGap, &g.colonGap)
	}
	key := follows &^ value
	starts := opening | open | scalar
	wrong |= starts &^ (follows | after(scalar, &g.scalar))
	wrong |= follows &^ (starts | closed | control)

	// Adding a bit to a run of bits carries it behind the run: from the opening
	// quote of a name to its closing one.
	names, adding := bits.Add64(opening&key, in, g.adding)
	g.adding = adding
	names &^= in
	named := after(names, &g.named)
	wrong |= colon &^ named

	// In an object a comma is followed by a string, and that by a colon.
	elements := named&^colon | key&^(opening|closed)
	letters := escaped &^ (c[quote] | backslash)
	stamps := names & after(c[closer]&in, &g.letterP)
	m.note(colon, elements, open|closed|control|scalar&follows|elements|letters|stamps)
	return wrong
}

// note takes the marks of a block.
func (m *Marks) note(colons, elements, events uint64) {
	m.notes[m.blocks] = note{colons, elements}
	for ; events != 0; events &= events - 1 {
		m.events[m.count] = uint16(m.blocks*blockBytes + bits.TrailingZeros64(events))
		m.count++
	}
	m.blocks++
}

// escaped marks what backslashes escape, which the block begins with if the last
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
