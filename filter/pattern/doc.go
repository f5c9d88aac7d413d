// Package pattern is the CloudWatch Logs filter pattern language: the one
// grammar behind subscription filters, metric filters, FilterLogEvents,
// TestMetricFilter and Live Tail.
//
// What enters is the text of a pattern, once, and then messages; what leaves is
// a verdict for each message, the values a metric filter asks for, and, for
// people, explanations and warnings. A compiled Pattern never changes and is
// shared freely between goroutines. Messages stay the caller's: nothing keeps a
// reference after a call has returned, and values handed out are views of the
// message or of the caller's buffer. The package stores nothing, so there is
// nothing a crash could lose. It imports the standard library only.
//
//	p, err := pattern.Compile(`{ $.status >= 500 && $.method = "POST" }`)
//	p.Match([]byte(`{"status":503,"method":"POST"}`)) // true
//
// # The forms
//
//	ERROR -"two words" ?WARN         terms: text anywhere in the message
//	%5\d\d in [0-9]+ms%              one regular expression
//	{ $.a[0] = 4* || $.b IS NULL }   values of a JSON object
//	[ip, ..., status = 5*, bytes]    fields of a line
//
// docs/filter-patterns.md introduces them and lists every rule with its cases.
//
// # How a message is matched
//
// Terms are searched with bytes.Index, the longest include first. A JSON message
// is indexed for quotes 64 bytes at a time and then walked once, hopping from
// quote to quote, along a trie of all selectors of the pattern; the walk reaches
// the last byte, since a message that is not JSON matches nothing. Values are
// compared where they lie: strings are decoded only if they have an escape,
// numbers only as far as the literal needs. A line is cut into tokens up to the
// last one somebody asks about, and only if it has a rare literal of the pattern.
//
// MatchBatch looks for such a literal, or for a run of byte classes of a regex, in
// many messages at once and matches those that have it. A Set gathers facts of 64
// messages as bits of words and decides each pattern for all of them together.
//
// # Files
//
//	ast.go                what a pattern compiles to
//	parse*.go, errors.go  text to that, with AWS's error texts
//	match_*.go, json_*.go one message; glob, number, decimal, swar: its parts
//	batch*.go, set*.go    many messages, many patterns at once
//	selector.go, fields.go, metric.go  values for metric filters
//	explain.go, lint*.go  for people
//
// # Decisions
//
// Where AWS documents nothing and no recording of the live service is known:
//
//	A1  A star is a correct glob. (The service seems not to backtrack: *11.11.11
//	    is reported not to match 11.11.11.11 there.)
//	A2  IS NULL on an array is true if any element is null; through a wildcard it
//	    looks at the elements themselves and not into them.
//	A3  A blank is allowed in a regex, a tab is not.
//	A4  {,n} in a regex means {0,n}.
//	A5  Unquoted text in JSON and space patterns may hold . * + and -.
//	A6  Blanks around any form are trimmed.
//	A7  In a line there are no escapes, the first closing character closes, and
//	    quotes and brackets count at the start of a token only.
//	A8  A token is a number if it has the syntax of a literal and is finite.
//	A9  Parentheses may group a field's conditions; [...] alone is valid.
//	A10 Field names are letters of any script, digits and _, no digit first.
//	A11 ['...'] may follow any dot, has no escapes and ends at the next '].
//	A12 Of JSON members with the same name the last counts.
//	A13 An operator without term, and a bare term touching a quote, are errors.
//	A14 Letters, marks and digits of any script may stand bare in terms.
//	A15 A string that is a finite number may be a metric's value (Value.Float).
//	A16 Defaults of matched events with dimensions: package filter decides.
//	A17 \t \n \r are escapes in a regex; \b and others are not.
//	A18 JSON nested deeper than 128 is not JSON.
//	A19 More than three selectors with a wildcard are refused, in our own words.
//	A20 A literal with more digits than a double is compared with the double's
//	    shortest decimal.
//
// Also ours: control characters inside JSON strings make a message not JSON;
// bytes that are no UTF-8 are compared as they are; an escaped lone surrogate is
// U+FFFD.
package pattern
