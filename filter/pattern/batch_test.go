package pattern

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// newBatch joins messages with a separator that some of them may contain.
func newBatch(messages [][]byte) Batch {
	var b Batch
	for _, m := range messages {
		b.Text = append(b.Text, m...)
		b.Ends = append(b.Ends, uint32(len(b.Text)))
		b.Text = append(b.Text, '\n')
	}
	return b
}

// oneByOne is what MatchBatch must return.
func oneByOne(p *Pattern, messages [][]byte) []uint32 {
	var out []uint32
	for i, m := range messages {
		if p.Match(m) {
			out = append(out, uint32(i))
		}
	}
	return out
}

// batchPatterns has patterns of every form, most with something to search for.
var batchPatterns = []string{
	``, `ERROR`, `ERROR timeout`, `-ERROR`, `-ERROR -timeout`, `ERROR -timeout`, `?ERROR ?timeout`, `?ERROR ?WARN ?a ?b ?c`, `"two words"`, `" "`, `"\""`, `"\\"`, `a`, `é`,
	`%ERROR|timeout|refused%`, `%^ERROR%`, `%ERROR$%`, `%^$%`, `%E.*R%`, `%[0-9]{3}%`, `%\\%`, `%a.b%`, `%x*%`, `%[^\x00-\x7f]%`,
	`{ $.level = "ERROR" }`, `{ $.level = ERROR }`, `{ $.level != "ERROR" }`, `{ $.level = "ERR*" }`, `{ $.level = "*ROR" }`, `{ $.level = "*RR*" }`, `{ $.level = * }`, `{ $.level = %ERR% }`,
	`{ $.level = "" }`, `{ $.level = "a/b" }`, `{ $.level = "*/*" }`, `{ $.level = %a\/b% }`, `{ $.level = "Infinity" }`, `{ $.level = "*nit*" }`, `{ $.level = %finity% }`,
	`{ $.n = 1 }`, `{ $.n = "1" }`, `{ $.n = "404" }`, `{ $.n = 404 }`, `{ $.n = "-0" }`, `{ $.n = "0" }`, `{ $.n = "1.0" }`, `{ $.n = "1.0E7" }`, `{ $.n = 4* }`, `{ $.n = "*.0" }`, `{ $.n = %40% }`, `{ $.n = %E7% }`,
	`{ $.n != 1 }`, `{ $.n > 100 }`, `{ $.n <= 1e2 && $.level = "ERROR" }`, `{ $.n = 404 || $.level = "ERROR" }`, `{ $.level = "ERROR" || $.level = "WARN" }`,
	`{ ($.level = "ERROR" || $.n = "404") && $.flag IS TRUE }`, `{ $.flag IS TRUE }`, `{ $.flag IS FALSE }`, `{ $.flag IS NULL }`, `{ $.flag NOT EXISTS }`, `{ $.flag NOT EXISTS && $.level = "ERROR" }`,
	`{ $.tags[*] = "prod" }`, `{ $.tags[*] != "prod" }`, `{ $.tags[0] = "prod" }`, `{ $.tags[1] NOT EXISTS }`, `{ $.tags[*] IS NULL }`, `{ $.tags IS NULL }`, `{ $.user.* = "u-1" }`, `{ $.user.id = "u-1" }`, `{ $.*.id = "u-1" }`, `{ $.* != "ERROR" }`,
	`{ $.user.id != "u-1" }`, `{ $.['a.b'] = 1 }`, `{ $.['a"b'] = 1 }`, `{ $.é = "é" }`, `{ $.tags[*].x != 2 }`,
	`[]`, `[a]`, `[a, b]`, `[a, b, c]`, `[a=ERROR]`, `[a, b=ERROR, ...]`, `[..., b=ERROR]`, `[..., b=ERROR, c]`, `[a, b!=ERROR]`, `[a=4*, b]`, `[a=404, b]`, `[a>100, ...]`, `[..., a="*RR*", b]`, `[a=%ERR%, b]`, `[a=%^ERROR$%, b]`,
	`[a=1e-999, b]`, `[a!=1e-999, b]`, `[a=1, b]`, `{ $.n = 1e-999 }`, `{ $.n != 1e999 }`,
	`[a=ERROR || a=WARN, b]`, `[a, b="404" && b!=x]`, `[a, rest=*two*]`,
}

// randomMessage is JSON, words, or pieces of either.
func randomMessage(r *rand.Rand) []byte {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	words := func(n int) string {
		var w []string
		for range n {
			w = append(w, pick("ERROR", "WARN", "timeout", "two words", "two", "words", "refused", "404", "1", "1.0", "1e-999", "+1", "x", "a", "b", `"quoted b"`, "[in brackets]", "é", "ERR", "OR", "\n", "\t", `\`, ""))
		}
		return strings.Join(w, pick(" ", " ", "  ", ""))
	}
	str := func() string {
		s, _ := json.Marshal(pick("ERROR", "WARN", "prod", "u-1", "a/b", "1", "404", "", "é", "Infinity", "finite", "ERR", "xERRORx", "a\"b", "-0", words(2)))
		return escapeSome(r, string(s))
	}
	var value func(depth int) string
	value = func(depth int) string {
		switch k := r.IntN(8); {
		case k < 3:
			return str()
		case k < 5:
			return pick("1", "0", "-0", "404", "404.0", "4.04e2", "1e0", "1.0", "1e7", "1e999", "1e-999", "40", "-1", "100.5", "12345678901234567890")
		case k == 5 || depth > 2:
			return pick("true", "false", "null")
		case k == 6:
			var items []string
			for range r.IntN(4) {
				items = append(items, value(depth+1))
			}
			return "[" + strings.Join(items, pick(",", " , ")) + "]"
		default:
			var members []string
			for range r.IntN(4) {
				members = append(members, escapeSome(r, pick(`"id"`, `"x"`, `"level"`, `"a.b"`))+":"+value(depth+1))
			}
			return "{" + strings.Join(members, ",") + "}"
		}
	}
	switch r.IntN(4) {
	case 0:
		return []byte(words(r.IntN(6)))
	case 1:
		m := []byte(words(r.IntN(4)))
		if len(m) > 0 {
			m[r.IntN(len(m))] = byte(r.IntN(256))
		}
		return m
	}
	var members []string
	for range r.IntN(6) {
		members = append(members, escapeSome(r, pick(`"level"`, `"level"`, `"n"`, `"flag"`, `"tags"`, `"user"`, `"a.b"`, `"a\"b"`, `"é"`))+pick(":", " : ")+value(0))
	}
	return []byte(pick("", "", " ") + "{" + strings.Join(members, pick(",", ",\n")) + "}" + pick("", "", " ", "x"))
}

// escapeSome writes some characters of a JSON string as escapes.
func escapeSome(r *rand.Rand, s string) string {
	if r.IntN(4) > 0 || strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for _, c := range s[1 : len(s)-1] {
		switch {
		case c == '/' && r.IntN(2) == 0:
			out.WriteString(`\/`)
		case r.IntN(3) == 0:
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			out.WriteRune(c)
		}
	}
	return `"` + out.String() + `"`
}

func randomMessages(r *rand.Rand, n int) [][]byte {
	var out [][]byte
	for range n {
		out = append(out, randomMessage(r))
	}
	return out
}

func TestMatchBatch(t *testing.T) {
	var patterns []*Pattern
	for _, text := range batchPatterns {
		patterns = append(patterns, MustCompile(text))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		messages := randomMessages(r, r.IntN(120))
		b := newBatch(messages)
		for _, p := range patterns {
			checkBatch(t, p, b, messages)
		}
	}
}

func checkBatch(t *testing.T, p *Pattern, b Batch, messages [][]byte) {
	t.Helper()
	got, want := p.MatchBatch(b, nil), oneByOne(p, messages)
	if !slices.Equal(got, want) {
		t.Fatalf("pattern %s\ngot  %v\nwant %v\nfirst difference in %q", p, got, want, firstDifference(messages, got, want))
	}
}

func firstDifference(messages [][]byte, a, b []uint32) []byte {
	for i, m := range messages {
		if slices.Contains(a, uint32(i)) != slices.Contains(b, uint32(i)) {
			return m
		}
	}
	return nil
}

// TestMatchBatchVectors runs every recorded pattern over all recorded messages.
func TestMatchBatchVectors(t *testing.T) {
	patterns, messages := map[string]*Pattern{}, [][]byte{}
	r := rand.New(rand.NewPCG(3, 4))
	for _, v := range readVectors(t) {
		if !v.Valid {
			continue
		}
		patterns[v.Pattern] = MustCompile(v.Pattern)
		if v.Message != nil {
			messages = append(messages, []byte(*v.Message))
		}
	}
	r.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	b := newBatch(messages)
	for _, p := range patterns {
		checkBatch(t, p, b, messages)
	}
}

// TestMatchBatchStraddle: a hit that covers a separator is none, and must not
// hide the one after it.
func TestMatchBatchStraddle(t *testing.T) {
	f := func(pattern string, want []uint32, messages ...string) {
		t.Helper()
		var raw [][]byte
		for _, m := range messages {
			raw = append(raw, []byte(m))
		}
		if got := MustCompile(pattern).MatchBatch(newBatch(raw), nil); !slices.Equal(got, want) {
			t.Errorf("%q over %q: got %v, want %v", pattern, messages, got, want)
		}
	}
	f("\"a\nb\"", nil, "a", "b")
	f("\"a\nb\"", []uint32{1}, "a", "b a\nb", "b")
	f("\"\n\"", nil, "", "", "")
	f("\"\n\"", []uint32{1}, "", "\n", "")
	f("-\"\n\"", []uint32{0, 2}, "", "\n", "")
	f("?\"\n\" ?\"\n\n\" ?x ?y", []uint32{1, 3}, "a", "\n", "", "y", "")
	f("\"aa\naa\"", []uint32{2}, "aa", "aa", "aa\naa\naa")
	f("", []uint32{0, 1}, "", "")
	f("x", nil)
}

// TestMatchBatchConcurrent is for the race detector: a pattern and its plan are
// shared, also while the plan is made.
func TestMatchBatchConcurrent(t *testing.T) {
	messages := randomMessages(rand.New(rand.NewPCG(5, 6)), 50)
	b := newBatch(messages)
	patterns := compileEach(batchPatterns)
	set := NewSet(patterns...)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var m Matches
			set.Match(b, &m)
			for i, p := range patterns {
				want := oneByOne(p, messages)
				if got := p.MatchBatch(b, nil); !slices.Equal(got, want) || !slices.Equal(m.Of(i), want) {
					t.Errorf("%s: alone %v, in the set %v, want %v", p, got, m.Of(i), want)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzMatchBatch(f *testing.F) {
	for i, p := range batchPatterns {
		f.Add(p, []byte("{\"level\":\"ERROR\"}\x00two words ERROR\x00"), uint64(i))
	}
	f.Fuzz(func(t *testing.T, pattern string, text []byte, seed uint64) {
		p, err := Compile(pattern)
		if err != nil || len(text) > 4<<10 {
			return
		}
		var messages [][]byte
		for _, m := range strings.Split(string(text), "\x00") {
			messages = append(messages, []byte(m))
		}
		messages = append(messages, randomMessages(rand.New(rand.NewPCG(seed, 1)), 20)...)
		checkBatch(t, p, newBatch(messages), messages)
	})
}

func TestMatchBatchAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	b := newBatch(randomMessages(rand.New(rand.NewPCG(5, 6)), 3000))
	for _, text := range batchPatterns {
		p := MustCompile(text)
		dst := p.MatchBatch(b, nil)
		if n := testing.AllocsPerRun(10, func() { dst = p.MatchBatch(b, dst[:0]) }); n != 0 {
			t.Errorf("%s: %v allocs", p, n)
		}
	}
}
