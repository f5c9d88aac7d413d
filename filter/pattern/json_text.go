package pattern

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeEscape decodes the escape at the start of raw, which was validated, into
// dst and returns the bytes written and read.
func decodeEscape(raw []byte, dst *[utf8.UTFMax]byte) (written, read int) {
	switch c := raw[1]; c {
	case 'b':
		dst[0] = '\b'
	case 'f':
		dst[0] = '\f'
	case 'n':
		dst[0] = '\n'
	case 'r':
		dst[0] = '\r'
	case 't':
		dst[0] = '\t'
	case 'u':
		r, n := decodeUnit(raw), 6
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
				low = decodeUnit(raw[6:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				n = 12
			}
		}
		return utf8.EncodeRune(dst[:], r), n
	default:
		dst[0] = c
	}
	return 1, 2
}

// decodeUnit reads the four hex digits of \uXXXX.
func decodeUnit(raw []byte) rune {
	r := rune(0)
	for _, c := range raw[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= 'A' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendDecoded appends the decoded content of a string.
func appendDecoded(dst, raw []byte) []byte {
	var buf [utf8.UTFMax]byte
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		written, read := decodeEscape(raw[i:], &buf)
		dst = append(dst, buf[:written]...)
		raw = raw[i+read:]
	}
}

// equalDecoded reports whether raw, decoded, is text.
func equalDecoded[T string | []byte](raw []byte, text T) bool {
	var buf [utf8.UTFMax]byte
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return string(raw) == string(text)
		}
		if len(text) < i || string(raw[:i]) != string(text[:i]) {
			return false
		}
		written, read := decodeEscape(raw[i:], &buf)
		text = text[i:]
		if len(text) < written || string(buf[:written]) != string(text[:written]) {
			return false
		}
		raw, text = raw[i+read:], text[written:]
	}
}
