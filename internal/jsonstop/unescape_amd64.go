package jsonstop

// unescapeAVX2 is Unescape for a dst with room for 32 bytes or more and as much
// text; keep is keepBytes.
//
//go:noescape
func unescapeAVX2(dst *byte, room int, text *byte, size int, keep *[256][8]byte) (n, read int)

// Unescapes tells whether Unescape does anything here.
func Unescapes() bool { return avx2 }

// keepBytes has for each set of eight bytes their places, one after the other.
var keepBytes = func() (t [256][8]byte) {
	for set := range t {
		n := 0
		for i := range byte(8) {
			if set>>i&1 != 0 {
				t[set][n] = i
				n++
			}
		}
	}
	return t
}()

// Unescape copies the text of a JSON string to dst, without the backslashes that
// escape quotes, backslashes, solidi, line feeds, tabs and carriage returns. It stops
// in front of the string's end, of a control character and of any other escape; and
// it may stop anywhere, not between a backslash and what that escapes, when less
// than 32 bytes are left of the one or the other. It returns how many bytes it wrote and how many it read; behind them
// it may write anything to dst.
//
// hot: BenchmarkUnescape
func Unescape(dst, text []byte) (n, read int) {
	if !avx2 || len(dst) < 32 || len(text) < 32 {
		return 0, 0
	}
	return unescapeAVX2(&dst[0], len(dst), &text[0], len(text), &keepBytes)
}
