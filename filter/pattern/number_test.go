package pattern

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestParseDouble(t *testing.T) {
	f := func(text string) {
		t.Helper()
		want, _ := strconv.ParseFloat(text, 64)
		got := parseDouble([]byte(text))
		if got != want || math.Signbit(got) != math.Signbit(want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"0", "-0.0", "+1.", ".5", "1e22", "1e23", "1e309", "-1e309", "1e-999", "5e-324", "1e0000000000000000000000000000000000012",
		"9007199254740993.00000000000000000000000000000000001", "9007199254740993.0000000000000000000", "1e99999999999999999999999999999999",
		"1e-99999999999999999999999999999999", "-1e99999999999999999999999999999999", "0e99999999999", "-0e999", "1.7976931348623157e308", "1.7976931348623158e308",
		"1.797693134862315807e308", "1.797693134862315808e308", "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447573027006985557136695962284291481986083493647529271907416844436551070434271155969950809304288017790417449779e1",
		"17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447573027006985557136695962284291481986083493647529271907416844436551070434271155969950809304288017790417449778e1",
		"0.0000000000000000000000000000000000000000000000000000000000000000001e400", "179769313486231580800000000000000000000000e267", "9.99e307", "1e308", "1e310", "5e-325", "0.0000000000000000000000000000000000000000001e43"} {
		f(text)
	}
	r := rand.New(rand.NewPCG(1, 9))
	for range 20000 {
		f(strconv.FormatFloat(r.NormFloat64()*float64(r.Uint32()), 'g', -1, 64))
		f(strconv.Itoa(r.IntN(1e9)) + "." + strings.Repeat(strconv.Itoa(r.IntN(1e9)), r.IntN(5)) + "e" + strconv.Itoa(r.IntN(700)-350))
		f("-0." + strings.Repeat("0", r.IntN(30)) + strconv.Itoa(r.IntN(1e9)) + "E+" + strconv.Itoa(r.IntN(340)))
		f(new(big.Float).SetFloat64(r.Float64()).Text('f', 60) + "e" + strconv.Itoa(r.IntN(3)))
	}
}

// TestJavaDouble pins Double.toString.
func TestJavaDouble(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := string(appendJavaDouble(nil, v)); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	f(0, "0.0")
	f(math.Copysign(0, -1), "-0.0")
	f(1, "1.0")
	f(-12.34, "-12.34")
	f(100, "100.0")
	f(0.001, "0.001")
	f(0.00099, "9.9E-4")
	f(9999999, "9999999.0")
	f(1e7, "1.0E7")
	f(1.25e-5, "1.25E-5")
	f(123456789.5, "1.234567895E8")
	f(math.MaxFloat64, "1.7976931348623157E308")
	f(math.Inf(1), "Infinity")
	f(math.Inf(-1), "-Infinity")
}

func TestCompileErrors(t *testing.T) {
	f := func(text string, code ErrorCode) {
		t.Helper()
		_, err := Compile(text)
		if e, ok := err.(*Error); !ok || e.Code != code {
			t.Errorf("pattern %.40s: %v", text, err)
		}
	}
	f(`a*`, CodeLexical)
	f(`{ $.a == 1 }`, CodeSyntax)
	f(`[a`, CodeUnclosed)
	f(`%[%`, CodeRegex)
	f(`{ $.a = %1% || $.a = %2% || $.a = %3% }`, CodeRegexQuota)
	f(`{ $.*.* = 1 }`, CodeWildcardQuota)
	f(`[a = 1 && b = 1]`, CodeMultipleVariables)
	f(`[a, a]`, CodeDuplicateField)
	f(strings.Repeat("a", 1025), CodeLength)
}
