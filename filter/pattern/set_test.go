package pattern

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// checkSet compares a Set with its patterns one by one.
func checkSet(t *testing.T, m *Matches, patterns []*Pattern, messages [][]byte) {
	t.Helper()
	s := NewSet(patterns...)
	s.Match(newBatch(messages), m)
	for i, p := range patterns {
		got, want := m.Of(i), oneByOne(p, messages)
		if !slices.Equal(got, want) {
			t.Fatalf("pattern %d of %d, %s\ngot  %v\nwant %v\nfirst difference in %q\nset %q", i, len(patterns), p, got, want, firstDifference(messages, got, want), patterns)
		}
		if m.Count(i) != len(want) {
			t.Fatalf("Count(%d) = %d, want %d", i, m.Count(i), len(want))
		}
	}
}

func compileEach(texts []string) []*Pattern {
	var out []*Pattern
	for _, text := range texts {
		out = append(out, MustCompile(text))
	}
	return out
}

// TestSet mixes patterns at random, of one form or of all, with repetitions.
func TestSet(t *testing.T) {
	all := compileEach(batchPatterns)
	r := rand.New(rand.NewPCG(7, 8))
	var m Matches
	for range 300 {
		from := all
		if form := Form(r.IntN(6)); form <= Space {
			from = slices.DeleteFunc(slices.Clone(all), func(p *Pattern) bool { return p.form != form })
		}
		var patterns []*Pattern
		for range 1 + r.IntN(12) {
			patterns = append(patterns, from[r.IntN(len(from))])
		}
		if r.IntN(10) == 0 {
			patterns = all
		}
		checkSet(t, &m, patterns, randomMessages(r, r.IntN(80)))
	}
}

func TestSetEmpty(t *testing.T) {
	var m Matches
	NewSet().Match(newBatch([][]byte{[]byte("a")}), &m)
	s := NewSet(MustCompile("a"), MustCompile("{ $.a = 1 }"), MustCompile("[a]"))
	s.Match(Batch{}, &m)
	for i := range 3 {
		if m.Count(i) != 0 {
			t.Errorf("pattern %d matches in an empty batch", i)
		}
	}
}

// TestSetReuse: nothing of one batch may be left over in the next, and a
// Matches may change its set.
func TestSetReuse(t *testing.T) {
	patterns := compileEach(batchPatterns)
	s := NewSet(patterns...)
	r := rand.New(rand.NewPCG(9, 10))
	var m Matches
	for range 30 {
		messages := randomMessages(r, 50)
		s.Match(newBatch(messages), &m)
		for i, p := range patterns {
			if got, want := m.Of(i), oneByOne(p, messages); !slices.Equal(got, want) {
				t.Fatalf("%s: got %v, want %v", p, got, want)
			}
		}
		checkSet(t, &m, patterns[:1+r.IntN(len(patterns)-1)], messages)
	}
}

func TestSetVectors(t *testing.T) {
	known, patterns, messages := map[string]bool{}, []*Pattern{}, [][]byte{}
	for _, v := range readVectors(t) {
		if !v.Valid {
			continue
		}
		if !known[v.Pattern] {
			known[v.Pattern] = true
			patterns = append(patterns, MustCompile(v.Pattern))
		}
		if v.Message != nil {
			messages = append(messages, []byte(*v.Message))
		}
	}
	checkSet(t, new(Matches), patterns, messages)
}

// TestSetJSON has the events for which facts are withdrawn or not enough.
func TestSetJSON(t *testing.T) {
	patterns := compileEach([]string{
		`{ $.a = 1 }`, `{ $.a = "x" }`, `{ $.a != 1 }`, `{ $.a != "x" }`, `{ $.a > 0 }`, `{ $.a NOT EXISTS }`, `{ $.a IS NULL }`, `{ $.a.b = 1 }`, `{ $.a.b NOT EXISTS }`,
		`{ $.a[0] = 1 }`, `{ $.a[*] = 1 }`, `{ $.a[*] != 1 }`, `{ $.a[*].b = 1 }`, `{ $.a[*].b != 1 }`, `{ $.* = 1 }`, `{ $.*.b = 1 }`, `{ $.a.* IS NULL }`, `{ $.* != 1 }`, `{ $.* NOT EXISTS }`,
		`{ $.a != 1e400 || $.a = * }`,
	})
	f := func(messages ...string) {
		t.Helper()
		var raw [][]byte
		for _, m := range messages {
			raw = append(raw, []byte(m))
		}
		checkSet(t, new(Matches), patterns, raw)
	}
	f(`{"a":1}`, `{"a":1,"a":2}`, `{"a":2,"a":1}`, `{"a":1,"\u0061":"x"}`, `{"\u0061":1}`, `{"a":1,"a":{}}`, `{"a":{"b":1},"a":null}`, `{"a":{"b":1,"b":2}}`)
	f(`{"a":[1]}`, `{"a":[2,1]}`, `{"a":[null]}`, `{"a":[[null]]}`, `{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":1,"b":2}]}`, `{"a":[{"b":2,"b":1},{"b":3}]}`, `{"a":[{"b":1},{"b":5,"b":6}]}`, `{"a":{"x":1}}`)
	f(`{"a":[],"a":[1]}`, `{"x":{"b":1}}`, `{"x":{"b":1},"x":{}}`, `{"a":{"x":null,"x":1}}`, `{}`, `[]`, `{"a":1} x`, `{"a":1e999}`, `{"a":-0}`, `{"a":1.0}`, `{"a":"1"}`, `{"a":123456789012345678901}`)
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf(`"k%d":%d`, i, i%3))
	}
	f(`{`+strings.Join(many, ",")+`}`, `{"a":{`+strings.Join(many, ",")+`}}`, strings.Repeat(`{"a":`, 130)+"1"+strings.Repeat("}", 130))
}

// TestSetAnnounced has enough long globs on one value that the scan of the batch
// says where to look for them, and values in which it cannot see them.
func TestSetAnnounced(t *testing.T) {
	patterns := compileEach([]string{
		`{ $.m = "*timeout1070*" }`, `{ $.m = "*refused2088*" }`, `{ $.m = "*rollback99" }`, `{ $.m != "*deadline77*" }`, `{ $.x.m = "*12345678*" }`, `{ $.x.m = "*23456789*" }`, `{ $.x.m = "*34567890*" }`,
		`timeouts`, `refusals`, `rollbacks`, `deadlines`,
	})
	if s := NewSet(patterns...); s.needle == nil || !s.json.court.factory.searches[0].announced {
		t.Fatal("the searches are not part of the scan")
	}
	var raw [][]byte
	for _, m := range []string{
		`{"m":"a timeout1070"}`, `{"m":"a time\u006fut1070"}`, `{"m":"refused2088 \n timeout1070"}`, `{"m":"rollback99 deadline77"}`, `{"m":"deadline77 rollback99"}`, `{"m":"x","n":"timeout1070"}`,
		`{"x":{"m":123456789}}`, `{"x":{"m":1.23456789e8}}`, `{"x":{"m":12345678.5}}`, `{"x":{"m":"12345678"}}`, `{"x":{"m":34567890},"m":"\u0072efused2088"}`, `timeouts`, `{"m":"timeou", "t1070":1}`, `t1070`,
	} {
		raw = append(raw, []byte(m))
	}
	checkSet(t, new(Matches), patterns, raw)
}

// TestSetShared has patterns that share a text and differ in another: no message with
// the shared one may be shown to all of them.
func TestSetShared(t *testing.T) {
	var texts []string
	for i := range 40 {
		texts = append(texts, fmt.Sprintf(`"request completed" "o-%d"`, i), fmt.Sprintf(`?"request completed" ?"p-%d"`, i))
	}
	patterns := compileEach(texts)
	s := NewSet(patterns...)
	for id, watchers := range s.needle.watchers {
		for _, w := range watchers {
			if w.action == matchFully && len(watchers) > 10 {
				t.Fatalf("%d patterns wait for literal %d", len(watchers), id)
			}
		}
	}
	var raw [][]byte
	for i := range 50 {
		raw = append(raw, fmt.Appendf(nil, "request completed by o-%d", i), fmt.Appendf(nil, "o-%d p-%d", i, i/2))
	}
	checkSet(t, new(Matches), patterns, raw)
}

func FuzzSet(f *testing.F) {
	for i := range batchPatterns {
		f.Add(batchPatterns[i]+"\x01"+batchPatterns[(i*7+3)%len(batchPatterns)], []byte("{\"level\":\"ERROR\"}\x00two words ERROR\x00"), uint64(i))
	}
	f.Fuzz(func(t *testing.T, texts string, text []byte, seed uint64) {
		if len(text) > 4<<10 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		var patterns []*Pattern
		for _, s := range strings.Split(texts, "\x01") {
			if p, err := Compile(s); err == nil {
				patterns = append(patterns, p)
			}
		}
		for range r.IntN(6) {
			patterns = append(patterns, MustCompile(batchPatterns[r.IntN(len(batchPatterns))]))
		}
		var messages [][]byte
		for _, m := range strings.Split(string(text), "\x00") {
			messages = append(messages, []byte(m))
		}
		checkSet(t, new(Matches), patterns, append(messages, randomMessages(r, 20)...))
	})
}

func TestSetAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	b := newBatch(randomMessages(rand.New(rand.NewPCG(5, 6)), 3000))
	f := func(texts ...string) {
		t.Helper()
		s := NewSet(compileEach(texts)...)
		var m Matches
		s.Match(b, &m)
		if n := testing.AllocsPerRun(5, func() { s.Match(b, &m) }); n != 0 {
			t.Errorf("%d patterns, first %s: %v allocs", len(texts), texts[0], n)
		}
	}
	f(batchPatterns...)
	f(batchPatterns[1])
	f("a", "b", `{ $.n > 1 }`, `{ $.level = "ERROR" }`, "[a=1, b]")
	f(batchPatterns[1:4]...)
}
