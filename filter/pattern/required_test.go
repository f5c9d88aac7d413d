package pattern

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestRequired(t *testing.T) {
	const text = "one ERROR two timeout three\n"
	f := func(pattern string, offset int, wantExact bool) {
		t.Helper()
		index, exact := MustCompile(pattern).Required()
		if index == nil {
			if offset != absent {
				t.Errorf("pattern %s: no literal", pattern)
			}
			return
		}
		if got := index([]byte(text)); got != offset || exact != wantExact {
			t.Errorf("pattern %s: at %d, exact %v", pattern, got, exact)
		}
	}
	f(`ERROR`, 4, true)
	f(`"two timeout"`, 10, true)
	f(`missing`, -1, true)
	f(`ERROR timeout`, 4, false) // the rarer one
	f(`ERROR -three`, 4, false)
	f(`ERROR ?other`, 4, true)
	f(`?ERROR`, 4, true)
	f(`%ERROR%`, 4, true)
	f(`%timeout [a-z]+%`, 14, false)
	f(`[..., w = timeout, last]`, 14, false)

	f(``, absent, false)
	f(`-ERROR`, absent, false)
	f(`?ERROR ?WARN`, absent, false)
	f(`%[a-z]+%`, absent, false)
	f(`[a, b = 5*]`, absent, false) // in every message
	f(`[a, b > 5]`, absent, false)
	f(`{ $.level = "ERROR" }`, absent, false)
}

// absent is where TestRequired wants no index at all.
const absent = -2

// TestRequiredCovers: outside of what index finds nothing matches.
func TestRequiredCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	literals := 0
	for range 3000 {
		p, messages := randomTermCase(rng)
		index, exact := p.Required()
		if index == nil {
			continue
		}
		literals++
		for _, m := range messages {
			found := index(m) >= 0
			if match := p.Match(m); match && !found || exact && match != found {
				t.Fatalf("pattern %s, message %q: found %v, exact %v, matches %v", p, m, found, exact, match)
			}
		}
	}
	if literals < 300 {
		t.Errorf("only %d patterns with a literal", literals)
	}
}

// randomTermCase returns a pattern of a few terms and messages made of the same
// words.
func randomTermCase(rng *rand.Rand) (*Pattern, [][]byte) {
	words := []string{"a", "ab", "abc", "Q", "Qu", "timeout"}
	word := func() string { return words[rng.IntN(len(words))] }
	text := ""
	for range 1 + rng.IntN(3) {
		text += []string{"", "", "-", "?"}[rng.IntN(4)] + word() + " "
	}
	if rng.IntN(4) == 0 {
		text = "%" + word() + []string{"", "[a-z]", "?"}[rng.IntN(3)] + word() + "%"
	}
	var messages [][]byte
	for range 5 {
		var m bytes.Buffer
		for range rng.IntN(4) {
			m.WriteString(word() + []string{"", " "}[rng.IntN(2)])
		}
		messages = append(messages, m.Bytes())
	}
	return MustCompile(text), messages
}

func TestRequiredAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	index, _ := MustCompile("ERROR").Required()
	text := bytes.Repeat([]byte("an event of no interest\n"), 100)
	if n := testing.AllocsPerRun(20, func() { index(text) }); n != 0 {
		t.Errorf("%v allocs", n)
	}
}
