package pattern

import (
	"math"
	"strconv"
)

// Selector names one value of a message for a metric filter: `$.latency_ms` for
// JSON patterns, `$status` or `$3` (a token by its position) for space-delimited
// ones. The value need not be mentioned in the pattern.
type Selector struct {
	text     string
	form     Form
	path     selector
	name     string
	position int // 1-based; 0 for a name
}

// CompileSelector parses a selector for patterns of the given form. Terms and
// regex patterns have none, and a metric filter admits no wildcard.
func CompileSelector(text string, form Form) (*Selector, error) {
	sel := &Selector{text: text, form: form}
	s := scanner{text: text, end: len(text), tokens: "$"}
	var err *Error
	switch form {
	case JSON:
		sel.path, err = s.parseSelector()
		if err == nil && sel.path.wild >= 0 {
			err = selectorError(text, 0)
		}
	case Space:
		err = sel.parseField(&s)
	default:
		err = selectorError(text, 0)
	}
	if err == nil && s.pos != s.end {
		err = selectorError(text, s.pos)
	}
	if err != nil {
		return nil, err
	}
	return sel, nil
}

func selectorError(text string, offset int) *Error {
	return &Error{CodeSelector, "Invalid selector '" + text + "'", offset}
}

// parseField reads $name or $position.
func (sel *Selector) parseField(s *scanner) *Error {
	if !s.accept("$") || s.pos == s.end {
		return selectorError(sel.text, 0)
	}
	if !isDigit(s.peek()) {
		if sel.name = s.run(wordRune); sel.name == "" {
			return selectorError(sel.text, s.pos)
		}
		return nil
	}
	n, err := strconv.Atoi(s.text[s.pos:])
	if err != nil || n == 0 {
		return selectorError(sel.text, s.pos)
	}
	sel.position, s.pos = n, s.end
	return nil
}

// String returns the selector as written.
func (sel *Selector) String() string { return sel.text }

// ValueKind says what a selector has found.
type ValueKind uint8

const (
	ValueMissing   ValueKind = iota // nothing there
	ValueNull                       // JSON null
	ValueBool                       // JSON true or false
	ValueNumber                     // a JSON number, or a token that looks like one
	ValueText                       // a JSON string, or any other token
	ValueComposite                  // a JSON object or array
)

func (k ValueKind) String() string {
	return [...]string{"missing", "null", "boolean", "number", "text", "object or array"}[k]
}

// Value is what a selector has found. Text is empty for a missing value, the
// decoded text of a string, the canonical text of a number (12, 1.0, 1.0E7), the
// source of anything else; it is a view of the message or of the caller's
// buffer.
type Value struct {
	Kind ValueKind
	Text []byte
}

// Float returns the value as a metric sample: a number, or a text that is
// nothing but a finite number. ok is false for everything else.
func (v Value) Float() (f float64, ok bool) {
	if v.Kind != ValueNumber && v.Kind != ValueText {
		return 0, false
	}
	if _, ok := numberShape(v.Text); !ok {
		return 0, false
	}
	f = parseDouble(v.Text)
	return f, !math.IsInf(f, 0)
}

// Extract appends to dst what each selector finds in a message that Match has
// accepted. Text that is not in the message as it is (decoded strings, numbers
// in canonical form) is appended to buf. Both are returned; with room in them,
// nothing is allocated. A selector of another form finds nothing.
//
// hot: BenchmarkExtract
func (p *Pattern) Extract(dst []Value, buf []byte, message []byte, selectors []*Selector) ([]Value, []byte) {
	switch p.form {
	case JSON:
		return extractJSON(dst, buf, message, selectors)
	case Space:
		return p.space.extract(dst, message, selectors), buf
	}
	for range selectors {
		dst = append(dst, Value{})
	}
	return dst, buf
}

func (s *spacePattern) extract(dst []Value, message []byte, selectors []*Selector) []Value {
	sc := newScratch()
	sc.tokens = s.bind(message, sc.tokens[:0])
	for _, sel := range selectors {
		v := Value{}
		if i := s.tokenOf(sel, len(sc.tokens)); i >= 0 {
			tok := sc.tokens[i]
			v = tokenValue(message[tok.start:tok.end])
		}
		dst = append(dst, v)
	}
	sc.free()
	return dst
}

func tokenValue(text []byte) Value {
	if shape, ok := numberShape(text); ok && (shape.isInt || !math.IsInf(parseDouble(text), 0)) {
		return Value{ValueNumber, text}
	}
	return Value{ValueText, text}
}

// tokenOf returns the index of the token, of n, that the selector names.
func (s *spacePattern) tokenOf(sel *Selector, n int) int {
	if sel.form != Space {
		return -1
	}
	if sel.position > 0 {
		if sel.position > n {
			return -1
		}
		return sel.position - 1
	}
	for i := range s.fields {
		if s.fields[i].name == sel.name {
			if s.ellipsis < 0 || i < s.ellipsis {
				return i
			}
			return n - len(s.fields) + i
		}
	}
	return -1
}
