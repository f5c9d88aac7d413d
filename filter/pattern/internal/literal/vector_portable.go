//go:build !(goexperiment.simd && amd64 && go1.26 && !go1.27)

package literal

// Index returns the offset of the first occurrence in text, or -1.
//
// hot: BenchmarkFinder
func (f *Finder) Index(text []byte) int { return f.indexPortable(text) }

// fingerprints is a scan by vectors, which this build does not have.
type fingerprints struct{}

func newFingerprints([]string, []uint32) *fingerprints { return nil }

func (*fingerprints) appendHits(dst []Hit, _ []byte, _ []string) []Hit { return dst }
