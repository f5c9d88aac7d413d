package pattern

import (
	"encoding/binary"
	"math/bits"
)

// jsonReader reads one message in two steps. index runs over the bytes in words
// and notes where the quotes are that open and close strings; then the walk hops
// from quote to quote, however long the strings are, with few branches for the
// processor to guess wrong.
//
// It does not hold the message: what does (see regexp) would drag quotes to the
// heap with it.
type jsonReader struct {
	quotes  []uint64 // bit i&63 of word i>>6: byte i is a quote outside any escape
	escapes bool     // the message has escapes
}

const (
	blockSize = 64
	// stackBlocks is how many blocks of a message are indexed on the stack.
	stackBlocks = 32
)

// blocks returns how many words the index of a message of n bytes takes.
func blocks(n int) int { return (n + blockSize - 1) / blockSize }

// index fills r.quotes. It also does what concerns single characters and can be
// told without the grammar: false means that an escape is malformed or that a
// string holds a control character, so the message is not JSON. (Whether a byte
// is inside a string follows from the number of quotes before it, if the message
// is JSON; if it is not, the walk finds out.)
//
// hot: BenchmarkMatch
func (r *jsonReader) index(b []byte) bool {
	r.escapes = false
	escapeEnd := 0        // end of the escape last seen
	inString := uint64(0) // 1: the block starts inside a string
	var last [blockSize]byte
	for block := range r.quotes {
		base := block * blockSize
		chunk := &last
		if base+blockSize <= len(b) {
			chunk = (*[blockSize]byte)(b[base:])
		} else {
			n := copy(last[:], b[base:])
			copy(last[n:], blanks)
		}
		quotes, special := scanBlock(chunk)
		if escapeEnd > base {
			quotes &^= 1<<(escapeEnd-base) - 1
		}
		if special != 0 {
			slashes, controls := specialBytes(chunk)
			if escapeEnd > base {
				slashes &^= 1<<(escapeEnd-base) - 1
			}
			r.escapes = r.escapes || slashes != 0
			for slashes != 0 {
				at := bits.TrailingZeros64(slashes)
				end := skipEscape(b, base+at)
				if end == invalid {
					return false
				}
				escapeEnd = end
				rest := ^uint64(0) << at << (end - base - at) // a shift by 64 or more gives 0
				quotes &= rest | (1<<at - 1)
				slashes &= rest
			}
			for ; controls != 0; controls &= controls - 1 {
				before := quotes & (controls&-controls - 1)
				if (uint64(bits.OnesCount64(before))+inString)&1 != 0 {
					return false
				}
			}
		}
		inString ^= uint64(bits.OnesCount64(quotes)) & 1
		r.quotes[block] = quotes
	}
	return true
}

const blanks = "                                                                " // a block

// scanBlock returns where a block has quotes, and something but zero if it has
// backslashes or control characters, too.
func scanBlock(chunk *[blockSize]byte) (quotes, special uint64) {
	for k := 0; k < blockSize; k += 16 {
		x := binary.LittleEndian.Uint64(chunk[k:])
		y := binary.LittleEndian.Uint64(chunk[k+8:])
		quotes = quotes>>8 | gatherTop(zeroBytes(x^'"'*lowBits))
		quotes = quotes>>8 | gatherTop(zeroBytes(y^'"'*lowBits))
		xs, ys := x^'\\'*lowBits, y^'\\'*lowBits
		special |= (xs-lowBits)&^xs | (x-' '*lowBits)&^x | (ys-lowBits)&^ys | (y-' '*lowBits)&^y
	}
	return quotes, special & highBits
}

// specialBytes returns where a block has backslashes and control characters.
func specialBytes(chunk *[blockSize]byte) (slashes, controls uint64) {
	for k := 0; k < blockSize; k += 8 {
		x := binary.LittleEndian.Uint64(chunk[k:])
		slashes |= gather(zeroBytes(x^'\\'*lowBits)) << k
		controls |= gather(controlBytes(x)) << k
	}
	return slashes, controls
}

// skipEscape skips the escape sequence at i.
func skipEscape(b []byte, i int) int {
	if i+1 >= len(b) {
		return invalid
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 <= len(b) && isHex(b[i+2]) && isHex(b[i+3]) && isHex(b[i+4]) && isHex(b[i+5]) {
			return i + 6
		}
	}
	return invalid
}

// stringEnd returns the index of the first quote at or after i, which closes the
// string whose content starts there.
func (r *jsonReader) stringEnd(i int) int {
	if i>>6 < len(r.quotes) {
		if w := r.quotes[i>>6] >> (uint(i) & 63); w != 0 {
			return i + bits.TrailingZeros64(w)
		}
	}
	return r.farQuote(i)
}

// farQuote looks for a quote beyond the block of i.
func (r *jsonReader) farQuote(i int) int {
	for block := i>>6 + 1; block < len(r.quotes); block++ {
		if w := r.quotes[block]; w != 0 {
			return block*blockSize + bits.TrailingZeros64(w)
		}
	}
	return invalid
}
