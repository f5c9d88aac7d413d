package pattern

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// checkExtract compares what a selector finds with the naive selection.
func checkExtract(t *testing.T, sel *Selector, message string) {
	t.Helper()
	p := MustCompile(`{ $.a = 1 }`)
	values, _ := p.Extract(nil, nil, []byte(message), []*Selector{sel})
	root, ok := naiveDecode(message)
	if !ok {
		return // any answer will do, only a panic would not
	}
	want := Value{}
	if nodes := naiveSelect(any(root), sel.path.steps); len(nodes) > 0 {
		switch v := nodes[0].(type) {
		case nil:
			want = Value{ValueNull, []byte("null")}
		case bool:
			want = Value{ValueBool, []byte(map[bool]string{true: "true", false: "false"}[v])}
		case string:
			want = Value{ValueText, []byte(v)}
		case json.Number:
			want = Value{ValueNumber, []byte(naiveCanonical(v.String()))}
		default:
			want = Value{Kind: ValueComposite}
		}
	}
	got := values[0]
	if want.Kind == ValueComposite {
		got.Text = nil
	}
	if got.Kind != want.Kind || string(got.Text) != string(want.Text) {
		t.Fatalf("%s in %q: %v %q, want %v %q", sel, message, got.Kind, got.Text, want.Kind, want.Text)
	}
}

func TestExtractRandom(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 6))}
	for range 3000 {
		sel := g.selector(t)
		for range 5 {
			checkExtract(t, sel, g.object(3))
		}
	}
}

func (g generator) selector(t testing.TB) *Selector {
	text := "$" + g.pick(".a", ".b", ".['a.b']", ".c-d", ".['']")
	for range g.IntN(3) {
		text += g.pick(".a", ".b", "[0]", "[1]")
	}
	sel, err := CompileSelector(text, JSON)
	if err != nil {
		t.Fatal(err)
	}
	return sel
}

// FuzzExtract is for messages that are not JSON: nothing may panic, neither in
// Extract nor in Explain and Lint.
func FuzzExtract(f *testing.F) {
	f.Add(`$.a[0].b`, `{"a":[{"b":"\u00e9"`)
	f.Add(`$.a`, `{"a":`)
	f.Add(`$.['x']`, `{"x":[1,`)
	f.Fuzz(func(t *testing.T, text, message string) {
		sel, err := CompileSelector(text, JSON)
		if err != nil || len(text) > 500 || !jsonComparable(message) {
			return
		}
		checkExtract(t, sel, message)
		if p, err := Compile("{" + text + " = 1 }"); err == nil {
			Explain(p, []byte(message))
			Lint(p, [][]byte{[]byte(message), []byte(strings.ToUpper(message))})
		}
	})
}

func TestSelectorErrors(t *testing.T) {
	f := func(text string, form Form, want bool) {
		t.Helper()
		sel, err := CompileSelector(text, form)
		if (err == nil) != want {
			t.Errorf("selector %q for %s: %v", text, form, err)
		}
		if err == nil && sel.String() != text {
			t.Errorf("selector %q prints as %q", text, sel)
		}
	}
	f(`$.a.b[0].['c d']`, JSON, true)
	f(`$.a[*]`, JSON, false)
	f(`$.*`, JSON, false)
	f(`$.a `, JSON, false)
	f(`$`, JSON, false)
	f(`a`, JSON, false)
	f(``, JSON, false)
	f(`$name_1`, Space, true)
	f(`$12`, Space, true)
	f(`$0`, Space, false)
	f(`$1a`, Space, false)
	f(`$`, Space, false)
	f(`$.a`, Space, false)
	f(`$a b`, Space, false)
	f(`$a`, Terms, false)
	f(`$.a`, Regex, false)
}
