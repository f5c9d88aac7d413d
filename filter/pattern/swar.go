package pattern

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes at a time in a 64-bit word, byte 0 lowest. All masks here are
// exact: the high bit of each byte says yes or no, no borrow runs over.

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// zeroBytes marks the zero bytes of x.
func zeroBytes(x uint64) uint64 { return ^((x&^highBits + ^uint64(highBits)) | x) & highBits }

// controlBytes marks the bytes of x below 0x20.
func controlBytes(x uint64) uint64 { return ^((x&^highBits + 0x60*lowBits) | x) & highBits }

// gather packs the eight marks into eight bits.
func gather(marks uint64) uint64 { return marks * 0x0002040810204081 >> 56 }

// nonDigits marks the bytes of x that are no ASCII digit.
func nonDigits(x uint64) uint64 {
	x ^= '0' * lowBits
	return (x&^highBits + 0x76*lowBits | x) & highBits
}

// skipDigits returns the index of the first byte at or after i that is no digit.
func skipDigits(b []byte, i int) int {
	for i+8 <= len(b) {
		if stops := nonDigits(binary.LittleEndian.Uint64(b[i:])); stops != 0 {
			return i + bits.TrailingZeros64(stops)>>3
		}
		i += 8
	}
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// blockSize is how many bytes one word of marks describes.
const blockSize = 64

// blockAt returns the block of b that starts at base. The last block is read so
// that it ends where b ends: surplus is how many bytes before base that takes,
// and what is found must be shifted by it. Of b shorter than a block, short
// keeps a copy with blanks behind.
func blockAt(b []byte, base int, short *[blockSize]byte) (chunk *[blockSize]byte, surplus int) {
	if base+blockSize <= len(b) {
		return (*[blockSize]byte)(b[base:]), 0
	}
	if len(b) >= blockSize {
		return (*[blockSize]byte)(b[len(b)-blockSize:]), base + blockSize - len(b)
	}
	n := copy(short[:], b)
	copy(short[n:], blanks)
	return short, 0
}

const blanks = "                                                                " // a block

// quoteMarksPortable returns where a block has quotes, and whether it has backslashes or
// control characters, too.
//
// While no byte has its high bit set, 0x80-x has it in the bytes where x is zero
// and x+0x60 in those that are no control character, without a carry into the
// next: half the instructions of the general form.
func quoteMarksPortable(chunk *[blockSize]byte) (quotes uint64, special bool) {
	slashes, beyond, printable := uint64(0), uint64(0), uint64(highBits)
	for k := blockSize - 8; k >= 0; k -= 8 {
		x := binary.LittleEndian.Uint64(chunk[k:])
		quotes = quotes<<8 | gather((highBits-(x^'"'*lowBits))&highBits)
		slashes |= highBits - (x ^ '\\'*lowBits)
		printable &= x + 0x60*lowBits
		beyond |= x
	}
	if beyond&highBits == 0 {
		return quotes, slashes&highBits != 0 || printable&highBits != highBits
	}
	return marksOf(chunk, '"'), marksOf(chunk, '\\') != 0 || controlMarks(chunk) != 0
}

// separatorMarksPortable returns where a block has blanks, tabs and newlines.
func separatorMarksPortable(chunk *[blockSize]byte) (marks uint64) {
	beyond, printable := uint64(0), uint64(highBits)
	for k := blockSize - 8; k >= 0; k -= 8 {
		x := binary.LittleEndian.Uint64(chunk[k:])
		marks = marks<<8 | gather((highBits-(x^' '*lowBits))&highBits)
		printable &= x + 0x60*lowBits
		beyond |= x
	}
	if beyond&highBits == 0 && printable&highBits == highBits {
		return marks
	}
	return marksOf(chunk, ' ') | marksOf(chunk, '\t') | marksOf(chunk, '\n')
}

// marksOf returns where a block has the byte c.
func marksOf(chunk *[blockSize]byte, c byte) (marks uint64) {
	for k := blockSize - 8; k >= 0; k -= 8 {
		x := binary.LittleEndian.Uint64(chunk[k:])
		marks = marks<<8 | gather(zeroBytes(x^uint64(c)*lowBits))
	}
	return marks
}

// controlMarks returns where a block has control characters.
func controlMarks(chunk *[blockSize]byte) (marks uint64) {
	for k := blockSize - 8; k >= 0; k -= 8 {
		marks = marks<<8 | gather(controlBytes(binary.LittleEndian.Uint64(chunk[k:])))
	}
	return marks
}
