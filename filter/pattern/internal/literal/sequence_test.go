package literal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// classes translates a run in the notation of a regular expression, for tests:
// plain characters and [...] with ranges.
func classes(run string) [][]byte {
	var out [][]byte
	for len(run) > 0 {
		n := 1
		if run[0] == '[' {
			n = strings.IndexByte(run, ']') + 1
		}
		re := regexp.MustCompile("^" + run[:n] + "$")
		var class []byte
		for b := range 128 {
			if re.Match([]byte{byte(b)}) {
				class = append(class, byte(b))
			}
		}
		out, run = append(out, class), run[n:]
	}
	return out
}

func TestSequence(t *testing.T) {
	f := func(run string, texts ...string) {
		t.Helper()
		s, re := NewSequence(classes(run)), regexp.MustCompile(run)
		for _, text := range texts {
			want := -1
			if at := re.FindStringIndex(text); at != nil {
				want = at[0]
			}
			if got := s.Index([]byte(text)); got != want {
				t.Errorf("%s in %q: %d, want %d", run, text, got, want)
			}
		}
	}
	f("5[0-9][0-9] [A-Z]", "", "5", "500 X", " 500 X", "5 500 x 5000 X 512 Y", strings.Repeat("5", 40)+"00 Z", strings.Repeat("5", 40), strings.Repeat("50 X", 20))
	f("a", "", "a", "b", "bbbbbbbbbbbbbbbba", "\x81\xe1a")
	f("[ab]a", "aa", "ca", "xxxxxxxxxxxxxxxxxxba", "\x80\x00aa")
	if s := NewSequence(classes("[0-9][a-f]")); s != nil {
		t.Error("a run without a single byte has a Sequence")
	}
}

func TestSequenceRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	places := []string{"a", "b", "c", "[ab]", "[bc]", "[a-c]", "[0-9]"}
	for range 3000 {
		run := places[rng.IntN(3)]
		for range rng.IntN(6) {
			run += places[rng.IntN(len(places))]
		}
		text := make([]byte, rng.IntN(100))
		for i := range text {
			text[i] = "abc5\xe1"[rng.IntN(5)]
		}
		want := -1
		// (?s-u) has no equal in Go: bytes beyond ASCII are in no class, so that
		// turning them into a letter no run has changes nothing.
		ascii := bytes.ReplaceAll(text, []byte("\xe1"), []byte("z"))
		if at := regexp.MustCompile(run).FindIndex(ascii); at != nil {
			want = at[0]
		}
		if got := NewSequence(classes(run)).Index(text); got != want {
			t.Fatalf("%s in %q: %d, want %d", run, text, got, want)
		}
	}
}

func BenchmarkSequence(b *testing.B) {
	text := logText(1 << 20)
	for _, run := range []string{"5[0-9][0-9] [A-Z]", "50[0-9]x", "q[0-9][0-9]"} {
		s := NewSequence(classes(run))
		b.Run(fmt.Sprint(run), func(b *testing.B) {
			perCPU(b, len(text), func() { s.Index(text) })
		})
	}
}
