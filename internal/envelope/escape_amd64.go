package envelope

// escapeBytes writes what comes of the first bytes of from, of which there are at
// least 16, up to sixteen in which is a character that takes neither the bytes it has
// nor two. It returns how much it wrote and took, and may write up to 32 bytes
// behind them.
//
//go:noescape
func escapeBytes(to, from *byte, size int, ignored uint64) (n, taken int)

// hasAVX asks the processor for what escapeBytes is made of, and whether the system
// keeps its registers.
func hasAVX() bool

var (
	shuffling = hasAVX()

	// shuffles has for each set of eight bytes, one bit a byte, their places with
	// that of a backslash before each of the set.
	shuffles = func() (t [256][16]byte) {
		for set := range t {
			n := 0
			for at := range 8 {
				if set>>at&1 == 1 {
					t[set][n] = backslashAt
					n++
				}
				t[set][n] = byte(at)
				n++
			}
		}
		return t
	}()

	// letters is what is written behind a backslash for the first control characters,
	// where that is all.
	letters = [16]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}

	seventies, quotes, backslashes, blanks = sixteen(0x70), sixteen('"'), sixteen('\\'), sixteen(' ')

	// fronts moves the last bytes of sixteen to the front, read from 16-k on for k of
	// them, and makes the others 0.
	fronts = func() (t [32]byte) {
		for i := range t {
			if t[i] = byte(i); i >= 16 {
				t[i] = 0x80
			}
		}
		return t
	}()
)

func sixteen(c byte) (t [16]byte) {
	for i := range t {
		t[i] = c
	}
	return t
}

// backslashAt is where backslashes follow the eight bytes.
const backslashAt = 8

// escapePlain is escapeGo, with the processor's shuffles where it has them.
func escapePlain(to, s []byte, dense bool, ignored uint64) (n, taken int) {
	if !shuffling {
		return escapeGo(to, s, dense, ignored)
	}
	for len(s)-taken >= 16 {
		_ = to[n : n+2*(len(s)-taken)+32]
		more, of := escapeBytes(&to[n], &s[taken], len(s)-taken, ignored)
		n, taken = n+more, taken+of
		if taken == len(s) {
			return n, taken
		}
		these := s[taken:min(taken+16, len(s))]
		more, of = escapeWords(to[n:], these, ignored)
		n, taken = n+more, taken+of
		if of < len(these) {
			return n, taken
		}
	}
	more, of := escapeWords(to[n:], s[taken:], ignored)
	return n + more, taken + of
}
