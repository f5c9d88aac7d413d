package agent

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// appendMessage appends text as the inside of a JSON string. size is the
// message's length in UTF-8 as the service counts it; each run of bytes that are
// not UTF-8 becomes one U+FFFD.
//
// hot: BenchmarkAppendMessage
func appendMessage(dst, text []byte) (out []byte, size int, repaired bool) {
	from, i := 0, 0 // text[from:i] is plain and not copied yet
	size = len(text)
	for {
		i += plainPrefix(text[i:])
		if i == len(text) {
			return append(dst, text[from:]...), size, repaired
		}
		c := text[i]
		if c >= utf8.RuneSelf {
			if _, n := utf8.DecodeRune(text[i:]); n > 1 {
				i += n
				continue
			}
			end := i + invalidRun(text[i:])
			dst = append(append(dst, text[from:i]...), "\uFFFD"...)
			size += len("\uFFFD") - (end - i)
			repaired = true
			from, i = end, end
			continue
		}
		dst = append(dst, text[from:i]...)
		dst = appendEscape(dst, c)
		i++
		from = i
	}
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainPrefix is the length of the longest prefix of ASCII that JSON takes as it
// is. It looks at eight bytes at a time; of the bytes that the sums below mark,
// the first is always right and later ones may not be.
//
// hot: BenchmarkAppendMessage
func plainPrefix(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		quote, slash := w^('"'*lows), w^('\\'*lows)
		marked := w | (w-' '*lows)&^w | (quote-lows)&^quote | (slash-lows)&^slash
		if marked &= highs; marked != 0 {
			return i + bits.TrailingZeros64(marked)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// invalidRun is the number of bytes at the beginning of text that belong to no
// character; at least one, as the caller found.
func invalidRun(text []byte) int {
	i := 1
	for i < len(text) && text[i] >= utf8.RuneSelf {
		if _, n := utf8.DecodeRune(text[i:]); n > 1 {
			break
		}
		i++
	}
	return i
}

func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\t':
		return append(dst, `\t`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// repairedSize is the length of text once its invalid bytes are replaced.
func repairedSize(text []byte) int {
	size := len(text)
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		if _, n := utf8.DecodeRune(text[i:]); n > 1 {
			i += n
			continue
		}
		n := invalidRun(text[i:])
		size += len("\uFFFD") - n
		i += n
	}
	return size
}
