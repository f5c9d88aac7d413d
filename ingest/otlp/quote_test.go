package otlp

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkQuoted compares with encoding/json, which reads what was written and sees
// the text, U+FFFD for each wrong byte.
func checkQuoted(t *testing.T, text string) {
	t.Helper()
	got, replaced := appendQuoted([]byte("x"), []byte(text))
	var back string
	if err := json.Unmarshal(got[1:], &back); err != nil || back != string([]rune(text)) {
		t.Errorf("%q: %s, %q, %v", text, got, back, err)
	}
	if !utf8.Valid(got) || replaced != invalid([]byte(text)) {
		t.Errorf("%q: %s, %d replaced", text, got, replaced)
	}
}

func TestAppendQuoted(t *testing.T) {
	for c := range 256 {
		for pad := range 18 {
			checkQuoted(t, strings.Repeat("a", pad)+string([]byte{byte(c)})+strings.Repeat("b", 17-pad))
		}
	}
	checkQuoted(t, "")
	for _, long := range []string{strings.Repeat("a", 100_000), strings.Repeat(`"`, 100_000), strings.Repeat(`ab"`, 50_000)} {
		checkQuoted(t, long)
		if got, _ := appendQuoted(nil, []byte(long)); string(got) != `"`+strings.ReplaceAll(long, `"`, `\"`)+`"` {
			t.Errorf("%.20q is escaped otherwise", long)
		}
	}
	checkQuoted(t, "{\"a\":\"b\\n\"}")
	checkQuoted(t, "é€😀\u2028\ufffd")
	if got, _ := appendQuoted(nil, []byte("a\"\\\n\t\r\x01é")); string(got) != `"a\"\\\n\t\r\u0001é"` {
		t.Errorf("%s", got)
	}
}

func FuzzAppendQuoted(f *testing.F) {
	f.Add("a \"quoted\" text\n")
	f.Add("\xff\xc3\xa9\x00")
	f.Fuzz(func(t *testing.T, text string) { checkQuoted(t, text) })
}
