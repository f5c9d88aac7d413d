package pattern

import "unicode/utf8"

// maxLength is AWS's limit of a pattern, in UTF-16 units as the API counts.
const maxLength = 1024

// Form is one of the four kinds of pattern, or MatchAll for an empty one.
type Form uint8

const (
	MatchAll Form = iota
	Terms
	Regex
	JSON
	Space
)

func (f Form) String() string {
	return [...]string{"match all", "terms", "regex", "JSON", "space-delimited"}[f]
}

// Compile parses text. The error, if any, is an *Error.
func Compile(text string) (*Pattern, error) {
	if offset := offsetOfUnit(text, maxLength); offset >= 0 {
		return nil, lengthError(text, offset)
	}
	p, err := parse(text)
	if err != nil {
		return nil, err
	}
	if p.form == Space {
		p.space.rare = rareLiteral(needsOf(p))
	}
	return p, nil
}

// MustCompile is Compile for patterns that are known to be good, in tests and
// examples; it panics on the others.
func MustCompile(text string) *Pattern {
	p, err := Compile(text)
	if err != nil {
		panic("pattern " + text + ": " + err.Error())
	}
	return p
}

// String returns the text that was compiled.
func (p *Pattern) String() string { return p.text }

// Form tells which of the forms the text has.
func (p *Pattern) Form() Form { return p.form }

// Match reports whether the pattern selects the message. It keeps nothing of
// message, allocates nothing and may be called by many goroutines at once.
//
// hot: BenchmarkMatch
func (p *Pattern) Match(message []byte) bool {
	if p.form == Space && !p.space.mayMatch(message) {
		return false
	}
	return p.verify(message)
}

// verify is Match for a message that is known to have what the pattern needs, or
// likely to.
func (p *Pattern) verify(message []byte) bool {
	switch p.form {
	case Terms:
		return p.terms.match(message)
	case Regex:
		return p.regex.match(message)
	case JSON:
		return p.json.match(message)
	case Space:
		return p.space.match(message)
	}
	return true
}

// offsetOfUnit returns the byte offset of the n-th UTF-16 unit of text
// (counted from 0), or -1 if text has no more than n.
func offsetOfUnit(text string, n int) int {
	if len(text) <= n {
		return -1
	}
	units := 0
	for i, r := range text {
		if units >= n {
			return i
		}
		units++
		if r > 0xFFFF && r <= utf8.MaxRune {
			units++
		}
	}
	return -1
}
