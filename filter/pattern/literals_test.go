package pattern

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLiterals(t *testing.T) {
	f := func(pattern string, want ...string) {
		t.Helper()
		var got []string
		for _, l := range MustCompile(pattern).Literals() {
			got = append(got, string(l))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("pattern %s: %q, want %q", pattern, got, want)
		}
	}
	f(``)
	f(`ERROR`, "ERROR")
	f(`ERROR "two words" -WARN`, "ERROR", "two words")
	f(`-ERROR`)
	f(`?ERROR ?WARN`)
	f(`%ERROR%`, "ERROR")
	f(`[..., w = timeout, last]`, "timeout")
	f(`{ $.level = "ERROR" }`) // may be written "\u0045RROR"
}

// A match contains every literal, whatever the pattern.
func TestMatchesContainTheLiterals(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	g := generator{rng}
	hits := 0
	for range 20_000 {
		p, err := Compile(g.pattern())
		if err != nil {
			continue
		}
		for range 5 {
			hits += checkLiterals(t, p, []byte(g.message()))
		}
	}
	for range 3000 {
		p, messages := randomTermCase(rng)
		for _, m := range messages {
			hits += checkLiterals(t, p, m)
		}
	}
	if hits < 1000 {
		t.Errorf("only %d matches had literals to look for", hits)
	}
}

// checkLiterals returns 1 for a match that has literals.
func checkLiterals(t *testing.T, p *Pattern, message []byte) int {
	t.Helper()
	if !p.Match(message) {
		return 0
	}
	literals := p.Literals()
	for _, l := range literals {
		if !bytes.Contains(message, l) {
			t.Fatalf("pattern %s matches %q, which has no %q", p, message, l)
		}
	}
	return min(1, len(literals))
}

func FuzzLiterals(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, text, message string) {
		if p := compileChecked(t, text); p != nil {
			checkLiterals(t, p, []byte(message))
		}
	})
}
