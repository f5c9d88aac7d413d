//go:build goexperiment.simd && amd64 && go1.26 && !go1.27

package literal

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestVectorEqualsPortable runs the vector searches and their portable twins on
// the same texts, of all lengths around the vector's.
func TestVectorEqualsPortable(t *testing.T) {
	if !hasAVX2 {
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
		hasAVX2 = false
		portable := NewScanner(literals)
		hasAVX2 = true
		if got, want := vector.AppendHits(nil, text), portable.AppendHits(nil, text); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: got %x, want %x", literals, text, got, want)
		}
		f := NewFinder(literals[0][:1+rng.IntN(len(literals[0]))])
		if got, want := f.Index(text), f.indexPortable(text); got != want {
			t.Fatalf("%q in %q: got %d, want %d", f.literal, text, got, want)
		}
	}
}
