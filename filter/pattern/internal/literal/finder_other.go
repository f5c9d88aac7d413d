//go:build !amd64

package literal

// Index returns the offset of the first occurrence in text, or -1.
//
// hot: BenchmarkFinder
func (f *Finder) Index(text []byte) int { return f.indexPortable(text) }
