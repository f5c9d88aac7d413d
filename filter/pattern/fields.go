package pattern

import "strconv"

// Fields returns what TestMetricFilter calls extractedValues: for a
// space-delimited pattern every token of the message, under $name or, for a
// token without a named field, $1, $2, ... by its position among all tokens.
// The map is empty for the other forms and nil if the message does not match.
// It allocates; metric filters use Extract.
func (p *Pattern) Fields(message []byte) map[string]string {
	if !p.Match(message) {
		return nil
	}
	values := map[string]string{}
	if p.form != Space {
		return values
	}
	tokens := p.space.bind(message, nil)
	for i, tok := range tokens {
		values["$"+p.space.nameOf(i, len(tokens))] = string(message[tok.start:tok.end])
	}
	return values
}

// bind appends the tokens of a message as the pattern sees them; the last one
// may be the rest of the message.
func (s *spacePattern) bind(message []byte, dst []token) []token {
	t := newTokenizer(message)
	limit := -1
	if s.ellipsis < 0 && !s.all {
		limit = len(s.fields) - 1
	}
	for t.more() {
		if len(dst) == limit {
			raw := t.pos
			start, end := t.last()
			return append(dst, token{raw, start, end})
		}
		dst = append(dst, t.next())
	}
	return dst
}

// fieldAt returns the index of the field that token i of n binds to, or -1 for
// one under `...` or in `[]`.
func (s *spacePattern) fieldAt(i, n int) int {
	switch {
	case s.all:
		return -1
	case s.ellipsis < 0 || i < s.ellipsis:
		return i
	}
	if f := i - n + len(s.fields); f >= s.ellipsis {
		return f
	}
	return -1
}

// nameOf returns the name of token i of n: its field's, or its position.
func (s *spacePattern) nameOf(i, n int) string {
	if f := s.fieldAt(i, n); f >= 0 && s.fields[f].name != "" {
		return s.fields[f].name
	}
	return strconv.Itoa(i + 1)
}
