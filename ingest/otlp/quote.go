package otlp

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// appendQuoted appends text as a JSON string, with no more escapes than needed,
// and counts the bytes that are not UTF-8, of which each becomes U+FFFD. Log
// messages are often JSON themselves, with a quote every few bytes, where
// jsontext.AppendQuote is several times slower.
//
// hot: BenchmarkReader
func appendQuoted(dst, text []byte) (_ []byte, replaced int) {
	dst = append(dst, '"')
	for len(text) > 0 {
		var n int
		dst, n = appendPlain(dst, text)
		if text = text[n:]; len(text) == 0 {
			break
		}
		c := text[0]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			continue // appendPlain ran out of room
		}
		if c < utf8.RuneSelf {
			dst = appendEscape(dst, c)
			text = text[1:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			replaced++
		}
		dst = utf8.AppendRune(dst, r)
		text = text[size:]
	}
	return append(dst, '"'), replaced
}

// appendPlain appends what it can of the front of a text: up to a byte beyond
// ASCII or a control character, or less. It returns how much that was. Eight
// bytes are looked at and written at once; those behind a quote are written
// again. In a word of which a byte is zero, (w-ones)&^w&highs has its lowest bit
// in that byte.
func appendPlain(dst, text []byte) (_ []byte, read int) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	le := binary.LittleEndian
	dst = slices.Grow(dst, min(len(text), maxRun)+16)
	n, out := len(dst), dst[:cap(dst)]
	i := 0
	for i+8 <= len(text) && n+8 <= len(out) {
		w := le.Uint64(text[i:])
		le.PutUint64(out[n:], w)
		q, b := w^ones*'"', w^ones*'\\'
		m := ((q-ones)&^q | (b-ones)&^b | (w-ones*' ')&^w | w) & highs
		if m == 0 {
			i, n = i+8, n+8
			continue
		}
		k := bits.TrailingZeros64(m) >> 3
		i, n = i+k, n+k
		c := text[i]
		if c != '"' && c != '\\' || n+2 > len(out) {
			return out[:n], i
		}
		out[n], out[n+1] = '\\', c
		i, n = i+1, n+2
	}
	dst = out[:n]
	for ; i < len(text) && i+8 > len(text); i++ {
		c := text[i]
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
		dst = append(dst, c)
	}
	return dst, i
}

// maxRun is how much room appendPlain asks for at a time.
const maxRun = 4 << 10

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\t':
		return append(dst, `\t`...)
	case '\r':
		return append(dst, `\r`...)
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
