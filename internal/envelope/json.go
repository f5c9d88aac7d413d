package envelope

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// escapes tells how a byte is written inside a JSON string: 0 as it is, 'u' as
// \u00XX, utf as the start of a character to be checked, others after a
// backslash.
var escapes = func() (t [256]byte) {
	for c := range 0x20 {
		t[c] = 'u'
	}
	for c := 0x80; c < 0x100; c++ {
		t[c] = utf
	}
	t['\b'], t['\t'], t['\n'], t['\f'], t['\r'] = 'b', 't', 'n', 'f', 'r'
	t['"'], t['\\'] = '"', '\\'
	return t
}()

const (
	utf = 1
	hex = "0123456789ABCDEF"
)

// appendString appends s as a JSON string with its quotes. It copies eight bytes at
// a time and takes back those from the first on that cannot stand as they are:
// messages that are JSON themselves have one in nearly each eight.
//
// hot: BenchmarkAppend
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	i := 0
	for len(s)-i >= 8 {
		v := binary.LittleEndian.Uint64(s[i:])
		dst = binary.LittleEndian.AppendUint64(dst, v)
		m := special(v)
		if m == 0 {
			i += 8
			continue
		}
		plain := bits.TrailingZeros64(m) / 8
		dst = dst[:len(dst)-8+plain]
		dst, i = appendEscaped(dst, s, i+plain)
	}
	for i < len(s) {
		if escapes[s[i]] == 0 {
			dst = append(dst, s[i])
			i++
		} else {
			dst, i = appendEscaped(dst, s, i)
		}
	}
	return append(dst, '"')
}

// special marks with its high bit the first of eight bytes that is a control
// character, a quote, a backslash or no ASCII; others behind it may be marked
// wrongly.
func special(v uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	quote, backslash := v^('"'*ones), v^('\\'*ones)
	return (v | (v-0x20*ones)&^v | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
}

// appendEscaped appends the character at i, which escapes has an entry for, and
// returns where the next one is.
func appendEscaped(dst, s []byte, i int) ([]byte, int) {
	switch e := escapes[s[i]]; e {
	case utf:
		if _, size := utf8.DecodeRune(s[i:]); size > 1 {
			return append(dst, s[i:i+size]...), i + size
		}
		return append(dst, "\uFFFD"...), i + 1
	case 'u':
		return append(dst, '\\', 'u', '0', '0', hex[s[i]>>4], hex[s[i]&15]), i + 1
	default:
		return append(dst, '\\', e), i + 1
	}
}
