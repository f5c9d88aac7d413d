package jsonstop

// block is what markAVX2 takes at once.
const block = 64

// markAVX2 marks blocks of text, of which there is at least one. The high bits
// of high tell whether a byte beyond ASCII is among them.
//
//go:noescape
func markAVX2(bitmap, text *byte, blocks int) (high uint32)

// hasAVX2 asks the processor for AVX2, BMI1, BMI2 and POPCNT, and whether the system keeps its wide registers.
func hasAVX2() bool

var avx2 = hasAVX2()

// markBlocks marks the whole blocks of text that it can.
func markBlocks(bitmap, text []byte) (done int, foreign bool) {
	blocks := len(text) / block
	if !avx2 || blocks == 0 {
		return 0, false
	}
	_ = bitmap[blocks*block/8-1]
	return blocks * block, markAVX2(&bitmap[0], &text[0], blocks) != 0
}
