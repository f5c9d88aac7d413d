package dfa

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// expressions covers every construct of the pattern language's regex syntax.
var expressions = []string{
	``, `a`, `abc`, `error|timeout|refused`, `^abc`, `abc$`, `^abc$`, `^$`, `$^`, `^a|b$`, `a*`, `a+b`, `a?b`, `ab*?c`,
	`.`, `..`, `^.$`, `^..$`, `^...$`, `a.b`, `a..b`, `^.*$`, `^[^a]$`, `[^a][^b]c`, `^[^a]{3}$`, `[^\x00-\x7f]`, `\xe9`, `^\xe9+$`,
	`[\xe0-\xff]x`, `\x{FFFD}`, `^\x{FFFD}{2}$`, `[\x{FFFC}-\x{FFFE}]a`, `\x{10000}`, `[\x{d7ff}-\x{e000}]`, `\D\d`, `\W\w\S\s`, `^\W*$`, `^\D\D\D$`,
	`\d+ms`, `elapsed=1[89]\d\dms`, `[a-c]{2,4}d`, `(?:ab|cd)+e`, `x{0}y`, `a{3}`, `[0-9a-f]{8}\] c\.e\.p.*attempt=3`, `(?i)word`, `(?i)k`,
	`(?s)a.b`, `a$b`, `(?:^a|b)c`, `(?:a|b$)`, `(?:^|x)a`, `a(?:$|x)`, `[^\n]`, `a.*b.*c`, `[ab].{5}c`, `[\x{800}-\x{fff}\x{10000}]+$`, `^(?:[^\x{e000}-\x{e0ff}]|\x{d7ff}).$`, `(?:a|ab)(?:c|bcd)(?:d*)$`,
}

// pieces builds texts that come close to matching and to being UTF-8.
var pieces = []string{
	"a", "b", "c", "d", "e", "x", "y", "0", "1", "9", " ", "\n", "abc", "error", "timeout", "refuse", "elapsed=18", "ms", "word", "WORD", "\u212a", "é", "\xc3", "\xa9",
	"\xe2\x82\xac", "\xe2\x82", "\xe2", "\x82", "\xf0\x9f\x98\x80", "\xf0\x9f\x98", "\xf0\x9f", "\xf0", "\xed\xa0\x80", "\xed\x9f\xbf", "\xe0\x80\x80", "\xe0\xa0\x80", "\xc0\x80",
	"\xf4\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbd", "\xef\xbf\xbc", "\xef\xbf", "\xff", "\xee\x80\x80", "\xf0\x90\x80\x80", "attempt=3", "deadbeef] c.e.p",
}

func randomText(rng *rand.Rand) []byte {
	var text []byte
	for range rng.IntN(9) {
		text = append(text, pieces[rng.IntN(len(pieces))]...)
	}
	return text
}

// matchers returns expr compiled for the table and for caches, the last one so
// small that it overflows all the time.
func compileAll(t testing.TB, expr string) (table, cache *Regexp) {
	t.Helper()
	table, err := Compile(expr)
	if err != nil {
		t.Fatalf("Compile(%q): %v", expr, err)
	}
	cache, err = Compile(expr)
	if err != nil {
		t.Fatal(err)
	}
	cache.table, cache.std = nil, regexp.MustCompile(expr)
	return table, cache
}

func TestMatchEqualsStd(t *testing.T) {
	for _, expr := range expressions {
		std := regexp.MustCompile(expr)
		table, cache := compileAll(t, expr)
		if table.table == nil && !table.always {
			t.Errorf("%q got no table", expr)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 3000 {
			text := randomText(rng)
			checkOne(t, std, table, cache, text)
		}
	}
}

func checkOne(t *testing.T, std *regexp.Regexp, table, cache *Regexp, text []byte) {
	t.Helper()
	want := std.Match(text)
	if got := table.Match(text); got != want {
		t.Fatalf("table: %q on %q: got %v, want %v", std, text, got, want)
	}
	if got := cache.Match(text); got != want {
		t.Fatalf("cache: %q on %q: got %v, want %v", std, text, got, want)
	}
	checkLiterals(t, table, text, want)
}

// checkLiterals verifies the promises of Literals for one text.
func checkLiterals(t *testing.T, r *Regexp, text []byte, matches bool) {
	t.Helper()
	anyOf := func(set []string) bool {
		for _, s := range set {
			if bytes.Contains(text, []byte(s)) {
				return true
			}
		}
		return false
	}
	if exact := r.Literals().Exact; exact != nil && anyOf(exact) != matches {
		t.Fatalf("%q on %q: match is %v, but Exact %q says otherwise", r, text, matches, exact)
	}
	for _, set := range r.Literals().Required {
		if matches && !anyOf(set) {
			t.Fatalf("%q matches %q without one of %q", r, text, set)
		}
	}
	for _, run := range r.Literals().Runs {
		if contains := containsRun(text, run); matches && !contains || r.Literals().WholeRun && contains != matches {
			t.Fatalf("%q on %q: match is %v, contains %q is %v", r, text, matches, run, contains)
		}
	}
}

func containsRun(text []byte, run [][]byte) bool {
	for at := range text {
		n := 0
		for n < len(run) && at+n < len(text) && bytes.IndexByte(run[n], text[at+n]) >= 0 {
			n++
		}
		if n == len(run) {
			return true
		}
	}
	return false
}

func FuzzMatchEqualsStd(f *testing.F) {
	for i, expr := range expressions {
		f.Add(expr, []byte(pieces[i%len(pieces)]+pieces[(7*i)%len(pieces)]))
	}
	f.Fuzz(func(t *testing.T, expr string, text []byte) {
		if len(expr) > 64 || len(text) > 256 {
			return
		}
		std, err := regexp.Compile(expr)
		if err != nil {
			return
		}
		if table, err := Compile(expr); err == nil {
			cache, _ := Compile(expr)
			cache.table, cache.std = nil, std
			checkOne(t, std, table, cache, text)
		}
	})
}

// TestCacheOverflow searches texts that need more states than a cache holds, in
// pieces that are short enough not to be handed to std.
func TestCacheOverflow(t *testing.T) {
	const expr = `[ab].{14}c$`
	std := regexp.MustCompile(expr)
	re, _ := compileAll(t, expr)
	if re.table != nil {
		t.Fatalf("%q was expected to outgrow the table", expr)
	}
	a := newAutomaton(re.prog)
	rng := rand.New(rand.NewPCG(3, 4))
	states, emptied := 0, 0
	for range 2000 {
		text := make([]byte, 16+rng.IntN(200))
		for i := range text {
			text[i] = "abx"[rng.IntN(3)]
		}
		text[len(text)-1] = "cx"[rng.IntN(2)]
		ok, decided := a.match(text)
		if want := std.Match(text); !decided || ok != want {
			t.Fatalf("%q: got %v (decided %v), want %v", text, ok, decided, want)
		}
		if len(a.spans) < states {
			emptied++
		}
		states = len(a.spans)
	}
	if emptied == 0 {
		t.Errorf("the cache has %d states and was never emptied", states)
	}
}

// TestHandOver: a text that is all misses ends up with std.
func TestHandOver(t *testing.T) {
	re, _ := compileAll(t, `[ab].{14}c$`)
	rng := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, 100_000)
	for i := range text {
		text[i] = "abx"[rng.IntN(3)]
	}
	if _, decided := newAutomaton(re.prog).match(text); decided {
		t.Error("the cache decided a text of 100,000 bytes that needs a state for each")
	}
	for _, end := range []byte("cx") {
		text[len(text)-1] = end
		if got, want := re.Match(text), re.std.Match(text); got != want {
			t.Errorf("ending in %c: got %v, want %v", end, got, want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	f := func(expr string) {
		t.Helper()
		if _, err := Compile(expr); err == nil {
			t.Errorf("Compile(%q) succeeded", expr)
		}
	}
	f(`a**`)
	f(`[z-a]`)
	f(`\bword`)
	f(`(?m)^a`)
	f(strings.Repeat(`[ab]{1000}`, 3))
	if _, err := Compile(`a[ab]{1000}c`); err != nil {
		t.Error(err)
	}
}

func TestLiterals(t *testing.T) {
	f := func(expr, exact, required string) {
		t.Helper()
		r, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		var sets []string
		for _, set := range r.Literals().Required {
			sets = append(sets, strings.Join(set, "|"))
		}
		if got := strings.Join(r.Literals().Exact, "|"); got != exact {
			t.Errorf("%q: exact %q, want %q", expr, got, exact)
		}
		if got := strings.Join(sets, " & "); got != required {
			t.Errorf("%q: required %q, want %q", expr, got, required)
		}
	}
	f(`error`, "error", "error")
	f(`error|timeout|refused`, "error|timeout|refused", "error|timeout|refused")
	f(`error|errors`, "error", "error")
	f(`^error`, "", "error")
	f(`gra|ey`, "ey|gra", "ey|gra")
	f(`gr[ae]y`, "gray|grey", "gray|grey")
	f(`elapsed=1[89]\d\dms`, "", "elapsed=18|elapsed=19 & 0ms|1ms|2ms|3ms|4ms|5ms|6ms|7ms|8ms|9ms")
	f(`req-[0-9a-f]{8}\] c\.e\.payments.*attempt=3`, "", "] c.e.payments & attempt=3 & req-")
	f(`a*`, "", "")
	f(`(?:abc)+d`, "", "abc & d")
	f(`abc?`, "ab", "ab")
	f(`abc|.`, "", "")
	f(`\d\d\d`, "", "")
	f(`\x{FFFD}b`, "", "")
	f(`(?i)word`, "", "")
}

func TestMatchAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	text := bytes.Repeat([]byte("a line of text with 12 numbers é and no hit\n"), 20)
	for _, expr := range []string{`error|timeout|refused`, `\d\d:\d+ms`, `[ab].{14}c$`} {
		r, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { r.Match(text) }); n != 0 {
			t.Errorf("%q: %v allocs per Match", expr, n)
		}
	}
}
