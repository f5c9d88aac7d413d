package awsapi

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Validation collects what the service model refuses in a request and answers
// with AWS's one text for all of it:
//
//	2 validation errors detected: Value '0' at 'limit' failed to satisfy
//	constraint: Member must have value greater than or equal to 1; Value ...
//
// Start from LogsValidation, FirehoseValidation or KinesisValidation: code and
// wording differ by service. Each check names the member as the model spells
// its path ("limit", "metricTransformations.1.member.metricName"). The zero
// value is not ready to use.
type Validation struct {
	code     string
	unvalued bool // "Value at 'x'" instead of "Value 'V' at 'x'"
	problems []string
	instead  *Error // answered in place of the problems
}

// LogsValidation answers InvalidParameterException.
func LogsValidation() *Validation { return &Validation{code: CodeInvalidParameter} }

// FirehoseValidation answers ValidationException and does not print values.
func FirehoseValidation() *Validation { return &Validation{code: CodeValidation, unvalued: true} }

// KinesisValidation answers ValidationException.
func KinesisValidation() *Validation { return &Validation{code: CodeValidation} }

// CloudWatchValidation answers ValidationException, which the query protocol
// calls ValidationError.
func CloudWatchValidation() *Validation { return &Validation{code: CodeValidation} }

// Err is nil, or an *Error with everything collected.
func (v *Validation) Err() error {
	if v.instead != nil {
		return v.instead
	}
	switch n := len(v.problems); n {
	case 0:
		return nil
	case 1:
		return &Error{Code: v.code, Message: "1 validation error detected: " + v.problems[0]}
	default:
		return &Error{Code: v.code, Message: fmt.Sprintf("%d validation errors detected: %s", n, strings.Join(v.problems, "; "))}
	}
}

// Fail records a constraint that no other method has words for. The value is
// printed as it stands.
func (v *Validation) Fail(member, value, constraint string) {
	lead := "Value '" + value + "' at '"
	if v.unvalued {
		lead = "Value at '"
	}
	v.problems = append(v.problems, lead+member+"' failed to satisfy constraint: "+constraint)
}

// NotNull records a required member that is absent.
func (v *Validation) NotNull(member string, present bool) {
	if present {
		return
	}
	lead := "Value null at '"
	if v.unvalued {
		lead = "Value at '"
	}
	v.problems = append(v.problems, lead+member+"' failed to satisfy constraint: Member must not be null")
}

// Length checks the number of characters of a string.
func (v *Validation) Length(member, value string, least, most int) {
	v.size(member, value, utf8.RuneCountInString(value), least, most)
}

// ListLength checks the number of elements of a list or map; text is how AWS
// prints the value, see List.
func (v *Validation) ListLength(member, text string, n, least, most int) {
	v.size(member, text, n, least, most)
}

func (v *Validation) size(member, text string, n, least, most int) {
	if n > most {
		v.Fail(member, text, "Member must have length less than or equal to "+strconv.Itoa(most))
	}
	if n < least {
		v.Fail(member, text, "Member must have length greater than or equal to "+strconv.Itoa(least))
	}
}

// Range checks an integer, both ends included.
func (v *Validation) Range(member string, value, least, most int64) {
	text := strconv.FormatInt(value, 10)
	if value > most {
		v.Fail(member, text, "Member must have value less than or equal to "+strconv.FormatInt(most, 10))
	}
	if value < least {
		v.Fail(member, text, "Member must have value greater than or equal to "+strconv.FormatInt(least, 10))
	}
}

// Enum checks for one of the model's words, case included; AWS prints them in
// the order given.
func (v *Validation) Enum(member, value string, words ...string) {
	for _, w := range words {
		if value == w {
			return
		}
	}
	v.Fail(member, value, "Member must satisfy enum value set: ["+strings.Join(words, ", ")+"]")
}

// Pattern records that a value does not match; pattern is the model's text,
// the matching is the caller's (or one of the Valid functions').
func (v *Validation) Pattern(member, value, pattern string, matches bool) {
	if !matches {
		v.Fail(member, value, "Member must satisfy regular expression pattern: "+pattern)
	}
}

// Elements records that an element of a list fails constraints of its own.
// Constraints are texts as Fail takes them.
func (v *Validation) Elements(member, text string, constraints ...string) {
	v.Fail(member, text, "Member must satisfy constraint: ["+strings.Join(constraints, ", ")+"]")
}

// MapKeys records that a key of a map fails constraints of its own.
func (v *Validation) MapKeys(member, text string, constraints ...string) {
	v.Fail(member, text, "Map keys must satisfy constraint: ["+strings.Join(constraints, ", ")+"]")
}

// MapValues records that a value of a map fails constraints of its own.
func (v *Validation) MapValues(member, text string, constraints ...string) {
	v.Fail(member, text, "Map value must satisfy constraint: ["+strings.Join(constraints, ", ")+"]")
}

// LogGroupName checks a required log group name. Over 512 characters AWS gives a
// text of its own, for log streams too.
func (v *Validation) LogGroupName(member, name string) {
	v.name(member, name, PatternLogGroupName, ValidLogGroupName(name), true)
}

// LogStreamName checks a required log stream name.
func (v *Validation) LogStreamName(member, name string) {
	v.name(member, name, PatternLogStreamName, ValidLogStreamName(name), true)
}

// FilterName checks a required name of a subscription filter, metric filter or
// destination.
func (v *Validation) FilterName(member, name string) {
	v.name(member, name, PatternLogStreamName, ValidLogStreamName(name), false)
}

func (v *Validation) name(member, name, pattern string, matches, ownText bool) {
	if name == "" {
		v.NotNull(member, false)
		return
	}
	if ownText && utf8.RuneCountInString(name) > 512 {
		v.instead = ErrNameTooLong
		return
	}
	v.Length(member, name, 1, 512)
	v.Pattern(member, name, pattern, matches)
}

// List prints a list of strings as AWS's texts do: [a, b].
func List[S ~string](values []S) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	b.WriteByte(']')
	return b.String()
}
