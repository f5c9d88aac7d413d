package filter_test

import (
	"strings"
	"testing"

	"sluice/filter"
	"sluice/internal/event"
)

func TestSelection(t *testing.T) {
	source := event.Source{Account: "111111111111", Region: "eu-west-1", LogGroup: "/shop/web", LogStream: "s"}
	f := func(text string, want bool) {
		t.Helper()
		s, err := filter.ParseSelection(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Selects(source); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	f("", true)
	f("  ", true)
	f(`@aws.region = "eu-west-1"`, true)
	f(`@aws.region="eu-west-2"`, false)
	f(`@aws.region != "eu-west-2"`, true)
	f(`@aws.account = 111111111111`, true)
	f(`@source.log = '/shop/web'`, true)
	f(`@aws.account IN ["1", "111111111111"]`, true)
	f(`@aws.account NOT IN ["1","111111111111"]`, false)
	f(`@aws.account not in [1]`, true)
	f(`@aws.region = x OR @aws.region = eu-west-1`, true)
	f(`@aws.region = x AND @aws.region = eu-west-1`, false)
	f(`@aws.region = eu-west-1 OR @aws.region = x AND @aws.account = y`, true) // AND binds closer
	f(`(@aws.region = eu-west-1 OR @aws.region = x) AND @aws.account = y`, false)
	f(`((@aws.region = eu-west-1))and(@aws.account!=y)`, true)
	f(`@aws.region = ""`, false)
}

func TestSelectionRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := filter.ParseSelection(text); err == nil || err.Error() != "parse field selection: "+want {
			t.Errorf("%s: %v", text, err)
		}
	}
	const fields = "@aws.account, @aws.region or @source.log"
	f(`@aws.zone = "a"`, "expected "+fields+` at offset 0, found "@aws.zone"`)
	f(`@aws.region`, "expected =, !=, IN or NOT IN at the end")
	f(`@aws.region =`, "expected a value at the end")
	f(`@aws.region = "a`, `expected a value that ends with " at offset 14, found "\"a"`)
	f(`@aws.region IN "a"`, `expected "[" at offset 15, found "\"a\""`)
	f(`@aws.region IN []`, `expected a value at offset 16, found "]"`)
	f(`@aws.region IN ["a" "b"]`, `expected "," or "]" at offset 20, found "\"b\""`)
	f(`@aws.region = a b`, `expected AND, OR or the end at offset 16, found "b"`)
	f(`(@aws.region = a`, `expected ")" at the end`)
	f(`@aws.region = a AND`, "expected "+fields+" at the end")
	f(strings.Repeat("(", 40), "more than 32 parentheses in each other")
}

func FuzzSelection(f *testing.F) {
	f.Add(`@aws.region IN ["a", 'b'] AND (@aws.account != 1 OR @source.log = x)`)
	f.Add(`@aws.region NOT IN [`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := filter.ParseSelection(text)
		if err == nil {
			s.Selects(event.Source{Account: "1"})
			again, err := filter.ParseSelection("(" + text + ")")
			if s != nil && strings.Count(text, "(") < 30 && (err != nil || again.Selects(event.Source{Account: "1"}) != s.Selects(event.Source{Account: "1"})) {
				t.Errorf("%q differs in parentheses: %v", text, err)
			}
		}
	})
}
