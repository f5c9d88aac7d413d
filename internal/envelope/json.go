package envelope

import "unicode/utf8"

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

// appendString appends s as a JSON string with its quotes.
//
// hot: BenchmarkAppend
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		e := escapes[s[i]]
		if e == 0 {
			i++
			continue
		}
		if e == utf {
			if _, size := utf8.DecodeRune(s[i:]); size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[from:i]...), "\uFFFD"...)
		} else {
			dst = append(append(dst, s[from:i]...), '\\', e)
			if e == 'u' {
				dst = append(dst, '0', '0', hex[s[i]>>4], hex[s[i]&15])
			}
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
