package pattern

import (
	"errors"
	"strings"

	"sluice/filter/pattern/internal/dfa"
)

// maxRegexes is AWS's quota for one JSON or space pattern.
const maxRegexes = 2

// regex is one compiled %...%. Its meaning is that of std regexp (AWS's engine
// gave the same verdict wherever a live answer is known): unanchored search,
// `.` stops at a newline, ^ and $ are the ends of the value.
type regex struct {
	source string // the expression that was compiled, {,n} already rewritten
	dfa    *dfa.Regexp
}

// match reports whether the expression occurs in b.
func (r *regex) match(b []byte) bool { return r.dfa.Match(b) }

var errEscape = errors.New("escape sequence not supported")

// compileRegex compiles the text between two percent signs. The characters were
// checked by the lexer; here the escapes are narrowed to the documented ones,
// since Go knows more of them than CloudWatch.
func compileRegex(text string) (*regex, error) {
	source, err := rewriteRegex(text)
	if err != nil {
		return nil, err
	}
	compiled, err := dfa.Compile(source)
	if err != nil {
		return nil, err
	}
	return &regex{source: source, dfa: compiled}, nil
}

// rewriteRegex refuses undocumented escapes and turns {,n}, which the AWS guide
// allows and Go reads as plain text, into {0,n}. Neither applies inside [...].
func rewriteRegex(text string) (string, error) {
	var out strings.Builder
	inClass := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			n := escapeLength(text[i:])
			if n == 0 {
				return "", errEscape
			}
			out.WriteString(text[i : i+n])
			i += n - 1
			continue
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
			// A bracket right after [ or [^ is a member, not the end.
			n := 1
			if i+n < len(text) && text[i+n] == '^' {
				n++
			}
			if i+n < len(text) && text[i+n] == ']' {
				n++
			}
			out.WriteString(text[i : i+n])
			i += n - 1
			continue
		case c == '{' && openRepeat(text[i:]):
			out.WriteString("{0")
			continue
		}
		out.WriteByte(c)
	}
	return out.String(), nil
}

// openRepeat reports whether text starts with {,n}.
func openRepeat(text string) bool {
	if len(text) < 4 || text[1] != ',' {
		return false
	}
	n := 2
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n > 2 && n < len(text) && text[n] == '}'
}

// escapeLength returns how many bytes the escape at the start of text has, or 0
// if CloudWatch has no such escape.
func escapeLength(text string) int {
	if len(text) < 2 {
		return 0
	}
	switch c := text[1]; {
	case strings.IndexByte("dDsSwWtnr", c) >= 0:
		return 2
	case c == 'x':
		if len(text) >= 4 && isHex(text[2]) && isHex(text[3]) {
			return 4
		}
		return 0
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return 0
	}
	return 2
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// regexChar reports whether c may stand between percent signs.
func regexChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' ||
		strings.IndexByte(`:_#=@/;,-^$?[]{}|\*+. `, c) >= 0
}
