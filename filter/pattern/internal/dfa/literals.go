package dfa

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Literals is what the syntax of an expression tells about the texts it
// matches, as bytes to search for.
type Literals struct {
	// Exact, if not nil, is equivalent to the expression: a text matches if and
	// only if it contains one of the strings.
	Exact []string
	// Required is a conjunction of disjunctions: a text that matches contains
	// at least one string of each set. Best set first: long and few strings.
	Required [][]string
	// Runs are byte classes that stand side by side in every match: Runs[i][j]
	// lists the bytes at place j. WholeRun says that there is one run, and that a
	// text which contains it matches.
	Runs     [][][]byte
	WholeRun bool
}

// Sets of more strings than this are not worth scanning for.
const maxLiterals = 64

// facts describes what one node of the tree matches.
type facts struct {
	// exact lists all strings the node matches; nil means unknown.
	exact []string
	// bounded says that exact holds only at a boundary (^ or $).
	bounded bool
	// required is as in Literals.
	required [][]string
}

var anything = facts{}

func extract(tree *syntax.Regexp) Literals {
	f := analyse(tree)
	var l Literals
	l.Runs, l.WholeRun = runs(tree)
	if usable(f.exact) {
		if !f.bounded {
			l.Exact = minimal(f.exact)
		}
		f.required = append(f.required, f.exact)
	}
	for _, set := range f.required {
		// A choice of single bytes is found everywhere.
		if shortest(set) > 1 || len(set) <= 2 {
			l.Required = append(l.Required, minimal(set))
		}
	}
	slices.SortStableFunc(l.Required, func(a, b []string) int { return worth(b) - worth(a) })
	return l
}

// analyse walks the simplified tree: repetition counts are gone.
func analyse(re *syntax.Regexp) facts {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return facts{exact: []string{""}}
	case syntax.OpBeginText, syntax.OpEndText:
		return facts{exact: []string{""}, bounded: true}
	case syntax.OpLiteral:
		// A literal U+FFFD also matches invalid bytes, so it is no literal.
		if re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
			return anything
		}
		return facts{exact: []string{string(re.Rune)}}
	case syntax.OpCharClass:
		return analyseClass(re.Rune)
	case syntax.OpCapture:
		return analyse(re.Sub[0])
	case syntax.OpPlus:
		f := analyse(re.Sub[0])
		return facts{required: withExact(f)}
	case syntax.OpQuest:
		f := analyse(re.Sub[0])
		if f.exact == nil || f.bounded || len(f.exact) >= maxLiterals {
			return anything
		}
		return facts{exact: append(slices.Clone(f.exact), "")}
	case syntax.OpConcat:
		return analyseConcat(re.Sub)
	case syntax.OpAlternate:
		return analyseAlternate(re.Sub)
	}
	return anything
}

// analyseClass lists the members of a small class.
func analyseClass(ranges []rune) facts {
	var f facts
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i+1]-ranges[i] >= 16 || len(f.exact) > 16 || ranges[i] <= utf8.RuneError && utf8.RuneError <= ranges[i+1] {
			return anything
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			f.exact = append(f.exact, string(r))
		}
	}
	return f
}

// analyseConcat joins neighbours with known strings; what cannot be joined is
// a requirement of its own.
func analyseConcat(subs []*syntax.Regexp) facts {
	out := facts{exact: []string{""}}
	whole := true // out.exact still covers everything so far
	flush := func() {
		if usable(out.exact) {
			out.required = append(out.required, out.exact)
		}
		whole = false
	}
	for _, sub := range subs {
		f := analyse(sub)
		if f.exact == nil {
			flush()
			out.exact = []string{""}
			out.required = append(out.required, f.required...)
			continue
		}
		out.bounded = out.bounded || f.bounded
		if joined := product(out.exact, f.exact); joined != nil {
			out.exact = joined
			continue
		}
		flush()
		out.exact = f.exact
	}
	if !whole {
		flush()
		out.exact = nil
	}
	return out
}

// product returns all concatenations of a string of a and one of b, or nil if
// more strings would buy too little length.
func product(a, b []string) []string {
	n := len(a) * len(b)
	if n > 1 && n > len(a) && (n > maxLiterals || n > 8 && shortest(a) >= 4) {
		return nil
	}
	out := make([]string, 0, n)
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

// analyseAlternate unites the branches.
func analyseAlternate(subs []*syntax.Regexp) facts {
	var union, best []string
	exact, required, bounded := true, true, false
	for _, sub := range subs {
		f := analyse(sub)
		exact = exact && f.exact != nil
		bounded = bounded || f.bounded
		union = append(union, f.exact...)
		sets := withExact(f)
		if len(sets) == 0 {
			required = false
			continue
		}
		best = append(best, slices.MaxFunc(sets, func(a, b []string) int { return worth(a) - worth(b) })...)
	}
	var out facts
	if required && len(best) <= maxLiterals {
		out.required = [][]string{best}
	}
	if exact && len(union) <= maxLiterals {
		out.exact, out.bounded, out.required = union, bounded, nil
	}
	return out
}

// withExact returns what f requires, its own strings included.
func withExact(f facts) [][]string {
	if usable(f.exact) {
		return append(slices.Clone(f.required), f.exact)
	}
	return f.required
}

// usable reports whether finding one of set says anything.
func usable(set []string) bool {
	return len(set) > 0 && len(set) <= maxLiterals && shortest(set) > 0
}

// worth orders sets: the length of the shortest string decides, then fewness.
func worth(set []string) int { return min(shortest(set), 12)*64 - len(set) }

func shortest(set []string) int {
	n := len(set[0])
	for _, s := range set {
		n = min(n, len(s))
	}
	return n
}

// minimal drops every string that contains another one of the set.
func minimal(set []string) []string {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b string) int { return len(a) - len(b) })
	out := set[:0]
	for _, s := range set {
		if !slices.ContainsFunc(out, func(kept string) bool { return strings.Contains(s, kept) }) {
			out = append(out, s)
		}
	}
	return out
}
