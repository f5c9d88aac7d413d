package pattern

import (
	"strings"
	"testing"
)

// TestMatchAllocs guards that no path of Match and Extract allocates once the
// scratch pool is warm.
func TestMatchAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := func(text, message string) {
		t.Helper()
		p, m := MustCompile(text), []byte(message)
		p.Match(m)
		if n := testing.AllocsPerRun(200, func() { p.Match(m) }); n != 0 {
			t.Errorf("pattern %s message %.60s: %v allocations", text, message, n)
		}
	}
	long := `{"pad":"` + strings.Repeat("x", 5000) + `","k":"a\nb","n":1.5,"o":{"a":1,"a":2}}`
	many := "{" + strings.Repeat(`"x":1,`, 200) + `"k":2}`
	f(`disk -tape ?drum`, "a disk")
	f(`?disk ?tape`, "a tape")
	f(`%d[aeiou]sk$%`, "the disk")
	f(`{ $.k = "a*b" && $.n = "1.5" && $.n < 1.55555555555555555555 }`, long)
	f(`{ $.o.* != 1 && $.k = %^a% }`, long)
	f(`{ $.* = 2 }`, many)
	f(`{ $.n = 0.1 }`, `{"n":0.1000000000000000055511151231257827021181583404541015625}`)
	f(`{ $.n > 1 }`, `{"n":1e999}`)
	f(`{ $.n > 1 }`, `{"n":-1e99999999999999999999999999999999999999999999999}`)
	f(`[n > 1]`, `+1797693134862315900000000000000000000000e270`)
	f(`{ $.a = 12345678901234567890123 || $.b IS NULL }`, `{"a":12345678901234567890124,"b":[1,null]}`)
	f(`[a, b = 4*, c > 1.5, rest = %x%]`, `1 404 2.5 "q" x`)
	f(`[..., `+strings.Repeat("f,", 1)+` `+strings.Repeat(",", 30)+` z = 1]`, strings.Repeat("1 ", 50))
}

func TestExtractAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := func(text, message string, selectors ...string) {
		t.Helper()
		p, m := MustCompile(text), []byte(message)
		var sels []*Selector
		for _, s := range selectors {
			sel, err := CompileSelector(s, p.Form())
			if err != nil {
				t.Fatal(err)
			}
			sels = append(sels, sel)
		}
		values, buf := p.Extract(nil, nil, m, sels)
		if n := testing.AllocsPerRun(200, func() { values, buf = p.Extract(values[:0], buf[:0], m, sels) }); n != 0 {
			t.Errorf("pattern %s: %v allocations", text, n)
		}
	}
	f(`{ $.a = * }`, `{"a":1.5,"b":{"c":"x\ny"},"d":[1,2]}`, "$.a", "$.b.c", "$.d[1]", "$.gone")
	f(`[a, ..., z]`, `1 2 3 "4 5"`, "$a", "$z", "$3", "$99")
}

// BenchmarkExtract reads a metric value and a dimension of an application log.
func BenchmarkExtract(b *testing.B) {
	p := MustCompile(`{ $.status >= 500 }`)
	var sels []*Selector
	for _, s := range []string{"$.latency_ms", "$.service"} {
		sel, err := CompileSelector(s, JSON)
		if err != nil {
			b.Fatal(err)
		}
		sels = append(sels, sel)
	}
	messages := corpus(appLine)
	var values []Value
	var buf []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		values, buf = p.Extract(values[:0], buf[:0], messages[i%len(messages)], sels)
	}
}
