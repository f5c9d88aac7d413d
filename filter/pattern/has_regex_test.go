package pattern

import "testing"

func TestHasRegex(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		p, err := Compile(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if got := p.HasRegex(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	f("", false)
	f("ERROR -debug", false)
	f("%E[0-9]%", true)
	f(`"%E%"`, false)
	f("{ $.a = 1 && $.b = \"%x%\" }", false)
	f("{ $.a = 1 && $.b = %x% }", true)
	f("{ $.a = 1 || ($.b = 2 && $.c != %x%) }", true)
	f("[ip, status = 5*, ...]", false)
	f("[ip, status = %5\\d\\d%, ...]", true)
}
