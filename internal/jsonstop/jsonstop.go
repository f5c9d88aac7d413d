// Package jsonstop marks where the plain runs of JSON strings stop: at quotes,
// backslashes and control characters. A decoder that has the marks goes from the
// beginning of a string to its end, or to its next escape, by looking at one
// word of bits, wherever that is; looking at the bytes instead is a loop that
// the processor mispredicts for nearly every string.
//
// Where the processor can, Unescape does the rest, too: it copies strings with their
// common escapes undone, 32 bytes at a time, whatever their number.
//
// What enters: text. What leaves: a bit for each of its bytes, in a bitmap of
// the caller's, and whether a byte beyond ASCII is in the text; or a copy in
// memory of the caller's. Nothing is allocated or kept, and nothing survives a
// crash, or needs to.
//
// On amd64 with AVX2 the marks are made 64 bytes at a time in assembly (some 15
// GB/s, where reading the memory is about as dear); everywhere else 8 at a time
// in Go. A test runs both on the same texts.
package jsonstop

import (
	"encoding/binary"
	"math/bits"
)

var le = binary.LittleEndian

// Bytes is the size of the bitmap for a text of n bytes.
func Bytes(n int) int { return n/8 + padding }

// padding lets Next read a whole word at the end of the text and a little
// behind it, where escapes that are cut off lead to.
const padding = 16

// Mark marks the stops of text, and everything behind its end, in a bitmap of at
// least Bytes(len(text)). It tells whether a byte beyond ASCII is in the text.
func Mark(bitmap, text []byte) (foreign bool) {
	bitmap = bitmap[:Bytes(len(text))]
	done, high := markBlocks(bitmap, text)
	foreign = markWords(bitmap[done/8:], text[done:])
	return foreign || high
}

// markWords is Mark in plain Go.
func markWords(bitmap, text []byte) (foreign bool) {
	var all uint64
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		w := le.Uint64(text[n:])
		all |= w
		bitmap[n/8] = stopsOf(w)
	}
	last := [8]byte{'"', '"', '"', '"', '"', '"', '"', '"'} // marked behind the end
	copy(last[:], text[n:])
	w := le.Uint64(last[:])
	bitmap[n/8] = stopsOf(w)
	for i := n/8 + 1; i < len(bitmap); i++ {
		bitmap[i] = 0xff
	}
	return (all|w)&highs != 0
}

const (
	ones  = 0x0101010101010101
	highs = ones << 7
	lows  = ^uint64(highs)
)

// stopsOf has a bit for each byte of a word.
func stopsOf(w uint64) byte {
	// The high bit of each byte says that the byte is no quote, no backslash, not
	// below a blank. No sum of two bytes here goes beyond a byte.
	quote, slant := w^ones*'"', w^ones*'\\'
	plain := (quote&lows + lows | quote) & (slant&lows + lows | slant) & (w&lows + ones*(0x80-' ') | w)
	return byte((^plain & highs) >> 7 * 0x0102040810204080 >> 56)
}

// Next is the place of the first stop at or after i, which is the length of the
// text if there is none; i may be up to 8 bytes beyond that length, and so is
// the result then.
//
// hot: BenchmarkNext
func Next(bitmap []byte, i int) int {
	at := uint(i) >> 3
	w := le.Uint64(bitmap[at:at+8:at+8]) >> (i & 7)
	for w == 0 {
		at += 8
		w = le.Uint64(bitmap[at:])
		i = int(at * 8)
	}
	return i + bits.TrailingZeros64(w)
}
