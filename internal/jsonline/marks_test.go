package jsonline

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestMark(t *testing.T) {
	// The text below has a caret for each event and an x at what is wrong.
	f := func(text, want string) {
		t.Helper()
		var m Marks
		m.Mark([]byte(text))
		got := []byte(strings.Repeat(" ", m.To+1))
		for _, i := range m.Events {
			if int(i) < m.To {
				got[i] = '^'
			}
		}
		if m.Wrong {
			got[m.To] = 'x'
		}
		if got := strings.TrimRight(string(got), " "); got != want {
			t.Errorf("%s\n%s, want\n%s", strings.ReplaceAll(text, "\n", "~"), got, want)
		}
	}
	f("{\"a\":1,\"b\":[\"x\",true]}\n",
		`^          ^   ^^   ^^`)
	f("{\"timestamp\": -1, \"b\": {}}\r\n{}\n",
		"^          ^  ^        ^^^ ^^^")
	f(`{"a":"\n\"\\\u0041b"}`,
		`^      ^     ^      ^`)
	f(`{"a" :1}`, `^   x`)
	f(`{"a":  1}`, `^     x`)
	f(`{"a":1 }`, `^     x`)
	f(`{"a":1,,`, `^      x`)
	f(`{"a"}`, `^   ^`) // an element, where it must not be
	f(`{"a":"b":1}`, `^       x`)
	f(`{"a":"b"1}`, `^       x`)
	f(`{"a":"b" "c"}`, `^       x`)
	f("{\"a\":\"b\n\"}", `^      x`)
	f(`{"a":\"b"}`, `^    x`)
	f(`{"a":"\}"}`, `^      x`)
	f(`{"a":1}x`, `^     ^x`)
	f(`{"a":1"b"}`, `^     x`)
	f(`{"a":1{}`, `^     x`)
	f("{\"a\":0,\"b\":-1.5,\"c\":12e+3,\"d\":10\n", `^    ^     ^ ^        ^         ^`)
	f(`{"open":"never closed`, `^`)
}

// same compares the kernel with plain Go.
func same(t *testing.T, text []byte) {
	t.Helper()
	var got, want Marks
	got.mark(text, (*Marks).check)
	want.mark(text, (*Marks).checkGo)
	if got.To != want.To || got.Wrong != want.Wrong || got.Foreign != want.Foreign || got.words != want.words {
		t.Fatalf("%q is marked to %d, wrong %v, foreign %v; want %d, %v, %v", text, got.To, got.Wrong, got.Foreign, want.To, want.Wrong, want.Foreign)
	}
	if !slices.Equal(got.Events, want.Events) {
		t.Fatalf("%q has events %d, want %d", text, got.Events, want.Events)
	}
	if left, wanted := got.carry.left(), want.carry.left(); left != wanted {
		t.Fatalf("%q leaves %d, want %d", text, left, wanted)
	}
	if n := got.words; !slices.Equal(got.colons[:n], want.colons[:n]) {
		t.Fatalf("%q has colons %#x, want %#x", text, got.colons[:n], want.colons[:n])
	}
	if n := got.words; !slices.Equal(got.elements[:n], want.elements[:n]) {
		t.Fatalf("%q has elements %#x, want %#x", text, got.elements[:n], want.elements[:n])
	}
}

// left is what matters of what a block leaves.
func (g *grammar) left() (left [12]uint64) {
	left = [12]uint64{g.escape, g.inside, g.adding}
	for i, l := range []*lanes{&g.lead, &g.colon, &g.gap, &g.colonGap, &g.number, &g.others, &g.closed, &g.names, &g.letterP} {
		left[3+i] = *l.before() >> 63
	}
	return left
}

// anyLines are lines that are right, mostly, so that much of them is marked.
func anyLines(r *rand.Rand, size int) (text []byte) {
	pieces := []string{`"timestamp":`, `"a":1,`, `"b": "c\"d\\",`, `"e":[1, "x",{}],`, `"f":{"g":null},`, `"\u00e4p":-1.5e3,"i":12345678901,"k":0,"l":120.5,"m":true,`, `"é":"` + strings.Repeat("long ", 30) + `",`}
	for len(text) < size {
		text = append(text, '{')
		for range r.IntN(8) {
			text = append(text, pieces[r.IntN(len(pieces))]...)
		}
		text = append(text, "\"z\":0}\n"...)
	}
	for range r.IntN(3) {
		text[r.IntN(len(text))] = "\"\\{}[]:, \n1xp\x80\x000.e-"[r.IntN(19)]
	}
	return text
}

func TestKernelIsGo(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 3000 {
		same(t, anyLines(r, 1+n%700))
	}
	for range 30 {
		same(t, anyLines(r, 2*MaxBytes))
	}
	for range 2000 {
		text := make([]byte, r.IntN(300))
		for i := range text {
			text[i] = "\"\"\"\\\\{}[]:,, \n1xp\xff0./:"[r.IntN(22)]
		}
		same(t, text)
	}
}

// TestClasses compares the classes of every byte with their meaning.
func TestClasses(t *testing.T) {
	members := [classCount]string{quote: `"`, slash: `\`, space: " ", opener: "{[", closer: "}]pP", colonMark: ":", commaMark: ","}
	for c := range 256 {
		var block [wordBytes]byte
		for at := range block {
			block = [wordBytes]byte(bytes.Repeat([]byte{'x'}, wordBytes))
			block[at] = byte(c)
			var got classes
			if foreign := got.classify(&block); foreign != (c >= 0x80) {
				t.Fatalf("%q is beyond ASCII: %v", byte(c), foreign)
			}
			for class, of := range members {
				want := uint64(0)
				if strings.IndexByte(of, byte(c)) >= 0 || class == ctrl && c < ' ' {
					want = 1 << at
				}
				if got[class] != want {
					t.Fatalf("%q at %d has class %d at %#x, want %#x", byte(c), at, class, got[class], want)
				}
			}
		}
	}
}

func FuzzKernelIsGo(f *testing.F) {
	f.Add([]byte("{\"a\":\"b\\n\",\"timestamp\": 1}\n"))
	f.Fuzz(same)
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	text := anyLines(rand.New(rand.NewPCG(7, 8)), 1000)
	var m Marks
	if n := testing.AllocsPerRun(20, func() { m.Mark(text) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMark(b *testing.B) {
	text := bytes.Repeat([]byte(`{"level":"info","message":"a request of \"this\" kind took 17 ms","latency_ms":17.25,"tags":["a","b"]}`+"\n"), 300)
	for name, check := range map[string]func(*Marks, []byte) int{"kernel": (*Marks).check, "go": (*Marks).checkGo} {
		b.Run(name, func(b *testing.B) {
			var m Marks
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.mark(text, check)
			}
			if m.To != len(text) {
				b.Fatal(m.To)
			}
		})
	}
}
