package prefix

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// Member is one of the two members that hold a template.
type Member string

// The two members, by AWS's names.
const (
	Prefix            Member = "Prefix"
	ErrorOutputPrefix Member = "ErrorOutputPrefix"
)

// MaxLength bounds an evaluated prefix, in UTF-16 units as the service counts.
const MaxLength = 512

// ErrTooLong says that a prefix is over MaxLength with the values of an object.
var ErrTooLong = errors.New("evaluated prefix is longer than 512")

// KeyError says that an object has no value for a partition key, or an empty one.
type KeyError struct{ Namespace, Key string }

func (e *KeyError) Error() string { return fmt.Sprintf("no value for %s:%s", e.Namespace, e.Key) }

// Template is a parsed Prefix or ErrorOutputPrefix.
type Template struct {
	parts       []part
	expressions bool // as written; the default time is none
}

type partKind uint8

const (
	literal partKind = iota
	timestamp
	randomString
	errorType
	fromQuery
	fromLambda
)

type part struct {
	kind    partKind
	text    string // of a literal; name of a partition key
	pattern pattern
}

const (
	namespaceQuery  = "partitionKeyFromQuery"
	namespaceLambda = "partitionKeyFromLambda"
)

// parse reads the text of a member; nothing is appended yet.
func parse(m Member, text string) (*Template, error) {
	t := new(Template)
	text = strings.ToValidUTF8(text, "\uFFFD") // AWS JSON lets none in
	for text != "" {
		before, rest, opens := strings.Cut(text, "!{")
		t.literal(before)
		if !opens {
			break
		}
		namespace, value, after, ok := expression(rest)
		if !ok {
			return nil, &Error{"Invalid expression usage"}
		}
		p, err := newPart(m, namespace, value)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
		t.expressions = true
		text = after
	}
	return t, nil
}

// expression takes what follows "!{" apart.
func expression(s string) (namespace, value, after string, ok bool) {
	end := strings.IndexAny(s, "{}")
	if end < 0 || s[end] != '}' {
		return "", "", "", false
	}
	namespace, value, ok = strings.Cut(s[:end], ":")
	letters := strings.TrimFunc(namespace, isLetter) == "" && namespace != ""
	return namespace, value, s[end+1:], ok && letters && value != ""
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func newPart(m Member, namespace, value string) (part, error) {
	unknown := &Error{"Invalid conversion character used in the value of the expression in " + string(m)}
	switch namespace {
	case "timestamp":
		p, ok := compile(value)
		if !ok {
			return part{}, unknown
		}
		return part{kind: timestamp, pattern: p}, nil
	case "firehose":
		switch value {
		case "random-string":
			return part{kind: randomString}, nil
		case "error-output-type":
			return part{kind: errorType}, nil
		}
		return part{}, unknown
	case namespaceQuery:
		return part{kind: fromQuery, text: value}, nil
	case namespaceLambda:
		return part{kind: fromLambda, text: value}, nil
	}
	return part{}, &Error{"Namespace to the left of colon (" + namespace + ") is an invalid keyword!"}
}

func (t *Template) literal(s string) {
	if s != "" {
		t.parts = append(t.parts, part{kind: literal, text: s})
	}
}

// defaultTime is what follows a text without expressions.
var defaultTime, _ = compile("yyyy/MM/dd/HH/")

// complete appends what a text without expressions gets.
func (t *Template) complete(m Member) {
	if t.expressions {
		return
	}
	if m == ErrorOutputPrefix {
		t.parts = append(t.parts, part{kind: errorType})
		t.literal("/")
	}
	t.parts = append(t.parts, part{kind: timestamp, pattern: defaultTime})
}

func (t *Template) has(kinds ...partKind) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return slices.Contains(kinds, p.kind) })
}

// Partitioned tells whether the template takes partition keys.
func (t *Template) Partitioned() bool { return t.has(fromQuery, fromLambda) }

// QueryKeys are the names of partition keys from the query, each once.
func (t *Template) QueryKeys() []string { return t.keys(fromQuery) }

// LambdaKeys are the names of partition keys from the transformation, each once.
func (t *Template) LambdaKeys() []string { return t.keys(fromLambda) }

func (t *Template) keys(kind partKind) (names []string) {
	for _, p := range t.parts {
		if p.kind == kind && !slices.Contains(names, p.text) {
			names = append(names, p.text)
		}
	}
	return names
}

// Values are what one object gives to a template.
type Values struct {
	// Instant is the arrival of the object's oldest record, in the time zone of
	// the delivery stream.
	Instant time.Time
	// Identity of the object; random strings follow from it.
	Identity string
	// ErrorType is the error-output-type, such as processing-failed.
	ErrorType string
	// Query and Lambda are the partition keys of the object.
	Query, Lambda map[string]string
}

// Append appends the evaluated template to dst. With an error (ErrTooLong, a
// *KeyError) dst is returned as it was.
func (t *Template) Append(dst []byte, v Values) ([]byte, error) {
	out, drawn := dst, 0
	for _, p := range t.parts {
		switch p.kind {
		case literal:
			out = append(out, p.text...)
		case timestamp:
			out = p.pattern.append(out, v.Instant)
		case randomString:
			out = appendRandom(out, v.Identity, drawn)
			drawn++
		case errorType:
			out = append(out, v.ErrorType...)
		case fromQuery, fromLambda:
			value, err := p.value(v)
			if err != nil {
				return dst, err
			}
			out = append(out, value...)
		}
	}
	if length(string(out[len(dst):])) > MaxLength {
		return dst, ErrTooLong
	}
	return out, nil
}

func (p part) value(v Values) (string, error) {
	namespace, values := namespaceQuery, v.Query
	if p.kind == fromLambda {
		namespace, values = namespaceLambda, v.Lambda
	}
	if value := values[p.text]; value != "" {
		return value, nil
	}
	return "", &KeyError{namespace, p.text}
}

// shortestErrorType is the least that an error type takes.
const shortestErrorType = "splunk-failed"

// least is the length of the shortest evaluation.
func (t *Template) least() (n int) {
	for _, p := range t.parts {
		switch p.kind {
		case literal:
			n += length(p.text)
		case timestamp:
			n += p.pattern.least()
		case randomString:
			n += randomLength
		case errorType:
			n += len(shortestErrorType)
		case fromQuery, fromLambda:
			n++
		}
	}
	return n
}

// length counts UTF-16 units, as Java does.
func length(s string) (n int) {
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}
