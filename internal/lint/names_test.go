package lint_test

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// emptyWords say nothing about what a file, a package or a type is. AWS's own
// words and the words of streaming exist for everything here.
var emptyWords = []string{
	"base", "common", "helper", "helpers", "impl", "manager", "managers", "misc",
	"stuff", "thing", "things", "util", "utilities", "utility", "utils",
}

// emptyNames are fine as a part of a name (RejectedLogEventsInfo, PutMetricData)
// and empty as all of it.
var emptyNames = []string{"data", "info"}

// emptyWord returns the word that makes a name say nothing, or "".
func emptyWord(name string) string {
	words := splitWords(name)
	if len(words) == 1 && slices.Contains(emptyNames, words[0]) {
		return words[0]
	}
	for _, word := range words {
		if slices.Contains(emptyWords, word) {
			return word
		}
	}
	return ""
}

// splitWords cuts camelCase, initialisms (HTTPServer) and snake_case apart.
func splitWords(name string) []string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case unicode.IsUpper(r):
			afterLower := i > 0 && !unicode.IsUpper(runes[i-1])
			beforeLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterLower || beforeLower {
				end()
			}
		}
		word = append(word, r)
	}
	end()
	return words
}

func TestNamesSaySomething(t *testing.T) {
	for _, s := range sources(t) {
		file := strings.TrimSuffix(path.Base(s.path), ".go")
		if word := emptyWord(strings.TrimSuffix(file, "_test")); word != "" {
			t.Errorf("%s: %q says nothing about the file: name the noun it holds", s.path, word)
		}
		if word := emptyWord(s.syntax.Name.Name); word != "" {
			t.Errorf("%s: %q says nothing about the package", s.path, word)
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if word := emptyWord(spec.Name.Name); word != "" {
					t.Errorf("%s: type %s: %q says nothing about it", s.pos(spec), spec.Name.Name, word)
				}
			}
			return true
		})
	}
}

func TestEmptyWord(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if got := emptyWord(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("Manager", "manager")
	f("segmentManager", "manager")
	f("HTTPHelper", "helper")
	f("string_utils", "utils")
	f("baseOperation", "base")
	f("Database", "")
	f("Info", "info")
	f("RejectedLogEventsInfo", "")
	f("put_metric_data", "")
	f("Data", "data")
	f("Baseline", "")
	f("LogGroup", "")
}
