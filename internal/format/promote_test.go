package format

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/bench/corpus"
	"sluice/internal/jsonscan"
)

var promoteFields = []Field{
	{Path: []string{"level"}, Type: String},
	{Path: []string{"http", "status"}, Type: BigInt},
	{Path: []string{"http", "took"}, Type: Double},
	{Path: []string{"a", "b", "c"}, Type: Boolean},
	{Path: []string{"ké\n"}, Type: String},
}

// values are what was promoted, in the order of promoteFields.
func values(found []parquet.Value) []any {
	out := make([]any, len(found))
	for i, v := range found {
		switch {
		case v.IsNull():
		case v.Kind() == parquet.ByteArray:
			out[i] = string(v.ByteArray())
		case v.Kind() == parquet.Int64:
			out[i] = v.Int64()
		case v.Kind() == parquet.Double:
			out[i] = v.Double()
		default:
			out[i] = v.Boolean()
		}
	}
	return out
}

func TestPromote(t *testing.T) {
	p := newPromoter(promoteFields, colFields)
	f := func(message, rest string, want ...any) {
		t.Helper()
		got := string(p.take([]byte(message)))
		want = append(want, make([]any, len(promoteFields)-len(want))...)
		if found := values(p.found); got != rest || !slices.Equal(found, want) {
			t.Errorf("%s:\n got %v, rest %s\nwant %v, rest %s", message, found, got, want, rest)
		}
	}
	// taken and left
	f(`{"level":"INFO"}`, ``, "INFO")
	f(`{"level":"INFO","x":1}`, `{"x":1}`, "INFO")
	f(` { "y" : [ 1 , {"level":2} ] , "level" : "a\tb\u00e9" } `, `{"y":[ 1 , {"level":2} ]}`, "a\tbé")
	f(`{"http":{"status":200,"took":1.5e2}}`, ``, nil, int64(200), 150.0)
	f(`{"http":{"status":200,"path":"/"},"n":null}`, `{"http":{"path":"/"},"n":null}`, nil, int64(200))
	f(`{"a":{"b":{"c":true}}}`, ``, nil, nil, nil, true)
	f(`{"a":{"b":{"c":false,"d":1}}}`, `{"a":{"b":{"d":1}}}`, nil, nil, nil, false)
	f(`{"k\u00e9\n":"v"}`, ``, nil, nil, nil, nil, "v")
	// nothing to take
	f(`{"http":{},"a":{"b":{}}}`, `{"http":{},"a":{"b":{}}}`)
	f(`{}`, ``)
	f(`{"http":"x","a":[{"b":1}]}`, `{"http":"x","a":[{"b":1}]}`)
	// of another type
	f(`{"level":7,"http":{"status":"200","took":"1"}}`, `{"level":7,"http":{"status":"200","took":"1"}}`)
	f(`{"http":{"status":2.0}}`, `{"http":{"status":2.0}}`)
	f(`{"http":{"status":9223372036854775808,"took":1e999}}`, `{"http":{"status":9223372036854775808,"took":1e999}}`)
	f(`{"http":{"status":-9223372036854775808}}`, ``, nil, int64(math.MinInt64))
	f(`{"level":{"x":1}}`, `{"level":{"x":1}}`)
	f(`{"level":null,"http":{"status":null}}`, ``)
	// twice
	f(`{"level":"a","level":"b"}`, `{"level":"b"}`, "a")
	f(`{"level":1,"level":"b"}`, `{"level":1,"level":"b"}`)
	f(`{"http":{"status":1},"http":{"status":2}}`, `{"http":{"status":2}}`, nil, int64(1))
	// no JSON object
	for _, message := range []string{
		``, ` `, `level`, `"level"`, `[{"level":"a"}]`, `{"level":"a"`, `{"level":"a"}}`, `{"level":"a",}`, `{"level" "a"}`,
		`{"level":"a"} x`, "{\"level\":\"a\nb\"}", `{"level":"\x"}`, `{"level":"\u12g4"}`, `{"x":01,"level":"a"}`, `{"x":.5}`,
		`{"x":-}`, `{"x":1.}`, `{"x":1e}`, `{"x":tru}`, `{,}`, `{"x"`, `{"x":`, `{"x":"`, `{"x":"\`, "{\"x\":1\x00}",
	} {
		f(message, ``)
	}
	deep := func(n int) string {
		return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `,"level":"a"}`
	}
	f(deep(jsonscan.MaxDepth-1), `{"x":`+strings.Repeat("[", jsonscan.MaxDepth-1)+strings.Repeat("]", jsonscan.MaxDepth-1)+`}`, "a")
	f(deep(jsonscan.MaxDepth), ``)
}

// oracle promotes by encoding/json's tokens: values by path, and the rest as a
// list of (path, value) in order.
type oracle struct {
	found []any
	seen  []bool
	rest  []string
}

// naive runs the oracle over a message; nil for one that is no JSON object.
func naive(message []byte) *oracle {
	if !json.Valid(message) || bytes.TrimLeft(message, " \t\r\n")[0] != '{' {
		return nil
	}
	o := &oracle{found: make([]any, len(promoteFields)), seen: make([]bool, len(promoteFields))}
	entered := map[string]bool{}
	o.walk(message, nil, entered)
	return o
}

func (o *oracle) walk(object []byte, path []string, entered map[string]bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.Token() // {
	for d.More() {
		token, _ := d.Token()
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			panic(err)
		}
		at := append(slices.Clone(path), token.(string))
		name := strings.Join(at, "\x00")
		if inner := slices.ContainsFunc(promoteFields, func(f Field) bool {
			return len(f.Path) > len(at) && slices.Equal(f.Path[:len(at)], at)
		}); inner && !entered[name] {
			entered[name] = true
			if raw[0] == '{' && string(bytes.TrimSpace(raw[1:len(raw)-1])) != "" {
				o.walk(raw, at, entered)
				continue
			}
		}
		if i := slices.IndexFunc(promoteFields, func(f Field) bool { return slices.Equal(f.Path, at) }); i >= 0 && !o.seen[i] {
			o.seen[i] = true
			if o.take(i, raw) {
				continue
			}
		}
		o.rest = append(o.rest, name+"="+canonical(raw))
	}
	if _, err := d.Token(); err != nil && err != io.EOF {
		panic(err)
	}
}

func (o *oracle) take(i int, raw json.RawMessage) bool {
	if string(raw) == "null" {
		return true
	}
	var s string
	var n int64
	var x float64
	var b bool
	switch promoteFields[i].Type {
	case String:
		if json.Unmarshal(raw, &s) != nil {
			return false
		}
		o.found[i] = s
	case BigInt:
		if json.Unmarshal(raw, &n) != nil {
			return false
		}
		o.found[i] = n
	case Double:
		if json.Unmarshal(raw, &x) != nil {
			return false
		}
		o.found[i] = x
	case Boolean:
		if json.Unmarshal(raw, &b) != nil {
			return false
		}
		o.found[i] = b
	}
	return true
}

func canonical(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		panic(err)
	}
	return b.String()
}

// leaves lists what a rest holds as the oracle does: it descends where the
// oracle would have, into the first member around a promoted one.
func leaves(rest []byte) []string {
	o := &oracle{found: make([]any, len(promoteFields)), seen: slices.Repeat([]bool{true}, len(promoteFields))}
	o.walk(rest, nil, map[string]bool{})
	return o.rest
}

func FuzzPromote(f *testing.F) {
	for _, seed := range []string{
		`{"level":"INFO","http":{"status":200,"took":1.5,"x":[1,2]},"a":{"b":{"c":true}},"z":null}`,
		`{"level":1,"level":"b","http":{},"http":{"status":1}}`, `{"a":{"b":{"c":1,"d":"\u00e9\ud800"}}}`, `[]`, `{"k\u00e9\n":"\\"}`,
		` {"x" : -0.5e+10 , "http":{"status":-0}}`, `{"l\u0065vel":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	for _, kind := range corpus.Kinds() {
		line, _ := corpus.New(kind, 1, time.UnixMilli(0)).AppendEvent(nil)
		f.Add(line)
	}
	p := newPromoter(promoteFields, colFields)
	f.Fuzz(func(t *testing.T, message []byte) {
		p.reset()
		rest := p.take(message)
		found := values(p.found)
		want := naive(message)
		if want == nil {
			want = &oracle{found: make([]any, len(promoteFields))}
		}
		for i := range found {
			if s, ok := found[i].(string); ok { // encoding/json replaces what is no UTF-8
				found[i] = strings.ToValidUTF8(s, "\uFFFD")
				if w, ok := want.found[i].(string); ok && strings.ToValidUTF8(s, "") != s && strings.Contains(w, "\uFFFD") {
					found[i] = w
				}
			}
		}
		if !slices.Equal(found, want.found) {
			t.Fatalf("%q: %v, want %v", message, found, want.found)
		}
		if len(rest) == 0 {
			if len(want.rest) > 0 {
				t.Fatalf("%q: no rest, want %q", message, want.rest)
			}
			return
		}
		if !json.Valid(rest) {
			t.Fatalf("%q: rest %q is no JSON", message, rest)
		}
		if got := leaves(rest); !slices.Equal(sorted(got), sorted(want.rest)) {
			t.Fatalf("%q: rest %q is\n %q, want\n %q", message, rest, got, want.rest)
		}
	})
}

// sorted is for lists whose order depends on which of two equal keys was gone
// into.
func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func BenchmarkPromote(b *testing.B) {
	g := corpus.New(corpus.App, 1, time.UnixMilli(0))
	var lines [][]byte
	size := 0
	for range 1000 {
		line, _ := g.AppendEvent(nil)
		lines, size = append(lines, line), size+len(line)
	}
	p := newPromoter([]Field{
		{Path: []string{"level"}, Type: String},
		{Path: []string{"service"}, Type: String},
		{Path: []string{"status"}, Type: BigInt},
		{Path: []string{"user", "id"}, Type: String},
	}, colFields)
	b.Run("take", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			p.reset()
			for _, line := range lines {
				p.take(line)
			}
		}
	})
	b.Run("json.Valid", func(b *testing.B) {
		b.SetBytes(int64(size))
		for b.Loop() {
			for _, line := range lines {
				json.Valid(line)
			}
		}
	})
}

func TestPromoteDoesNotAllocate(t *testing.T) {
	line, _ := corpus.New(corpus.App, 1, time.UnixMilli(0)).AppendEvent(nil)
	line = append([]byte(`{"l\u0065vel":"a\nb","http":{"status":12,"took":0.25},`), line[1:]...)
	p := newPromoter(promoteFields, colFields)
	p.take(line)
	if n := testing.AllocsPerRun(100, func() {
		p.reset()
		p.take(line)
	}); n > 0 {
		t.Errorf("%v allocs a message", n)
	}
	if got := values(p.found); got[0] != "a\nb" || got[1] != int64(12) {
		t.Error(got)
	}
}
