package literal

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestFinder(t *testing.T) {
	f := func(literal, text string) {
		t.Helper()
		finder := NewFinder(literal)
		if got, want := finder.Index([]byte(text)), strings.Index(text, literal); got != want {
			t.Errorf("Index(%q, %q) = %d, want %d", literal, text, got, want)
		}
	}
	f("", "")
	f("", "abc")
	f("a", "")
	f("a", "a")
	f("ERROR", "ERROR")
	f("ERROR", "xERRORx")
	f("ERROR", "ERRO")
	f("ERROR", "RERRERROERROR")
	f("e", strings.Repeat("a", 100)+"e")
	f("Qe", strings.Repeat("Q", 1000)+"Qe")
	f(strings.Repeat("ab", 100), strings.Repeat("ab", 99)+"aab"+strings.Repeat("ab", 100))
	f("0123456789012345678901234567890123456789Q", strings.Repeat("Q", 500)+"0123456789012345678901234567890123456789Q")
}

// naive returns what AppendHits promises.
func naive(literals []string, text []byte) []Hit {
	var hits []Hit
	for at := range text {
		for id, l := range literals {
			if l != "" && bytes.HasPrefix(text[at:], []byte(l)) {
				hits = append(hits, newHit(at, uint32(id)))
			}
		}
	}
	return hits
}

func checkScanner(t *testing.T, literals []string, text []byte) {
	t.Helper()
	got := NewScanner(literals).AppendHits(nil, text)
	if want := naive(literals, text); !slices.Equal(got, want) {
		t.Fatalf("literals %q\ntext %q\ngot  %x\nwant %x", literals, text, got, want)
	}
}

// TestFinderEqualsPortable runs a Finder and package bytes on the same texts, whose
// literals and false starts are anywhere, and at the very end.
func TestFinderEqualsPortable(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 10))
	random := func(of string, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = of[rng.IntN(len(of))]
		}
		return b
	}
	for range 20_000 {
		literal := random("abc\x00\xff", 1+rng.IntN(40)) // once in a long text, or never
		if rng.IntN(2) == 0 {
			literal = literal[:1+rng.IntN(min(4, len(literal)))]
		}
		size := rng.IntN(700)
		text := random([]string{"abc\x00\xff", "a", "dddddddddddddddda", "d"}[rng.IntN(4)], size+64)[rng.IntN(64):]
		if rng.IntN(3) > 0 && len(text) > len(literal) {
			copy(text[rng.IntN(len(text)-len(literal)+1):], literal)
		}
		f := NewFinder(string(literal))
		text = slices.Clip(text)
		if got, want := f.Index(text), bytes.Index(text, literal); got != want {
			t.Fatalf("%q in %q: got %d, want %d", literal, text, got, want)
		}
		if got, want := f.indexPortable(text), bytes.Index(text, literal); got != want {
			t.Fatalf("portable: %q in %q: got %d, want %d", literal, text, got, want)
		}
	}
}

func TestScanner(t *testing.T) {
	f := func(text string, literals ...string) {
		t.Helper()
		checkScanner(t, literals, []byte(text))
	}
	f("")
	f("", "a")
	f("a", "a")
	f("a", "")
	f("aaaa", "a", "aa", "aaa", "aaaa", "aaaaa")
	f("xxtimeoutxx", "timeout")
	f("timeouttimeout", "timeout", "time", "out", "ou")
	f("a same same text", "same", "same")
	f(strings.Repeat("abcdefghijklmnop", 9), "abcdefghijklmnop", "ponmlkjihgfedcba", "mnopabcd", "pa")
	f("\x00\x00\x00\x00\x00\xff", "\x00", "\x00\x00", "\x00\x00\x00\x00\x00\xff")
}

func TestScannerRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		letters := "ab c"[:1+rng.IntN(4)]
		word := func(n int) string {
			b := make([]byte, n)
			for i := range b {
				b[i] = letters[rng.IntN(len(letters))]
			}
			return string(b)
		}
		var literals []string
		shortest := rng.IntN(9)
		for range 1 + rng.IntN(20) {
			literals = append(literals, word(shortest+rng.IntN(6)))
		}
		text := word(rng.IntN(200))
		if rng.IntN(2) == 0 {
			text = literals[0] + text + literals[len(literals)-1]
		}
		checkScanner(t, literals, []byte(text))
	}
}

func FuzzScanner(f *testing.F) {
	f.Add("time|out|timeout", []byte("timeouttime"))
	f.Add("a||b|abcdefgh", []byte("abcdefghab"))
	f.Fuzz(func(t *testing.T, literals string, text []byte) {
		if len(literals) < 200 && len(text) < 2000 {
			checkScanner(t, strings.Split(literals, "|"), text)
		}
	})
}

func FuzzFinder(f *testing.F) {
	f.Add("timeout", []byte("timeouttime"))
	f.Fuzz(func(t *testing.T, literal string, text []byte) {
		finder := NewFinder(literal)
		if got, want := finder.Index(text), bytes.Index(text, []byte(literal)); got != want {
			t.Fatalf("Index(%q, %q) = %d, want %d", literal, text, got, want)
		}
	})
}

func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	text := logText(64 << 10)
	finder, scanner := NewFinder("request"), NewScanner(words(200))
	hits := scanner.AppendHits(nil, text)
	if len(hits) == 0 {
		t.Fatal("the text has no hits")
	}
	f := func(name string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%s: %v allocs", name, n)
		}
	}
	run := NewSequence(classes("q[0-9][0-9]"))
	f("Finder", func() { finder.Index(text) })
	f("Sequence", func() { run.Index(text) })
	f("Scanner", func() { hits = scanner.AppendHits(hits[:0], text) })
}
