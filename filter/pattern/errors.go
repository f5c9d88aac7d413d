package pattern

import "fmt"

// Error says why a pattern was refused. Every Code is an
// InvalidParameterException in AWS's API and Message is AWS's own text, so that
// the API edge passes it on unchanged (FilterLogEvents alone words a
// CodeSyntax as "Invalid filter pattern").
type Error struct {
	Code    ErrorCode
	Message string
	Offset  int // byte offset of the offence in the pattern text, at most its length
}

func (e *Error) Error() string { return e.Message }

// ErrorCode tells the kinds of refusal apart.
type ErrorCode uint8

const (
	CodeLexical           ErrorCode = iota + 1 // a character that no token can hold
	CodeSyntax                                 // tokens in an order that means nothing
	CodeUnclosed                               // starts with { [ or % and does not end with its counterpart
	CodeRegex                                  // a regular expression that does not compile
	CodeRegexQuota                             // more than 2 regular expressions
	CodeWildcardQuota                          // more than 1 wildcard in a selector, or 3 in the pattern
	CodeMultipleVariables                      // conditions on two names in one field
	CodeDuplicateField                         // a field name, or ..., used twice
	CodeLength                                 // more than 1,024 characters
	CodeSelector                               // a selector that the pattern's form cannot hold
	CodeTransformation                         // a metric transformation that the pattern does not support
)

func (c ErrorCode) String() string {
	names := [...]string{"", "lexical", "syntax", "unclosed", "regex", "regex quota", "wildcard quota",
		"multiple variables", "duplicate field", "length", "selector", "transformation"}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

const (
	textSyntax        = "Invalid metric filter pattern"
	textRegex         = "Failed to compile regular expression."
	textRegexQuota    = "Your input has exceeded the maximum of 2 regular expressions per filter pattern."
	textWildcardQuota = "Your filter pattern has a JSON path selector that exceeds the maximum of 1 wildcard allowed per json selector."
	// AWS's text for the fourth wildcard selector is not known; this is ours.
	textWildcardTotal = "Your filter pattern exceeds the maximum of 3 JSON path selectors with a wildcard allowed per filter pattern."
)

func syntaxError(offset int) *Error { return &Error{CodeSyntax, textSyntax, offset} }

func unclosedError(opener, closer byte, offset int) *Error {
	return &Error{CodeUnclosed, fmt.Sprintf("If a filter pattern starts with '%c' it must end with '%c'", opener, closer), offset}
}

func duplicateError(name string, offset int) *Error {
	return &Error{CodeDuplicateField, "Duplicate field '" + name + "'", offset}
}

func variablesError(first, second string, offset int) *Error {
	return &Error{CodeMultipleVariables, "Multiple variables used in a single filter. Var1 : " + first + ", Var2 : " + second, offset}
}

func lengthError(text string, offset int) *Error {
	return &Error{CodeLength, "1 validation error detected: Value '" + text +
		"' at 'filterPattern' failed to satisfy constraint: Member must have length less than or equal to 1024", offset}
}
