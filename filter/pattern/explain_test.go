package pattern

import (
	"fmt"
	"strings"
	"testing"
)

// render prints an explanation in one line per check.
func render(e Explanation) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%v %s", e.Match, e.Reason)
	for _, c := range e.Checks {
		fmt.Fprintf(&out, "\n%d-%d %s %v", c.Offset, c.End, c.Text, c.True)
		if c.Ignored {
			out.WriteString(" ignored")
		}
		if c.Selector != "" {
			fmt.Fprintf(&out, " %s %s", c.Selector, strings.Join(c.Found, ","))
		}
		out.WriteString(": " + c.Why)
	}
	return out.String()
}

func TestExplain(t *testing.T) {
	f := func(text, message string, want ...string) {
		t.Helper()
		p := MustCompile(text)
		e := Explain(p, []byte(message))
		if got := render(e); got != strings.Join(want, "\n") {
			t.Errorf("pattern %s message %s:\n%s", text, message, got)
		}
		for _, c := range e.Checks {
			if c.Text != text[c.Offset:c.End] {
				t.Errorf("pattern %s: check %q is not at %d-%d", text, c.Text, c.Offset, c.End)
			}
		}
	}
	f(``, `x`, "true an empty pattern matches every message")
	f(` %a+% `, `b`, "false ", "1-5 %a+% false: does not occur in the message")
	f(`disk -"a b" ?tape`, `disk a b`, "false ",
		"0-4 disk true: occurs in the message",
		`6-11 "a b" false: occurs in the message and must not`,
		"13-17 tape false ignored: ? terms are ignored beside other terms")
	f(`?disk ?tape`, `tape`, "true ",
		"1-5 disk false: does not occur in the message; one of the ? terms must",
		"7-11 tape true: occurs in the message; one of the ? terms must")
	f(`{ $.a = 1 && $.b IS NULL }`, `[1]`, "false the message is not one JSON object, nested at most 128 deep, and nothing else")
	f(`{ $.a > 1 && $.b[*] != 2 || $.c NOT EXISTS }`, `{"a":"7","b":[1,"x"],"c":{}}`, "false ",
		`2-9 $.a > 1 false $.a "7": the value is a string, and > is about numbers only`,
		`13-24 $.b[*] != 2 true $.b[*] 1,"x": 2 values there`,
		`28-42 $.c NOT EXISTS false $.c {}: what is there is object or array`)
	f(`[a = 1, b, c = x* || c = y]`, `z 2 yes`, "false ",
		`1-6 a = 1 false $a "z": the token is "z", not a number`,
		`11-17 c = x* false $c "yes": the token is "yes"`,
		`21-26 c = y false $c "yes": the token is "yes"`)
	f(`[a, b]`, `z`, "false the message has 1 tokens, the pattern has 2 fields")
}

func TestLint(t *testing.T) {
	f := func(text string, samples []string, want ...string) {
		t.Helper()
		var messages [][]byte
		for _, s := range samples {
			messages = append(messages, []byte(s))
		}
		var got []string
		for _, w := range Lint(MustCompile(text), messages) {
			got = append(got, fmt.Sprintf("%d %s", w.Offset, w.Kind))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("pattern %s: %q", text, got)
		}
	}
	f(`disk ?tape`, nil, "6 ignored optional term")
	f(`disk -tape - drum`, nil)
	f(`eu-west-1`, nil, "2 unquoted hyphen", "7 unquoted hyphen")
	f(`is?it`, nil, "2 unquoted question mark", "3 ignored optional term")
	f(`floppydisk -disk`, nil, "12 never true")
	f(`disk`, []string{"no DISK", "tape"}, "0 case mismatch")
	f(`disk`, []string{"no DISK", "disk"})
	f(`%a*%`, nil, "0 always true")
	f(`%a+%`, nil)
	f(`{ $.a = x && $.a = y }`, nil, "13 never true")
	f(`{ $.a = x || $.a = y }`, nil)
	f(`{ $.a != x || $.a != y }`, nil, "14 always true")
	f(`{ $.a != x && $.a != y }`, nil)
	f(`{ $.a > 5 && $.b = 1 && $.a < 5 }`, nil, "24 never true")
	f(`{ $.a >= 5 && $.a <= 5 }`, nil)
	f(`{ $.a >= 5 || $.a < 7 }`, nil, "14 always true")
	f(`{ $.a < 5 || $.a > 5 }`, nil)
	f(`{ $.a[*] = 1 && $.a[*] = 2 }`, nil)
	f(`{ $.a = 4* && $.a = 5* }`, nil, "14 never true")
	f(`{ $.a = 4* && $.a = "404" }`, nil)
	f(`{ $.a NOT EXISTS && $.a = 1 }`, nil, "20 never true")
	f(`{ $.a = ok && $.a > 3 }`, nil, "14 never true")
	f(`{ $.a = 0.12345678901234567890123 }`, nil, "2 never true")
	f(`{ $.a = true }`, nil, "2 boolean as text")
	f(`{ $.a = "true" }`, []string{`{"a":true}`}, "2 type mismatch")
	f(`{ $.a > 5 }`, []string{`{"a":"7"}`, `{}`}, "2 type mismatch")
	f(`{ $.a > 5 }`, []string{`{"a":7}`})
	f(`{ $.a = "5" }`, []string{`{"a":7.0}`}, "2 type mismatch")
	f(`{ $.a = "5" }`, []string{`{"a":5}`})
	f(`{ $.a.b = go }`, []string{`{"a":{"B":"go"}}`}, "2 case mismatch")
	f(`{ $.a = go }`, []string{`{"a":"GO"}`}, "2 case mismatch")
	f(`{ $.a = go }`, []string{`{"b":"GO"}`}, "2 not found")
	f(`{ $.a = go }`, []string{`plain`}, "0 never true")
	f(`[...]`, nil, "0 always true")
	f(`[a = 1 && a = 2, b]`, nil, "10 never true")
	f(`[a > 5, b]`, []string{"x y"}, "1 type mismatch")
	f(`[a = Go, b]`, []string{"GO x"}, "1 case mismatch")
}
