package putlogevents

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The loops here look at eight bytes at once. In a word of which a byte is
// zero, (w-ones)&^w&highs is non-zero, and its lowest bit is in that byte: wrong
// bits stand only above a right one.
const (
	ones   = 0x0101010101010101
	highs  = ones << 7
	spaces = ones * ' '
	quotes = ones * '"'
	slants = ones * '\\'
	zeros  = ones * '0'
)

var le = binary.LittleEndian

// survey tells whether a control character and whether a byte beyond ASCII is
// anywhere in text.
func survey(text []byte) (control, foreign bool) {
	var below, all uint64 // high bits: a byte < ' '; a byte >= 0x80
	for ; len(text) >= 32; text = text[32:] {
		a, b, c, d := le.Uint64(text), le.Uint64(text[8:]), le.Uint64(text[16:]), le.Uint64(text[24:])
		below |= (a-spaces)&^a | (b-spaces)&^b | (c-spaces)&^c | (d-spaces)&^d
		all |= a | b | c | d
	}
	for _, c := range text {
		if c < ' ' {
			below |= highs
		}
		all |= uint64(c)
	}
	return below&highs != 0, all&highs != 0
}

func hasControl(text []byte) bool {
	control, _ := survey(text)
	return control
}

// special marks the first quote or backslash of a word.
func special(w uint64) uint64 {
	q, s := w^quotes, w^slants
	return ((q-ones)&^q | (s-ones)&^s) & highs
}

// escaped is what the character after a backslash stands for; zero for none
// and for u.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape writes the string of src whose first byte is at i to the front of
// dst. It returns the number of bytes written and the place after the closing
// quote, which is declined if the string is wrong, if it does not end or if dst
// is too small. It may write anything to dst behind that number.
//
// hot: BenchmarkDecode
func unescape(dst, src []byte, i int) (n, next int) {
	dst, src = dst[:len(dst):len(dst)], src[:len(src):len(src)] // one bound to check, not two
	for {
		// Escapes stand some ten bytes apart in JSON within JSON, so that a
		// search by a call for each would cost more than it saves.
		for i >= 0 && n >= 0 && i < len(src)-16 && n < len(dst)-16 {
			from, to := src[i:i+16], dst[n:n+16]
			a, b := le.Uint64(from), le.Uint64(from[8:])
			le.PutUint64(to, a)
			le.PutUint64(to[8:], b)
			if m := special(a); m != 0 {
				k := bits.TrailingZeros64(m) >> 3
				i, n = i+k, n+k
			} else if m := special(b); m != 0 {
				k := bits.TrailingZeros64(m)>>3 + 8
				i, n = i+k, n+k
			} else {
				i, n = i+16, n+16
				continue
			}
			if src[i] == '"' {
				return n, i + 1
			}
			// A quote, a backslash or a line feed follows in nearly all cases.
			c := escaped[src[i+1]]
			if c == 0 {
				break
			}
			dst[n] = c
			i, n = i+2, n+1
		}
		if i >= len(src) || n >= len(dst) {
			return 0, declined
		}
		c := src[i]
		switch {
		case c == '"':
			return n, i + 1
		case c != '\\':
			dst[n] = c
			i, n = i+1, n+1
			continue
		case i+1 >= len(src):
			return 0, declined
		}
		if c = escaped[src[i+1]]; c != 0 {
			dst[n] = c
			i, n = i+2, n+1
			continue
		}
		r, size := codePoint(src[i:])
		if size == 0 || n+utf8.UTFMax > len(dst) {
			return 0, declined
		}
		n += utf8.EncodeRune(dst[n:], r)
		i += size
	}
}

// codePoint reads an escape of the form \u, or two that make a surrogate pair.
// Its size is zero if it is wrong.
func codePoint(src []byte) (r rune, size int) {
	high, ok := hex4(src)
	if !ok {
		return 0, 0
	}
	if high < 0xd800 || high > 0xdfff {
		return high, 6
	}
	low, ok := hex4(src[6:])
	if !ok || high >= 0xdc00 || low < 0xdc00 || low > 0xdfff {
		return 0, 0
	}
	return (high-0xd800)<<10 | (low - 0xdc00) + 0x10000, 12
}

// hex4 reads one escape of the form \u.
func hex4(src []byte) (r rune, ok bool) {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return 0, false
	}
	for _, c := range src[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

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
