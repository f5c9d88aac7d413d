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
func gather(marks uint64) uint64 { return (marks >> 7) * 0x0102040810204080 >> 56 }

// gatherTop packs them into the top byte of a word.
func gatherTop(marks uint64) uint64 { return (marks >> 7) * 0x0102040810204080 &^ (1<<56 - 1) }

// nonDigits marks the bytes of x that are no ASCII digit.
func nonDigits(x uint64) uint64 {
	x ^= '0' * lowBits
	return (x&^highBits + 0x76*lowBits | x) & highBits
}

// separators marks blanks, tabs and newlines. Most logs hold only blanks.
func separators(x uint64) uint64 {
	blanks := zeroBytes(x ^ ' '*lowBits)
	if controlBytes(x) == 0 {
		return blanks
	}
	return blanks | zeroBytes(x^'\t'*lowBits) | zeroBytes(x^'\n'*lowBits)
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
