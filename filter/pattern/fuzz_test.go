package pattern

import (
	"maps"
	"os"
	"strings"
	"testing"
)

// seeds are patterns with messages that make them work; the recorded vectors
// are added where they are at hand.
var seeds = [][2]string{
	{`ERROR -"two words" ?WARN`, `an ERROR of two  words`},
	{`?a ?b`, `b`},
	{`%^a[bc]+\d{,3}$%`, `abc12`},
	{`{ $.a = 1 || ($.b[0].c != "x*" && $.d IS NULL) }`, `{"a":1.0,"b":[{"c":"\u0078y"}],"d":[null]}`},
	{`{ $.* != 2 && $.a.* = %1% }`, `{"a":{"x":1e0,"x":12,"y":"\n"},"a":{"z":-0.0}}`},
	{`{ $.a[*].b NOT EXISTS && $.c <= 1e-999 }`, `{"a":[1,{"b":[]}],"c":1e-400}`},
	{`{ $.n > 9007199254740992 || $.n = "1.0E7" || $.n = 1* }`, `{"n":1e7}`},
	{`[a, b = 4* && b != 404, ..., c > 1.5, d]`, `x "40 1" [y z] 2e0 "q`},
	{`[a, rest = "* c*"]`, "a\t[b] c "},
	{`[, x, ]`, `"" [] `},
	{`[]`, ``},
	{``, ``},
}

func addSeeds(f *testing.F) {
	for _, s := range seeds {
		f.Add(s[0], s[1])
	}
	if os.Getenv("SLUICETEST_FUZZ_VECTORS") == "" {
		return
	}
	for _, v := range readVectors(f) {
		if v.Message != nil {
			f.Add(v.Pattern, *v.Message)
		}
	}
}

// FuzzMatch holds Match against the naive matcher, Fields against the naive
// fields, and Explain against Match; a pattern that is refused must be refused
// with an offset inside it.
func FuzzMatch(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, text, message string) {
		p := compileChecked(t, text)
		if p == nil || p.form == JSON && !jsonComparable(message) {
			return
		}
		checkAgainstNaive(t, p, message)
	})
}

func compileChecked(t *testing.T, text string) *Pattern {
	p, err := Compile(text)
	if err == nil {
		return p
	}
	e := err.(*Error)
	if e.Offset < 0 || e.Offset > len(text) || e.Message == "" || e.Code == 0 {
		t.Fatalf("Compile(%q): %+v", text, *e)
	}
	return nil
}

func checkAgainstNaive(t *testing.T, p *Pattern, message string) {
	t.Helper()
	got, want := p.Match([]byte(message)), naiveMatch(p, message)
	if got != want {
		t.Fatalf("pattern %q message %q: got %v, naively %v", p, message, got, want)
	}
	if e := Explain(p, []byte(message)); e.Match != got {
		t.Fatalf("pattern %q message %q: Match %v, Explain %+v", p, message, got, e)
	}
	if p.form != Space {
		return
	}
	fields, _ := naiveFields(p.space, message)
	if real := p.Fields([]byte(message)); !maps.Equal(real, fields) {
		t.Fatalf("pattern %q message %q: fields %q, naively %q", p, message, real, fields)
	}
}

// FuzzJSON keeps the pattern fixed to some that touch every part of the walk, so
// that the fuzzer spends itself on messages.
func FuzzJSON(f *testing.F) {
	patterns := []*Pattern{
		MustCompile(`{ $.a = 1 }`),
		MustCompile(`{ $.a.b != "x" || $.a[0] = %y% || $.a.* = 2 }`),
		MustCompile(`{ $.* IS NULL || $.a[*].b != 1 && $.b NOT EXISTS }`),
		MustCompile(`{ $.a = "*1*" || $.a IS NULL || $.['b c'] < 0.1 }`),
		MustCompile(`{ $.zzz NOT EXISTS }`),
	}
	for _, s := range seeds {
		f.Add(s[1])
	}
	f.Add(`{"a":"` + strings.Repeat("long ", 40) + `\"","b":{"c":[true,false,null,-1.5e+3]}}`)
	f.Add(`{"a":` + strings.Repeat("[", 127) + strings.Repeat("]", 127) + `}`)
	f.Fuzz(func(t *testing.T, message string) {
		if !jsonComparable(message) {
			return
		}
		for _, p := range patterns {
			checkAgainstNaive(t, p, message)
		}
	})
}
