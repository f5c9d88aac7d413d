package pattern

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// parse chooses the form by the first character, then checks that a form that
// opens also closes; AWS does so before it looks at anything between.
func parse(text string) (*Pattern, *Error) {
	start, end := trimBlanks(text)
	s := scanner{text: text, pos: start, end: end}
	p := &Pattern{text: text}
	if start == end {
		return p, nil
	}
	var err *Error
	switch opener := text[start]; opener {
	case '{':
		if text[end-1] != '}' {
			return nil, unclosedError('{', '}', start)
		}
		p.form = JSON
		p.json, err = parseJSON(s)
	case '[':
		if text[end-1] != ']' {
			return nil, unclosedError('[', ']', start)
		}
		p.form = Space
		p.space, err = parseSpace(s)
	case '%':
		if text[end-1] != '%' || end-start == 1 {
			return nil, unclosedError('%', '%', start)
		}
		p.form = Regex
		p.regex, err = parseRegex(s)
	default:
		p.form = Terms
		p.terms, err = parseTerms(s)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// parseRegex reads a pattern that is one %regex% and nothing else.
func parseRegex(s scanner) (*regex, *Error) {
	start := s.pos
	body, err := s.regexToken()
	if err != nil {
		return nil, err
	}
	if s.pos < s.end {
		return nil, s.lexicalError(s.pos, s.runeEnd(s.pos))
	}
	re, bad := compileRegex(body)
	if bad != nil {
		return nil, &Error{CodeRegex, textRegex, start}
	}
	return re, nil
}

// scanner reads tokens of text[pos:end]. Each form drives it with what it
// expects next, as AWS's own lexer evidently does: a quoted "0" is a fine value
// after = and an invalid one after >.
type scanner struct {
	text   string
	pos    int
	end    int
	tokens string // the single bytes that are or start a token in this form
}

// trimBlanks returns the range of text without outer blanks.
func trimBlanks(text string) (start, end int) {
	end = len(text)
	for start < end && isBlank(text[start]) {
		start++
	}
	for end > start && isBlank(text[end-1]) {
		end--
	}
	return start, end
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (s *scanner) skipBlanks() {
	for s.pos < s.end && isBlank(s.text[s.pos]) {
		s.pos++
	}
}

// peek returns the next byte, or 0 at the end. A NUL in the pattern is no
// token anywhere, so the two are told apart only where an error is worded.
func (s *scanner) peek() byte {
	if s.pos < s.end {
		return s.text[s.pos]
	}
	return 0
}

// accept skips word if it comes next.
func (s *scanner) accept(word string) bool {
	if strings.HasPrefix(s.text[s.pos:s.end], word) {
		s.pos += len(word)
		return true
	}
	return false
}

// runeEnd returns the index after the rune at i, never beyond the end.
func (s *scanner) runeEnd(i int) int {
	if i >= s.end {
		return s.end
	}
	_, n := utf8.DecodeRuneInString(s.text[i:s.end])
	return i + n
}

// lexicalError names text[from:to], the offending token read so far; the
// offence is its last character.
func (s *scanner) lexicalError(from, to int) *Error {
	offset := from
	for i := range s.text[from:to] {
		offset = from + i
	}
	return &Error{CodeLexical, "Invalid character(s) in term '" + s.text[from:to] + "'", offset}
}

// tokenError names a whole token that is well formed but not what may stand
// there; the offence is its start.
func (s *scanner) tokenError(from, to int) *Error {
	return &Error{CodeLexical, "Invalid character(s) in term '" + s.text[from:to] + "'", from}
}

// unexpected words the error for whatever comes next: a token out of place is
// a syntax error, a character that starts no token a lexical one.
func (s *scanner) unexpected() *Error {
	if s.pos >= s.end {
		return syntaxError(s.pos)
	}
	c := s.text[s.pos]
	if s.atBare() || strings.IndexByte(s.tokens, c) >= 0 {
		return syntaxError(s.pos)
	}
	switch rest := s.text[s.pos:s.end]; {
	case c != '&' && c != '|' && c != '!':
		return s.lexicalError(s.pos, s.runeEnd(s.pos))
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, "!="):
		return syntaxError(s.pos)
	}
	return s.lexicalError(s.pos, s.runeEnd(s.pos+1))
}

// run skips runes while ok holds and returns the text skipped.
func (s *scanner) run(ok func(rune) bool) string {
	start := s.pos
	for s.pos < s.end {
		r, n := utf8.DecodeRuneInString(s.text[s.pos:s.end])
		if r == utf8.RuneError && n == 1 || !ok(r) {
			break
		}
		s.pos += n
	}
	return s.text[start:s.pos]
}

// wordRune is what needs no quotes anywhere: letters and digits of any script,
// combining marks, the underscore.
func wordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}

func termRune(r rune) bool { return r == '.' || wordRune(r) }

func nameRune(r rune) bool { return r == '-' || wordRune(r) }

func bareRune(r rune) bool { return r == '.' || r == '*' || r == '+' || r == '-' || wordRune(r) }

func (s *scanner) atBare() bool {
	r, n := utf8.DecodeRuneInString(s.text[s.pos:s.end])
	return n > 0 && !(r == utf8.RuneError && n == 1) && bareRune(r)
}

// quoted reads "..." and returns its content. \" and \\ are the only escapes;
// any other backslash stands for itself.
func (s *scanner) quoted() (string, *Error) {
	start := s.pos
	var out strings.Builder
	for i := start + 1; i < s.end; i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return out.String(), nil
		case c == '\\' && i+1 < s.end && (s.text[i+1] == '"' || s.text[i+1] == '\\'):
			i++
			out.WriteByte(s.text[i])
		default:
			out.WriteByte(c)
		}
	}
	return "", s.tokenError(start, s.end)
}

// regexToken reads %...% and returns what is between.
func (s *scanner) regexToken() (string, *Error) {
	start := s.pos
	for i := start + 1; i < s.end; i++ {
		c := s.text[i]
		if c == '%' && i > start+1 {
			s.pos = i + 1
			return s.text[start+1 : i], nil
		}
		if !regexChar(c) {
			return "", s.lexicalError(start, s.runeEnd(i))
		}
	}
	return "", s.tokenError(start, s.end)
}
