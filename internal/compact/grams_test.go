package compact

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"sluice/bench/corpus"
)

// TestFilterNeverExcludesWhatIsThere is the promise: whatever part of a text is
// looked for, its filter does not exclude it.
func TestFilterNeverExcludesWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]string{"ab", "0123456789abcdef-", "XYZ /=\n\"{}", "\x00\xff0a"}).Draw(t, "alphabet")
		text := []byte(rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 0, 3000, -1).Draw(t, "text"))
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		to := rapid.IntRange(from, min(len(text), from+40)).Draw(t, "to")
		var f gramFilter
		if excludes(f.build(nil, text), text[from:to]) {
			t.Fatalf("%q of %d bytes is excluded at [%d, %d)", text[from:to], len(text), from, to)
		}
	})
}

// eachBlock builds the filters of eight blocks of a MiB.
func eachBlock(kind corpus.Kind, visit func(text, filter []byte)) {
	var f gramFilter
	g := corpus.New(kind, 7, corpus.Epoch)
	for range 3 {
		var text []byte
		for len(text) < 1<<20 {
			text, _ = g.AppendEvent(text)
			text = append(text, '\n')
		}
		visit(text, f.build(nil, text))
	}
}

func TestEveryPartOfACorpusIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, kind := range corpus.Kinds() {
		eachBlock(kind, func(text, filter []byte) {
			for range 5_000 {
				at, n := r.IntN(len(text)-64), r.IntN(64)
				if excludes(filter, text[at:at+n]) {
					t.Fatalf("%s: %q is excluded", kind, text[at:at+n])
				}
			}
		})
	}
}

// TestRareTermsSkipBlocks counts the blocks that are read in vain.
func TestRareTermsSkipBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	f := func(what string, least float64, term func() string) {
		t.Helper()
		for _, kind := range corpus.Kinds() {
			tried, skipped := 0, 0
			eachBlock(kind, func(text, filter []byte) {
				if share := float64(len(filter)) / float64(len(text)); share > 0.03 {
					t.Fatalf("%s: the filter takes %.2f %% of the text", kind, 100*share)
				}
				for range 50 {
					needle := []byte(term())
					if bytes.Contains(text, needle) {
						continue
					}
					tried++
					if excludes(filter, needle) {
						skipped++
					}
				}
			})
			if share := float64(skipped) / float64(tried); share < least {
				t.Errorf("%s: %s skips %.1f %% of the blocks, want %.0f", kind, what, 100*share, 100*least)
			}
		}
	}
	f("an id of 16 hex digits", 0.95, func() string { return fmt.Sprintf("%016x", r.Uint64()) })
	f("a word", 0.95, func() string {
		word := []byte("XYZZYPLUGH")
		r.Shuffle(len(word), func(i, j int) { word[i], word[j] = word[j], word[i] })
		return string(word)
	})
	f("a uuid", 0.95, func() string { return fmt.Sprintf("%08x-%04x-%04x", r.Uint32(), r.Uint32()>>16, r.Uint32()>>16) })
	f("a text", 0.95, func() string { return "deadlock found" })
}

// TestFullFilterIsLeftOut: random bytes have more grams than bits.
func TestFullFilterIsLeftOut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	text := make([]byte, 1<<20)
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	var f gramFilter
	if filter := f.build(nil, text); len(filter) > 0 && excludes(filter, text[:10]) {
		t.Error("a full filter excludes")
	}
}

func TestShortLiteralsExcludeNothing(t *testing.T) {
	var g gramFilter
	filter := g.build(nil, bytes.Repeat([]byte("nothing else "), 1000))
	f := func(literal string, want bool) {
		t.Helper()
		if got := excludes(filter, []byte(literal)); got != want {
			t.Errorf("%q: %t, want %t", literal, got, want)
		}
	}
	f("", false)
	f("ZZZ", false)
	f("ZZZZ", false) // its odd series has no gram
	f("ZZZZZ", true)
	f("12345", false)
	f("123456", false)
	f("1234567", true)
	f("nothing", false)
	if excludes(nil, []byte("ZZZZZZ")) || excludes([]byte("not a filter"), []byte("ZZZZZZ")) {
		t.Error("what is no filter excludes")
	}
}

func BenchmarkGrams(b *testing.B) {
	for _, kind := range corpus.Kinds() {
		b.Run(kind.String(), func(b *testing.B) {
			var text []byte
			g := corpus.New(kind, 7, corpus.Epoch)
			for len(text) < 1<<20 {
				text, _ = g.AppendEvent(text)
			}
			var f gramFilter
			dst := f.build(nil, text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				dst = f.build(dst[:0], text)
			}
		})
	}
}
