package envelope

import (
	"encoding/binary"
	"math/bits"
	"slices"
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

// pairs is the two bytes that stand for a byte in a JSON string, 0 for those that
// stand as they are and for those that take more.
var pairs = func() (t [256]uint16) {
	for c, e := range escapes {
		if e != 0 && e != 'u' && e != utf {
			t[c] = '\\' | uint16(e)<<8
		}
	}
	return t
}()

// appendString appends s as a JSON string with its quotes.
//
// hot: BenchmarkAppend
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	// In messages that are JSON themselves nearly each eight bytes have a quote, at a
	// place that no processor guesses.
	dense := len(s) >= block && (s[0] == '{' || s[0] == '[')
	for ignored := uint64(0); len(s) > 0; {
		// Room for a pair in place of each byte: nothing grows in the loops below.
		if most := 2*len(s) + blockTo; cap(dst)-len(dst) < most {
			dst = slices.Grow(dst, most)
		}
		n, taken := escapePlain(dst[len(dst):cap(dst)], s, dense, ignored)
		dst, s = dst[:len(dst)+n], s[taken:]
		if len(s) == 0 {
			break
		}
		if s[0] >= utf8.RuneSelf && ignored == 0 && utf8.Valid(s) {
			ignored = highs // from here on
		} else {
			dst, s = appendEscaped(dst, s)
		}
	}
	return append(dst, '"')
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
	lows  = 0x7f * ones
)

// escapeGo writes what comes of s up to a character that takes neither the bytes it
// has nor two, and returns how much it wrote and took.
func escapeGo(to, s []byte, dense bool, ignored uint64) (n, taken int) {
	if dense {
		return escapeBlocks(to, s, ignored)
	}
	return escapeWords(to, s, ignored)
}

// escapeWords is escapeGo for what has few pairs. It copies sixteen
// bytes at a time and takes back those from the first on that cannot stand as they
// are.
func escapeWords(to, s []byte, ignored uint64) (n, taken int) {
	for len(s)-taken >= 16 {
		from, o := s[taken:][:16], to[n:][:16]
		v, w := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])
		binary.LittleEndian.PutUint64(o, v)
		binary.LittleEndian.PutUint64(o[8:], w)
		m, mw := special(v, ignored), special(w, ignored)
		if m|mw == 0 {
			n, taken = n+16, taken+16
			continue
		}
		plain := bits.TrailingZeros64(m) / 8
		if m == 0 {
			plain = 8 + bits.TrailingZeros64(mw)/8
		}
		n, taken = n+plain, taken+plain
		pair := pairs[s[taken]]
		if pair == 0 {
			return n, taken
		}
		binary.LittleEndian.PutUint16(to[n:], pair)
		n, taken = n+2, taken+1
	}
	for _, c := range s[taken:] {
		switch pair := pairs[c]; {
		case pair != 0:
			binary.LittleEndian.PutUint16(to[n:], pair)
			n++
		case escapes[c] == 0 || escapes[c] == utf && ignored != 0:
			to[n] = c
		default:
			return n, taken
		}
		n, taken = n+1, taken+1
	}
	return n, taken
}

// special marks with its high bit the first of eight bytes that is a control
// character, a quote, a backslash or, unless that is ignored, no ASCII; others
// behind it may be marked wrongly. A quote is 0x22: with one bit turned it comes
// right behind the control characters, among which that bit turns nothing out.
func special(v, ignored uint64) uint64 {
	low, backslash := v^2*ones, v^'\\'*ones
	return (v&^ignored | (low-0x21*ones)&^low | (backslash-ones)&^backslash) & highs
}

const (
	block   = 64
	slack   = 16            // bytes that are read beyond what counts
	blockTo = 2*block + 128 // that a block may write to; what counts are half of them
)

// escapeBlocks is escapeWords for what is full of pairs: it finds those of 64 bytes
// without a branch, and goes from one to the next.
func escapeBlocks(to, s []byte, ignored uint64) (n, taken int) {
	for len(s)-taken >= block+slack {
		more, of, whole := escapeBlock((*[blockTo]byte)(to[n:]), (*[block + slack]byte)(s[taken:]), block, ignored)
		n, taken = n+more, taken+of
		if !whole {
			return n, taken
		}
	}
	for taken < len(s) {
		var last [block + slack]byte
		size := copy(last[:block], s[taken:])
		more, of, whole := escapeBlock((*[blockTo]byte)(to[n:]), &last, size, ignored)
		n, taken = n+more, taken+of
		if !whole {
			return n, taken
		}
	}
	return n, taken
}

// escapeBlock takes some of the first bytes of from, of a block at most. It is not
// whole if it stopped at a character without a pair. Indexes are masked with what
// they stay below, which spares their checks.
func escapeBlock(to *[blockTo]byte, from *[block + slack]byte, size int, ignored uint64) (n, taken int, whole bool) {
	const dense = block * 5 / 8 // what follows the last pair is looked at again
	word := func(at int) uint64 { return mark(binary.LittleEndian.Uint64(from[at&(block-1):][:8]), ignored) << at }
	marks := word(0) | word(8) | word(16) | word(24) | word(32) | word(40) | word(48) | word(56)
	marks &= 1<<size - 1 // all of 64
	for ; marks != 0; marks &= marks - 1 {
		at := bits.TrailingZeros64(marks)
		copy16(to, n, from, taken)
		if at-taken > 16 {
			copy(to[n+16:], from[taken+16:at])
		}
		n, taken = n+at-taken, at
		pair := pairs[from[at&(block-1)]]
		if pair == 0 {
			return n, taken, false
		}
		binary.LittleEndian.PutUint16(to[n&(2*block-1):], pair)
		n, taken = n+2, taken+1
	}
	if size == block && taken > dense {
		return n, taken, true
	}
	for k := taken; k < size; k += 16 {
		copy16(to, n+k-taken, from, k)
	}
	return n + size - taken, size, true
}

// copy16 copies sixteen bytes of a block.
func copy16(to *[blockTo]byte, n int, from *[block + slack]byte, at int) {
	f, o := from[at&(block-1):][:16], to[n&(2*block-1):][:16]
	binary.LittleEndian.PutUint64(o, binary.LittleEndian.Uint64(f))
	binary.LittleEndian.PutUint64(o[8:], binary.LittleEndian.Uint64(f[8:]))
}

// mark has a bit for each of eight bytes that special means, none wrongly.
func mark(v, ignored uint64) uint64 {
	low := v & lows
	quote := (low ^ 2*ones) + 0x5f*ones // the high bit: no control character, no quote
	backslash := (low ^ '\\'*ones) + lows
	m := (^(quote&backslash)&^v | v&^ignored) & highs
	return m >> 7 * 0x0102040810204080 >> 56
}

// appendEscaped appends the first character of s, which escapes has an entry for,
// and returns what follows it.
func appendEscaped(dst, s []byte) ([]byte, []byte) {
	switch e := escapes[s[0]]; e {
	case utf:
		if _, size := utf8.DecodeRune(s); size > 1 {
			return append(dst, s[:size]...), s[size:]
		}
		return append(dst, "\uFFFD"...), s[1:]
	case 'u':
		return append(dst, '\\', 'u', '0', '0', hex[s[0]>>4], hex[s[0]&15]), s[1:]
	default:
		return append(dst, '\\', e), s[1:]
	}
}
