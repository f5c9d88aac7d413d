// Package prefix is the language of a delivery stream's Prefix and
// ErrorOutputPrefix: what the name of an object starts with.
//
// What enters: the text of the two members, and, for each object, its instant
// in its time zone, its identity and its partition keys. What leaves: the start
// of its key, or Firehose's own text of what is wrong. Nothing is kept, nothing
// survives a crash; a Template never changes and is safe for concurrent use.
//
//	text       = { literal | expression }
//	expression = "!{" namespace ":" value "}"
//	namespace  = timestamp | firehose | partitionKeyFromQuery | partitionKeyFromLambda
//	value      = one or more characters other than braces
//
// Everything that is not an expression is literal, a lone "!" and "{year}"
// included; "!{" that opens no expression is an error. A text without any
// expression gets yyyy/MM/dd/HH/ appended, with no slash between; an
// ErrorOutputPrefix gets the error type and a slash before that. Both follow
// what the service was seen to do, not its documents.
//
// # Timestamps
//
// Values of timestamp are patterns of JDK 17's DateTimeFormatter in the locale
// en_US: weeks start on Sunday, and the week of January 1 is the first. The
// service was seen to refuse just the letters that this formatter refuses.
// Optional sections, padding and VV are refused too; so are the year widths
// that the formatter takes and then cannot print. testdata/jdk17.tsv is what the
// formatter itself prints, made by testdata/Reference.java.
//
// # Random strings
//
// They are drawn from the identity of the object, so that every attempt at an
// object gives the same key.
package prefix
