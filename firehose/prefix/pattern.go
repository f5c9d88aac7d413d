package prefix

import (
	"strings"
	"time"
)

// pattern is a compiled DateTimeFormatter pattern.
type pattern []field

// field is a run of one pattern letter, or a literal.
type field struct {
	letter byte // 0: literal
	count  int
	text   string
}

// compile reads a pattern as DateTimeFormatter.ofPattern does.
func compile(s string) (pattern, bool) {
	var p pattern
	for s != "" {
		f, rest, ok := nextField(s)
		if !ok {
			return nil, false
		}
		if n := len(p); n > 0 && f.letter == 0 && p[n-1].letter == 0 {
			p[n-1].text += f.text
		} else {
			p = append(p, f)
		}
		s = rest
	}
	return p, true
}

func nextField(s string) (f field, rest string, ok bool) {
	switch c := s[0]; {
	case isLetter(rune(c)):
		n := len(s) - len(strings.TrimLeft(s, string(c)))
		return field{letter: c, count: n}, s[n:], validWidth(c, n)
	case c == '\'':
		return quoted(s[1:])
	case strings.IndexByte("[]{}#", c) >= 0: // optional sections; reserved
		return field{}, "", false
	}
	end := strings.IndexFunc(s, func(r rune) bool { return isLetter(r) || strings.ContainsRune("'[]{}#", r) })
	if end < 0 {
		end = len(s)
	}
	return field{text: s[:end]}, s[end:], true
}

// quoted reads a literal up to its closing quote; two quotes are one, also alone.
func quoted(s string) (f field, rest string, ok bool) {
	var text strings.Builder
	for {
		before, after, found := strings.Cut(s, "'")
		text.WriteString(before)
		if !found {
			return field{}, "", false
		}
		if !strings.HasPrefix(after, "'") {
			if text.Len() == 0 {
				text.WriteByte('\'')
			}
			return field{text: text.String()}, after, true
		}
		text.WriteByte('\'')
		s = after[1:]
	}
}

// validWidth tells whether a run of a letter can be printed.
func validWidth(letter byte, n int) bool {
	switch letter {
	case 'y', 'u':
		return n <= 10 || n == 19 // between, the formatter fails to print
	case 'Y':
		return n <= 10 || n >= 19
	case 'G', 'M', 'L', 'Q', 'q', 'E', 'e', 'Z', 'X', 'x':
		return n <= 5
	case 'c':
		return n != 2 && n <= 5
	case 'B':
		return n == 1 || n == 4 || n == 5
	case 'v', 'O':
		return n == 1 || n == 4
	case 'z':
		return n <= 4
	case 'D':
		return n <= 3
	case 'd', 'w', 'h', 'H', 'k', 'K', 'm', 's':
		return n <= 2
	case 'a', 'F', 'W':
		return n == 1
	case 'S':
		return n <= 9
	case 'A', 'n', 'N', 'g':
		return n <= 19
	}
	return false
}

func (p pattern) append(dst []byte, t time.Time) []byte {
	for _, f := range p {
		if f.letter == 0 {
			dst = append(dst, f.text...)
		} else {
			dst = f.append(dst, t)
		}
	}
	return dst
}

func (p pattern) least() (n int) {
	for _, f := range p {
		n += f.least()
	}
	return n
}

// least is the length of the field's shortest form.
func (f field) least() int {
	switch f.letter {
	case 0:
		return length(f.text)
	case 'M', 'L', 'Q', 'q', 'E', 'c', 'e', 'G':
		return f.leastText()
	case 'a':
		return len("AM")
	case 'B':
		return len("noon")
	case 'z', 'v', 'X':
		return 1
	case 'O':
		return len("GMT")
	case 'Z':
		return [...]int{5, 5, 5, len("GMT"), 1}[f.count-1]
	case 'x':
		return [...]int{3, 5, 6, 5, 6}[f.count-1]
	}
	return f.count // numbers are padded to it
}

func (f field) leastText() int {
	words := f.words()
	if words == nil {
		return f.count
	}
	n := length(words[0])
	for _, w := range words {
		n = min(n, length(w))
	}
	return n
}
