package pattern

import (
	"bytes"
	"slices"
	"strings"
)

// parseTerms reads `ERROR -"two words" ?WARN`. The operators - and ? need no
// blank before them, so that a-b means "a, but not b".
func parseTerms(s scanner) (*termPattern, *Error) {
	var include, exclude, optional []term
	for s.skipBlanks(); s.pos < s.end; s.skipBlanks() {
		list := &include
		switch s.peek() {
		case '-':
			list = &exclude
		case '?':
			list = &optional
		}
		if list != &include {
			s.pos++
			s.skipBlanks()
		}
		t, err := parseTerm(&s)
		if err != nil {
			return nil, err
		}
		*list = append(*list, t)
	}
	return foldTerms(include, exclude, optional), nil
}

// parseTerm reads one bare or quoted term, which a blank, an operator or the
// end must follow.
func parseTerm(s *scanner) (term, *Error) {
	t := term{offset: s.pos}
	switch {
	case s.peek() == '"':
		text, err := s.quoted()
		if err != nil {
			return t, err
		}
		if text == "" {
			return t, s.tokenError(t.offset, s.pos)
		}
		t.text, t.quoted = []byte(text), true
		if next := *s; next.run(termRune) != "" {
			return t, syntaxError(s.pos)
		}
	default:
		text := s.run(termRune)
		if text == "" {
			return t, s.missingTerm()
		}
		t.text = []byte(text)
	}
	if s.peek() == '"' {
		return t, syntaxError(s.pos)
	}
	return t, nil
}

// missingTerm words the error where a term should start and none does: after an
// operator the end or another operator, otherwise a character without meaning.
func (s *scanner) missingTerm() *Error {
	if s.pos >= s.end || strings.IndexByte("-?", s.text[s.pos]) >= 0 {
		return syntaxError(s.pos)
	}
	return s.lexicalError(s.pos, s.runeEnd(s.pos))
}

// foldTerms applies AWS's rule that ? terms count only among themselves. The
// longest include comes first, since it is the rarest as a rule and decides
// most misses with one search.
func foldTerms(include, exclude, optional []term) *termPattern {
	slices.SortStableFunc(include, func(a, b term) int { return len(b.text) - len(a.text) })
	t := &termPattern{include: uniqueTerms(include), exclude: uniqueTerms(exclude)}
	if len(include)+len(exclude) > 0 {
		t.ignored = optional
	} else {
		t.anyOf = uniqueTerms(optional)
	}
	return t
}

func uniqueTerms(terms []term) []term {
	var out []term
	for _, t := range terms {
		if !slices.ContainsFunc(out, func(o term) bool { return bytes.Equal(o.text, t.text) }) {
			out = append(out, t)
		}
	}
	return out
}
