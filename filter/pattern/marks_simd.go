//go:build goexperiment.simd && amd64 && go1.26 && !go1.27

package pattern

import "simd/archsimd"

// With GOEXPERIMENT=simd a block is two vectors. The package is an experiment of
// Go 1.26, hence the narrow build constraint; the portable twins stay in use on
// processors without AVX2, and TestMarks holds both against each other. The upper
// halves are cleared before returning: what the compiler emits elsewhere is SSE,
// and a line with many quotes took twice as long with them set.

var hasAVX2 = archsimd.X86.AVX2()

func quoteMarks(chunk *[blockSize]byte) (quotes uint64, special bool) {
	if !hasAVX2 {
		return quoteMarksPortable(chunk)
	}
	low := archsimd.LoadUint8x32((*[32]uint8)(chunk[:32]))
	high := archsimd.LoadUint8x32((*[32]uint8)(chunk[32:]))
	quote := archsimd.BroadcastUint8x32('"')
	slash := archsimd.BroadcastUint8x32('\\')
	control := archsimd.BroadcastUint8x32(0x1f) // min(x, 0x1f) is x in control characters only
	quotes = uint64(low.Equal(quote).ToBits()) | uint64(high.Equal(quote).ToBits())<<32
	others := low.Equal(slash).Or(low.Min(control).Equal(low)).
		Or(high.Equal(slash)).Or(high.Min(control).Equal(high))
	special = others.ToBits() != 0
	archsimd.ClearAVXUpperBits()
	return quotes, special
}

func separatorMarks(chunk *[blockSize]byte) uint64 {
	if !hasAVX2 {
		return separatorMarksPortable(chunk)
	}
	blank := archsimd.BroadcastUint8x32(' ')
	tab := archsimd.BroadcastUint8x32('\t')
	newline := archsimd.BroadcastUint8x32('\n')
	low := archsimd.LoadUint8x32((*[32]uint8)(chunk[:32]))
	high := archsimd.LoadUint8x32((*[32]uint8)(chunk[32:]))
	marks := uint64(low.Equal(blank).Or(low.Equal(tab)).Or(low.Equal(newline)).ToBits()) |
		uint64(high.Equal(blank).Or(high.Equal(tab)).Or(high.Equal(newline)).ToBits())<<32
	archsimd.ClearAVXUpperBits()
	return marks
}
