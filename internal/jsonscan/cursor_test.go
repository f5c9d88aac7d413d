package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sluice/internal/jsonscan"
)

// whole tells whether text is one JSON value and white space around it.
func whole(text []byte) bool {
	c := jsonscan.Cursor{Text: text}
	c.Space()
	if !c.SkipValue() {
		return false
	}
	c.Space()
	return c.At == len(text)
}

var texts = []string{
	`{}`, ` [1, -0.5e+3,true ,false,null,"a\u00e9\n"] `, `{"a":{"b":[{}]},"a":1}`, `"` + strings.Repeat("x", 40) + `"`,
	``, `{`, `{"a"}`, `{"a":}`, `[1,]`, `{,}`, `01`, `1.`, `.5`, `+1`, `1e`, `"\x"`, `"\u12g4"`, "\"a\tb\"", `tru`, `nul`, `"`, `{"a":1]`, `[}`, "\xff", "\"\xff\"",
	strings.Repeat("[", jsonscan.MaxDepth) + strings.Repeat("]", jsonscan.MaxDepth),
	strings.Repeat("[", jsonscan.MaxDepth+1) + strings.Repeat("]", jsonscan.MaxDepth+1),
}

func TestAcceptsWhatEncodingJSONAccepts(t *testing.T) {
	for _, text := range texts {
		if got, want := whole([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%.60q: %v, want %v", text, got, want)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := whole(text), json.Valid(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}

func TestAllocations(t *testing.T) {
	text := []byte(texts[1])
	if n := testing.AllocsPerRun(100, func() { whole(text) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
