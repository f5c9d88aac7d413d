// Package bulk reads the JSON bodies that log shippers post: NDJSON
// (/ingest/bulk), one JSON document (/ingest/json) and the collector format
// (/services/collector/event).
//
// What enters a Reader is a body that was received whole. What leaves, one at a
// time, is its events: the message and, if the body says, the time.
//
//	r.Reset(body, bulk.Lines)
//	for r.Next() {
//		... r.Message, r.Timestamp, r.Timed
//	}
//	... r.Err(), r.Skipped, r.Replaced
//
// # What is an event
//
//	Lines      one JSON value a line, ended by LF or CR LF. Empty lines are
//	           nothing; a line that is no JSON is skipped and counted. The elements
//	           of an array are events of their own.
//	Document   an object, or an array of objects; other values are skipped and
//	           counted. What follows the first value is ignored.
//	Collector  objects with a member event, or arrays of them, one after the other.
//	           Other values are skipped and counted.
//
// An object's message is its own text, as it was sent, but without the white
// space between its tokens if it stands on several lines: what reads the log by
// lines finds it on one. A string's message is what the string says, a
// collector's that of the value of event.
//
// The time of Lines and Document is the member timestamp of an object: a number
// of milliseconds, or a text of RFC 3339. That of Collector is the member time: a
// number of seconds, or a text of one. Anything else counts as no time. A member
// that stands twice counts as its last one says.
//
// Bytes that are not UTF-8 become U+FFFD each, as do lone surrogates in strings
// that become messages; they are counted.
//
// # Memory and crashes
//
// The body is never changed here; of Lines the user may write over what was read,
// see Read. Message is a view into it or into the Reader's
// scratch, valid until Next or Reset. A Reader belongs to one request at a time
// and is reused; in a steady state nothing is allocated. Nothing here survives a
// crash, or needs to.
package bulk
