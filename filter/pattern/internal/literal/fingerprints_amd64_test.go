package literal

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFingerprintsEqualSamplers runs both searches for several literals on the
// same texts, of all lengths around the vector's.
func TestFingerprintsEqualSamplers(t *testing.T) {
	if !kernel {
		t.Skip("the processor has no AVX2")
	}
	rng := rand.New(rand.NewPCG(8, 9))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abc\x00\xff"[rng.IntN(5)]
		}
		return string(b)
	}
	for range 4000 {
		var literals []string
		for range 1 + rng.IntN(maxFingerprints) {
			literals = append(literals, random(3+rng.IntN(5)))
		}
		text := []byte(random(rng.IntN(200)))
		vector := NewScanner(literals)
		if vector.vector == nil {
			t.Fatalf("no fingerprints for %q", literals)
		}
		kernel = false
		portable := NewScanner(literals)
		kernel = true
		if got, want := vector.AppendHits(nil, text), portable.AppendHits(nil, text); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: got %x, want %x", literals, text, got, want)
		}
	}
}
