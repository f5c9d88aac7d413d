package pattern

import (
	"math/rand/v2"
	"testing"
)

// TestMarks holds the marks of random blocks, rich in the bytes that matter and
// their neighbours, against a loop over the bytes.
func TestMarks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	alphabet := []byte("\"\"#!\\\\][ \t\n\r\x00\x01\x1f \x20!0/:9a\x7f\x80\x9f\xa2\xdc\xff")
	for range 20000 {
		var chunk [blockSize]byte
		ascii := r.IntN(2) == 0
		for i := range chunk {
			chunk[i] = alphabet[r.IntN(len(alphabet))]
			if ascii && chunk[i] >= 0x80 || r.IntN(3) > 0 {
				chunk[i] = 'a' + byte(r.IntN(26))
			}
		}
		var quotes, separators, controls uint64
		special := false
		for i, c := range chunk {
			if c == '"' {
				quotes |= 1 << i
			}
			if isSeparator(c) {
				separators |= 1 << i
			}
			if c < ' ' {
				controls |= 1 << i
			}
			special = special || c == '\\' || c < ' '
		}
		for _, marks := range []func(*[blockSize]byte) (uint64, bool){quoteMarks, quoteMarksPortable} {
			if q, s := marks(&chunk); q != quotes || s != special {
				t.Fatalf("%q: quotes %x, want %x; special %v", chunk, q, quotes, s)
			}
		}
		for _, marks := range []func(*[blockSize]byte) uint64{separatorMarks, separatorMarksPortable} {
			if got := marks(&chunk); got != separators {
				t.Fatalf("%q: separators %x, want %x", chunk, got, separators)
			}
		}
		if got := controlMarks(&chunk); got != controls {
			t.Fatalf("%q: controls %x, want %x", chunk, got, controls)
		}
		if got := skipDigits(chunk[:], 0); got < blockSize && isDigit(chunk[got]) {
			t.Fatalf("%q: a digit at %d", chunk, got)
		}
	}
}
