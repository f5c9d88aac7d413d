package pattern

import "math/bits"

// jsonReader reads one message in two steps. index runs over the bytes in words
// and notes where the quotes are that open and close strings; then the walk hops
// from quote to quote, however long the strings are, with few branches for the
// processor to guess wrong.
//
// It does not hold the message, so that quotes can lie on the stack whatever
// becomes of the message's bytes further down.
type jsonReader struct {
	quotes  []uint64 // bit i&63 of word i>>6: byte i is a quote outside any escape
	escapes bool     // the message has escapes
}

// stackBlocks is how many blocks of a message are indexed on the stack.
const stackBlocks = 32

// blocks returns how many words the index of a message of n bytes takes.
func blocks(n int) int { return (n + blockSize - 1) / blockSize }

// index fills r.quotes. It also does what concerns single characters and can be
// told without the grammar: false means that an escape is malformed or that a
// string holds a control character, so the message is not JSON.
//
// hot: BenchmarkMatch
func (r *jsonReader) index(b []byte) bool {
	r.escapes = false
	escapeEnd := 0        // end of the escape last seen
	inString := uint64(0) // 1: the block starts inside a string
	var short [blockSize]byte
	for block := range r.quotes {
		base := block * blockSize
		chunk, surplus := blockAt(b, base, &short)
		quotes, special := quoteMarks(chunk)
		quotes >>= surplus
		if special || escapeEnd > base {
			quotes, escapeEnd = r.dropEscaped(b, base, quotes, marksOf(chunk, '\\')>>surplus, escapeEnd)
			if escapeEnd == invalid || controlInString(controlMarks(chunk)>>surplus, quotes, inString) {
				return false
			}
		}
		inString ^= uint64(bits.OnesCount64(quotes)) & 1
		r.quotes[block] = quotes
	}
	return true
}

// dropEscaped removes the quotes of a block that belong to an escape, the last
// of which may have begun in the block before, and returns where the last escape
// of this block ends, or invalid.
func (r *jsonReader) dropEscaped(b []byte, base int, quotes, slashes uint64, escapeEnd int) (uint64, int) {
	if escapeEnd > base {
		rest := ^uint64(0) << (escapeEnd - base)
		quotes &= rest
		slashes &= rest
	}
	for slashes != 0 {
		r.escapes = true
		at := bits.TrailingZeros64(slashes)
		if escapeEnd = skipEscape(b, base+at); escapeEnd == invalid {
			return 0, invalid
		}
		rest := ^uint64(0) << (escapeEnd - base) // nothing if it ends in the next block
		quotes &= rest | (1<<at - 1)
		slashes &= rest
	}
	return quotes, escapeEnd
}

// controlInString reports whether a control character stands inside a string.
// That follows from the number of quotes before it, if the message is JSON; if it
// is not, the walk finds out.
func controlInString(controls, quotes, inString uint64) bool {
	for ; controls != 0; controls &= controls - 1 {
		before := quotes & (controls&-controls - 1)
		if (uint64(bits.OnesCount64(before))+inString)&1 != 0 {
			return true
		}
	}
	return false
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
