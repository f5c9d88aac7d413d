package literal

// seekPair returns the first position before n at which there is a at offset aAt and
// b at offset bAt, n if there is none. It looks at 128 positions at once, of which n
// is a multiple.
//
//go:noescape
func seekPair(text *byte, n, aAt, bAt int, a, b byte) int

// hasKernel asks the processor for AVX2, and whether the system keeps its wide
// registers.
func hasKernel() bool

var kernel = hasKernel()

// pairBlock is how many positions seekPair looks at at once.
const pairBlock = 128

// Index returns the offset of the first occurrence in text, or -1.
//
// hot: BenchmarkFinder
func (f *Finder) Index(text []byte) int {
	n := len(text) - len(f.literal) + 1 // where it may begin
	if n < pairBlock || len(f.literal) < 2 || !kernel {
		return f.indexPortable(text)
	}
	// A false start costs about as much as looking at half a block.
	from, misses := 0, 0
	for n-from >= pairBlock {
		all := (n - from) &^ (pairBlock - 1)
		at := seekPair(&text[from], all, f.rareAt, f.checkAt, f.rare, f.check)
		if from += at; at == all {
			break
		}
		if string(text[from:from+len(f.literal)]) == string(f.literal) {
			return from
		}
		if misses++; misses > 16+from>>6 {
			return f.indexCore(text, from+1)
		}
		from++
	}
	if at := f.indexPortable(text[from:]); at >= 0 {
		return from + at
	}
	return -1
}
