package jsonline

import (
	"encoding/binary"
	"math/bits"
)

// The classes of bytes that the grammar tells apart. A byte beyond ASCII, or one
// that is not named here, has none.
const (
	quote     = iota // "
	slash            // the backslash
	ctrl             // below a blank: line feeds and tabs among them
	space            // a blank
	opener           // { and [
	closer           // } and ], and the letters p and P
	colonMark        // :
	commaMark        // ,
	classCount
)

// The letters among closer are there because a class is a product of high and low
// halves of bytes. Outside strings they are events, and wrong; inside strings
// they tell of names that may end in p.

// classes are those of 64 bytes: for each class a bit for each byte, the first in
// the lowest bit.
type classes [classCount]uint64

// lowHalf and highHalf have a bit for each class that a byte with these four bits
// may have: its classes are in both.
var (
	lowHalf = [16]byte{
		0x0: 1<<ctrl | 1<<space | 1<<closer,
		0x1: 1 << ctrl,
		0x2: 1<<ctrl | 1<<quote,
		0x3: 1 << ctrl, 0x4: 1 << ctrl, 0x5: 1 << ctrl, 0x6: 1 << ctrl,
		0x7: 1 << ctrl, 0x8: 1 << ctrl, 0x9: 1 << ctrl,
		0xa: 1<<ctrl | 1<<colonMark,
		0xb: 1<<ctrl | 1<<opener,
		0xc: 1<<ctrl | 1<<slash | 1<<commaMark,
		0xd: 1<<ctrl | 1<<closer,
		0xe: 1 << ctrl, 0xf: 1 << ctrl,
	}
	highHalf = [16]byte{
		0x0: 1 << ctrl,
		0x1: 1 << ctrl,
		0x2: 1<<quote | 1<<space | 1<<commaMark,
		0x3: 1 << colonMark,
		0x5: 1<<slash | 1<<opener | 1<<closer,
		0x7: 1<<opener | 1<<closer,
	}
	// spread has the classes of each byte, as the lowest bit of one byte a class.
	spread = spreadHalves()
)

func spreadHalves() (t [256]uint64) {
	for c := range t {
		of := lowHalf[c&0xf] & highHalf[c>>4]
		for k := range classCount {
			t[c] |= uint64(of>>k&1) << (8 * k)
		}
	}
	return t
}

// classify finds the classes of a word, and whether a byte beyond ASCII is in it.
func (c *classes) classify(block *[wordBytes]byte) (foreign bool) {
	var all uint64
	for i := range c {
		w := binary.LittleEndian.Uint64(block[8*i:])
		all |= w
		// A bit for each of the 8 bytes, in a byte for each class.
		c[i] = spread[byte(w)] | spread[byte(w>>8)]<<1 | spread[byte(w>>16)]<<2 | spread[byte(w>>24)]<<3 |
			spread[byte(w>>32)]<<4 | spread[byte(w>>40)]<<5 | spread[byte(w>>48)]<<6 | spread[byte(w>>56)]<<7
	}
	c.transpose()
	return all&0x8080808080808080 != 0
}

// digitsOf has a bit for each byte that is a digit, and for each of those that are
// not zero.
func digitsOf(block *[wordBytes]byte) (digits, nonzero uint64) {
	const (
		ones  = 0x0101010101010101
		highs = ones << 7
		lows  = ^uint64(highs)
	)
	for i := 0; i < wordBytes; i += 8 {
		// A digit xor '0' is at most 9: adding 0x76 leaves the high bit clear.
		w := binary.LittleEndian.Uint64(block[i:]) ^ ones*'0'
		digit := ^(w&lows + ones*0x76 | w) & highs
		digits |= digit >> 7 * 0x0102040810204080 >> 56 << i
		nonzero |= (w&lows + lows) & digit >> 7 * 0x0102040810204080 >> 56 << i
	}
	return digits, nonzero
}

// transpose makes byte i of word k byte k of word i.
func (c *classes) transpose() {
	swap := func(i, k, shift int, mask uint64) {
		t := (c[i]>>shift ^ c[k]) & mask
		c[k] ^= t
		c[i] ^= t << shift
	}
	for i := 0; i < len(c); i += 2 {
		swap(i, i+1, 8, 0x00ff00ff00ff00ff)
	}
	for i := 0; i < len(c); i += 4 {
		swap(i, i+2, 16, 0x0000ffff0000ffff)
		swap(i+1, i+3, 16, 0x0000ffff0000ffff)
	}
	for i := range len(c) / 2 {
		swap(i, i+4, 32, 0x00000000ffffffff)
	}
}

// checkGo is check in plain Go.
func (m *Marks) checkGo(text []byte) (wrong int) {
	for ; len(text) >= blockBytes; text = text[blockBytes:] {
		if wrong = m.checkBlock(text[:blockBytes]); wrong < blockBytes {
			return wrong
		}
	}
	return blockBytes
}

// checkBlock notes a block and says which of its bytes is the first that is wrong,
// if any.
func (m *Marks) checkBlock(block []byte) (wrong int) {
	var c classes
	var at lanes
	for i := range at {
		text := (*[wordBytes]byte)(block[i*wordBytes:])
		m.Foreign = c.classify(text) || m.Foreign
		at[i] = m.checkWord(&c, text)
	}
	return at.first()
}

// first is the first bit that is set, blockBytes for none.
func (l *lanes) first() int {
	for i, w := range l {
		if w != 0 {
			return i*wordBytes + bits.TrailingZeros64(w)
		}
	}
	return blockBytes
}
