package grep

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sluice/filter/pattern"
)

// highlighter appends the places of a line that made a pattern match. It is for
// the eye: a value written in another way than the pattern's library prints it
// stays unmarked.
type highlighter func(dst []span, line []byte) []span

func newHighlighter(p *pattern.Pattern) highlighter {
	switch p.Form() {
	case pattern.Terms:
		return termHighlighter(p)
	case pattern.Regex:
		return regexHighlighter(p)
	case pattern.JSON:
		return conditionHighlighter(p, findValue)
	case pattern.Space:
		return conditionHighlighter(p, findToken)
	}
	return func(dst []span, _ []byte) []span { return dst }
}

// appendHighlighted appends a line with its matches in colour.
func (s *Search) appendHighlighted(dst, line []byte) []byte {
	var marks []span
	for i, p := range s.cfg.Patterns {
		if p.Match(line) {
			marks = s.marks[i](marks, line)
		}
	}
	slices.SortFunc(marks, func(a, b span) int { return int(a.start) - int(b.start) })
	pos := uint32(0)
	for i := 0; i < len(marks); {
		m := marks[i]
		for i++; i < len(marks) && marks[i].start <= m.end; i++ { // one mark of what overlaps
			m.end = max(m.end, marks[i].end)
		}
		dst = append(append(dst, line[pos:m.start]...), colorMatch...)
		dst = append(append(dst, line[m.start:m.end]...), colorEnd...)
		pos = m.end
	}
	return append(dst, line[pos:]...)
}

// termHighlighter marks all places of the terms that are searched for: those
// that a message with nothing in it fails.
func termHighlighter(p *pattern.Pattern) highlighter {
	var terms [][]byte
	for _, c := range pattern.Explain(p, nil).Checks {
		if !c.True && !c.Ignored {
			terms = append(terms, []byte(unquoteTerm(c.Text)))
		}
	}
	return func(dst []span, line []byte) []span {
		for _, t := range terms {
			dst = appendPlaces(dst, line, t)
		}
		return dst
	}
}

func unquoteTerm(text string) string {
	inner, quoted := strings.CutPrefix(text, `"`)
	if !quoted {
		return text
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(strings.TrimSuffix(inner, `"`))
}

func appendPlaces(dst []span, line, text []byte) []span {
	for pos := 0; ; pos += len(text) {
		i := bytes.Index(line[pos:], text)
		if i < 0 || len(text) == 0 {
			return dst
		}
		pos += i
		dst = append(dst, span{uint32(pos), uint32(pos + len(text))})
	}
}

// regexHighlighter marks what the expression finds. Pattern's own automaton says
// yes or no only, so the standard library looks for the places.
func regexHighlighter(p *pattern.Pattern) highlighter {
	text := strings.ReplaceAll(strings.Trim(strings.TrimSpace(p.String()), "%"), "{,", "{0,")
	re, err := regexp.Compile(text)
	if err != nil {
		return func(dst []span, _ []byte) []span { return dst }
	}
	return func(dst []span, line []byte) []span {
		for _, at := range re.FindAllIndex(line, -1) {
			if at[0] < at[1] {
				dst = append(dst, span{uint32(at[0]), uint32(at[1])})
			}
		}
		return dst
	}
}

// conditionHighlighter marks the values that make conditions true.
func conditionHighlighter(p *pattern.Pattern, find func(dst []span, line []byte, selector, value string) []span) highlighter {
	return func(dst []span, line []byte) []span {
		for _, c := range pattern.Explain(p, line).Checks {
			if !c.True || c.Ignored {
				continue
			}
			for _, value := range c.Found {
				dst = find(dst, line, c.Selector, value)
			}
		}
		return dst
	}
}

// findToken marks the first place where a value, which is quoted, stands as a
// token.
func findToken(dst []span, line []byte, _, value string) []span {
	text, err := strconv.Unquote(value)
	if err != nil {
		return dst
	}
	for _, at := range appendPlaces(nil, line, []byte(text)) {
		if delimits(line, int(at.start)-1, " \t\"[") && delimits(line, int(at.end), " \t\"]\r") {
			return append(dst, at)
		}
	}
	return dst
}

// findValue marks the places where a value stands behind the name that the
// selector ends with, or anywhere if it ends with an index or a star.
func findValue(dst []span, line []byte, selector, value string) []span {
	before := " \t\r\n:[,{"
	text := value
	if s, err := strconv.Unquote(value); err == nil {
		text = `"` + s + `"`
	}
	name := lastName(selector)
	for _, at := range appendPlaces(nil, line, []byte(text)) {
		if !delimits(line, int(at.start)-1, before) || !delimits(line, int(at.end), " \t\r\n,]}") {
			continue
		}
		key := bytes.TrimRight(line[:at.start], " \t\r\n")
		if name == "" || bytes.HasSuffix(bytes.TrimRight(bytes.TrimSuffix(key, []byte(":")), " \t\r\n"), []byte(`"`+name+`"`)) {
			dst = append(dst, at)
		}
	}
	return dst
}

func lastName(selector string) string {
	switch {
	case strings.HasSuffix(selector, "']"):
		return selector[strings.LastIndex(selector, "['")+2 : len(selector)-2]
	case strings.HasSuffix(selector, "]"), strings.HasSuffix(selector, ".*"):
		return ""
	}
	return selector[strings.LastIndexByte(selector, '.')+1:]
}

// delimits reports whether position i of the line is outside of it or one of the
// bytes of set.
func delimits(line []byte, i int, set string) bool {
	return i < 0 || i >= len(line) || strings.IndexByte(set, line[i]) >= 0
}
