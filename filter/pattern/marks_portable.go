//go:build !(goexperiment.simd && amd64 && go1.26 && !go1.27)

package pattern

func quoteMarks(chunk *[blockSize]byte) (quotes uint64, special bool) {
	return quoteMarksPortable(chunk)
}

func separatorMarks(chunk *[blockSize]byte) uint64 { return separatorMarksPortable(chunk) }
