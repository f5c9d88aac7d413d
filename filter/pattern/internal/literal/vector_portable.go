//go:build !(goexperiment.simd && amd64 && go1.26 && !go1.27)

package literal

// fingerprints is a scan by vectors, which this build does not have.
type fingerprints struct{}

func newFingerprints([]string, []uint32) *fingerprints { return nil }

func (*fingerprints) appendHits(dst []Hit, _ []byte, _ []string) []Hit { return dst }
