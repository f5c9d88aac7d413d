package pattern

import (
	"bytes"
	"slices"

	find "sluice/filter/pattern/internal/literal"
)

// searches is the globs and regexes that texts at one place are tested with.
// Where there are many, a scan for a literal of each picks those worth testing.
type searches struct {
	tests []searchTest

	scanner *find.Scanner // nil: test all
	picks   [][]int32     // by literal: tests
	blind   []int32       // tests without a literal
	// literals are the scanner's. announced: the scan of the whole batch looks for
	// them, too, and has said whether the message has one.
	literals  []string
	announced bool
}

type searchTest struct {
	fact    factID
	literal *literal
}

// manySearches is from how many tests on the scan pays.
const manySearches = 3

// add returns the fact that the glob or regex l accepts a text.
func (s *searches) add(f *factory, l *literal) factID {
	for _, t := range s.tests {
		if t.literal.kind == l.kind && bytes.Equal(t.literal.text, l.text) && equalPieces(t.literal.glob, l.glob) {
			return t.fact
		}
	}
	t := searchTest{f.new(1), l}
	s.tests = append(s.tests, t)
	return t.fact
}

func equalPieces(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// finish makes the scan once all tests are known.
func (s *searches) finish() {
	if len(s.tests) < manySearches {
		return
	}
	ids := map[string]int{}
	for i, t := range s.tests {
		best := needs{clauses: t.literal.textClauses()}.best()
		if best == nil {
			s.blind = append(s.blind, int32(i))
			continue
		}
		for _, l := range best.literals {
			id, ok := ids[l]
			if !ok {
				id = len(s.literals)
				ids[l] = id
				s.literals, s.picks = append(s.literals, l), append(s.picks, nil)
			}
			s.picks[id] = append(s.picks[id], int32(i))
		}
	}
	s.scanner = find.NewScanner(s.literals)
}

// announcedLength is from how many bytes on a literal does not slow the scan of
// the batch down.
const announcedLength = 8

// announce hands the literals to the scan of the batch, if all are long.
func (s *searches) announce(b *needleBuilder) {
	if len(s.literals) == 0 || slices.ContainsFunc(s.literals, func(l string) bool { return len(l) < announcedLength }) {
		return
	}
	for _, l := range s.literals {
		b.add(l, watcher{action: announce})
	}
	s.announced = true
}

// on establishes which tests accept text. raw: the text stands in the message as
// it is.
//
// hot: BenchmarkSet
func (s *searches) on(f *facts, text []byte, raw bool) {
	if s.scanner == nil {
		for i := range s.tests {
			s.test(f, int32(i), text)
		}
		return
	}
	for _, i := range s.blind {
		s.test(f, i, text)
	}
	if s.announced && raw && !f.announced {
		return
	}
	f.hits = s.scanner.AppendHits(f.hits[:0], text)
	for _, h := range f.hits {
		for _, i := range s.picks[h.Literal()] {
			s.test(f, i, text)
		}
	}
}

func (s *searches) test(f *facts, i int32, text []byte) {
	if t := &s.tests[i]; !f.has(t.fact) && t.literal.equalsText(text) {
		f.establish(t.fact)
	}
}
