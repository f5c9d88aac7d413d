package putlogevents

import (
	"encoding/binary"
	"math/bits"
)

// The functions here look at eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = ones << 7
	zeros = ones * '0'
)

var le = binary.LittleEndian

var powers = [8]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// millis reads a number of 8 to 15 digits: in milliseconds, a day of 1970 up to
// the year 33658. What follows the digits is the caller's to check.
func millis(src []byte, i int) (t int64, next int) {
	if i < 0 || i+16 > len(src) || src[i] == '0' {
		return 0, declined
	}
	a, b := le.Uint64(src[i:]), le.Uint64(src[i+8:])
	if nonDigits(a) != 0 {
		return 0, declined
	}
	m := nonDigits(b)
	if m == 0 {
		return 0, declined
	}
	k := bits.TrailingZeros64(m) >> 3 & 7 // digits in b
	// Moved to the end of the word, with zeros before them, they are a number
	// of eight digits. A shift by 64 gives no digits at all.
	b = b<<(64-8*k) | zeros>>(8*k)
	return int64(eightDigits(a)*powers[k] + eightDigits(b)), i + 8 + k
}

// nonDigits marks the first byte of a word that is no decimal digit.
func nonDigits(w uint64) uint64 {
	// A digit xor '0' is at most 9: adding 0x76 leaves the high bit clear.
	w ^= zeros
	return (w&^highs + ones*0x76 | w) & highs
}

// eightDigits is the number that eight digits make, the first in the lowest byte.
func eightDigits(w uint64) uint64 {
	w -= zeros
	w = w*10 + w>>8
	const mask = 0x000000ff000000ff
	return (w&mask*(100+1_000_000<<32) + w>>16&mask*(1+10_000<<32)) >> 32
}
