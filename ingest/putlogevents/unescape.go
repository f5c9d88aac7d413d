package putlogevents

import (
	"math/bits"
	"unicode/utf8"

	"sluice/internal/jsonstop"
)

// escaped is what the character after a backslash stands for; zero for none
// and for u.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape writes the string of src whose first byte is at i to the front of
// dst; stops are the marks of src, see package jsonstop. It returns the number of
// bytes written and the place after the closing quote, which is declined if the
// string is wrong, if it does not end or if dst is too small. It may write
// anything to dst behind that number.
//
// hot: BenchmarkDecode
func unescape(dst, src, stops []byte, i int) (n, next int) {
	dst, src = dst[:len(dst):len(dst)], src[:len(src):len(src)] // one bound to check, not two
	unescapes := jsonstop.Unescapes()
	for {
		if unescapes {
			k, read := jsonstop.Unescape(dst[n:], src[i:])
			n, i = n+k, i+read
		}
		// Escapes stand some ten bytes apart in JSON within JSON: a call for each
		// run between them would cost more than the bytes that are too many.
		for !unescapes && i >= 0 && n >= 0 && i < len(src)-room && n < len(dst)-room {
			at := i >> 3
			w := le.Uint64(stops[at:at+8:at+8]) >> (i & 7)
			if w == 0 {
				break
			}
			run := bits.TrailingZeros64(w)
			*(*[16]byte)(dst[n:]) = [16]byte(src[i:])
			if run > 16 {
				*(*[16]byte)(dst[n+16:]) = [16]byte(src[i+16:])
				*(*[16]byte)(dst[n+32:]) = [16]byte(src[i+32:])
				*(*[16]byte)(dst[n+48:]) = [16]byte(src[i+48:])
			}
			i, n = i+run, n+run
			if src[i] != '\\' {
				break
			}
			// A quote, a backslash or a line feed follows in nearly all cases.
			c := escaped[src[i+1]]
			if c == 0 {
				break
			}
			dst[n] = c
			i, n = i+2, n+1
		}
		var ended bool
		if n, i, ended = unescapeOne(dst, src, stops, n, i); ended || i == declined {
			return n, i
		}
	}
}

// room is what unescape may write to dst, and read of src, beyond a run.
const room = 64 + 2

// unescapeOne goes up to the next stop and past it: the quote that ends the
// string, or an escape of any form. It declines what is neither.
func unescapeOne(dst, src, stops []byte, n, i int) (to, next int, ended bool) {
	k := jsonstop.Next(stops, i)
	if k >= len(src) || k-i > len(dst)-n {
		return 0, declined, true
	}
	n += copy(dst[n:], src[i:k])
	switch src[k] {
	case '"':
		return n, k + 1, true
	case '\\':
	default:
		return 0, declined, true // a control character
	}
	if k+1 >= len(src) || n+utf8.UTFMax > len(dst) {
		return 0, declined, true
	}
	if c := escaped[src[k+1]]; c != 0 {
		dst[n] = c
		return n + 1, k + 2, false
	}
	r, size := codePoint(src[k:])
	if size == 0 {
		return 0, declined, true
	}
	return n + utf8.EncodeRune(dst[n:], r), k + size, false
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
