package pattern

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// generator writes random patterns and messages over the same few names and
// values, so that they meet often.
type generator struct{ *rand.Rand }

func (g generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) list(most int, separator string, item func() string) string {
	var parts []string
	for range g.IntN(most + 1) {
		parts = append(parts, item())
	}
	return strings.Join(parts, separator)
}

func (g generator) number() string {
	return g.pick("0", "1", "2", "-1", "10", "007", "1.0", "-0", "-0.0", "1e0", "1E1", "0.1", "12.34", "1e309", "-1e309", "1e-999", "1e7",
		"12345678.9", "0.001", "0.0001", "9007199254740992", "9007199254740993", "9007199254740993.0", "12345678901234567890123",
		"0.1000000000000000055511151231257827021181583404541015625", "0.30000000000000004", "1.7976931348623157e308", "5e-324",
		"100000000000000000000000", "1e23", "123456789012345678", "1e22", "179769313486231580793728971405301e276",
		"2.00000000000000011102230246251565404236316680908203125", "2.000000000000000111022302462515654042363166809082031251")
}

func (g generator) word() string {
	return g.pick("a", "b", "x", "ab", "true", "null", "foo", "Infinity", "1.0E7", "ab cd", "é", "a.b", "a-b", "")
}

func (g generator) pattern() string {
	switch g.IntN(8) {
	case 0:
		return g.list(4, " ", func() string {
			return g.pick("", "", "-", "?") + g.pick("a", "b", `"a b"`, `"\""`, "é", "x.y", `"-"`)
		})
	case 1:
		return g.regex()
	case 2, 3, 4:
		return "[" + g.list(5, ",", g.field) + "]"
	}
	return "{" + g.condition(3, g.jsonTest) + "}"
}

func (g generator) regex() string {
	return "%" + g.pick("^a", "b$", "a.b", "[ab]+", `\d{,2}x`, "1|2", `\s`, `^\w+$`, "I") + "%"
}

func (g generator) field() string {
	name := g.pick("p", "q", "r", "s", "t", "u", "v", "w")
	switch g.IntN(6) {
	case 0:
		return " "
	case 1:
		return "..."
	case 2, 3:
		return name
	}
	return g.condition(1, func() string { return name + g.comparison() })
}

func (g generator) condition(depth int, test func() string) string {
	if depth == 0 || g.IntN(3) == 0 {
		return test()
	}
	e := g.condition(depth-1, test) + g.pick(" && ", "||") + g.condition(depth-1, test)
	if g.IntN(2) == 0 {
		return "(" + e + ")"
	}
	return e
}

func (g generator) comparison() string {
	op := g.pick("=", "!=", " = ", " != ", "<", "<=", ">", ">= ")
	if strings.ContainsAny(op, "<>") {
		return op + g.number()
	}
	switch g.IntN(6) {
	case 0:
		return op + g.regex()
	case 1:
		return op + g.pick("*", "a*", "*b", `"*a*b*"`, "1*", "*.0", "**", "*0*")
	case 2, 3:
		return op + g.number()
	}
	return op + `"` + g.pick(g.word(), g.number()) + `"`
}

func (g generator) jsonTest() string {
	s := "$" + g.pick(".a", ".b", ".*", ".['a.b']", ".c-d")
	for range g.IntN(3) {
		s += g.pick(".a", ".b", "[0]", "[1]", "[*]", ".*", ".['']")
	}
	if g.IntN(3) == 0 {
		return s + g.pick(" IS NULL", " is true", " IS FALSE", " NOT EXISTS")
	}
	return s + g.comparison()
}

func (g generator) message() string {
	switch g.IntN(6) {
	case 0:
		return g.list(8, g.pick(" ", "  ", "\t", "\n"), func() string {
			return g.pick(g.word(), g.number(), `"`+g.word()+`"`, "["+g.word()+"]", `"`, "[", "]", `"a"b`, `[]`, "", "\x01x", "\r")
		}) + g.pick("", " ", "\n")
	case 1:
		return g.word() + g.word() + g.pick("", `"`, " ") + g.word()
	}
	m := g.pick("", " ") + g.object(3) + g.pick("", "", "\n")
	if g.IntN(20) == 0 && len(m) > 0 { // damage it
		i := g.IntN(len(m))
		m = m[:i] + g.pick("", ",", `"`, "}", "\\", "\x02", "0") + m[i+1:]
	}
	return m
}

func (g generator) object(depth int) string {
	space := g.pick("", "", " ", "\n\t")
	most := 4
	if g.IntN(12) == 0 {
		most, depth = 50, 0
	}
	return "{" + space + g.list(most, space+","+space, func() string {
		key := g.pick("a", "b", "a.b", "c-d", "", `\u0061`, `a\u002eb`, "z", strings.Repeat("z", g.IntN(90)), "k"+g.number())
		return `"` + key + `"` + space + ":" + space + g.value(depth)
	}) + space + "}"
}

func (g generator) value(depth int) string {
	switch n := g.IntN(9); {
	case n < 2 && depth > 0:
		return g.object(depth - 1)
	case n < 4 && depth > 0:
		return "[" + g.list(4, g.pick(",", " , "), func() string { return g.value(depth - 1) }) + "]"
	case n < 6:
		return g.number()
	case n == 6:
		return g.pick("true", "false", "null")
	}
	return `"` + g.pick(g.word(), g.number(), `\u0061b`, `\ud83d\ude00`, `\ud800`, `\ud800\u0061`, `a\nb`, `\"a\\`, strings.Repeat("a", g.IntN(140))) + `"`
}

// TestRandom compares Match with the naive matcher on patterns and messages
// made for each other.
func TestRandom(t *testing.T) {
	rounds := 3000
	if testing.Short() || raceEnabled {
		rounds = 600
	}
	g := generator{rand.New(rand.NewPCG(20260105, 1))}
	compiled, matched := 0, 0
	for range rounds {
		p := compileChecked(t, g.pattern())
		if p == nil {
			continue
		}
		compiled++
		for range 20 {
			message := g.message()
			checkAgainstNaive(t, p, message)
			if p.Match([]byte(message)) {
				matched++
			}
		}
	}
	if compiled < rounds/3 || matched < compiled {
		t.Errorf("of %d patterns %d compiled, %d matches: the generator is of no use", rounds, compiled, matched)
	}
}

// FuzzRandom lets the fuzzer choose the generator's seed.
func FuzzRandom(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		g := generator{rand.New(rand.NewPCG(a, b))}
		if p := compileChecked(t, g.pattern()); p != nil {
			for range 50 {
				checkAgainstNaive(t, p, g.message())
			}
		}
	})
}
