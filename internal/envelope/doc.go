// Package envelope is AWS's border format for log events: the DATA_MESSAGE JSON
// that a subscription filter sends, gzipped, to Kinesis, Firehose and Lambda.
// Inside sluice selected events travel as batches; an envelope is made only
// where somebody outside reads it.
//
// What enters: an event.Delivery (batch, selection, filter name). What leaves:
// one JSON document for each part of it, or that document as a gzip member:
//
//	{"messageType":"DATA_MESSAGE","owner":"<account>","logGroup":"...",
//	 "logStream":"...","subscriptionFilters":["..."],
//	 "logEvents":[{"id":"<56 digits>","timestamp":ms,"message":"..."}, ...]}
//
// with the keys in that order and no white space. What an account policy selected
// has "policyLevel":"ACCOUNT_LEVEL_POLICY" at the end, and emitSystemFields adds to
// each event "extractedFields":{"@aws.account":"...",...}; AWS shows neither place.
//
// # Strings
//
// Strings are escaped as AWS's encoder does: quote and backslash, \b \t \n \f
// \r, other control characters as \u00XX with upper-case digits; everything
// else stands as UTF-8, also <, >, &, / and U+2028. Text in a batch is valid
// UTF-8 already, since decoders refuse or replace what is not; should invalid
// bytes arrive nonetheless, each becomes one U+FFFD, as in encoding/json.
//
// On amd64 with AVX what takes two bytes is escaped sixteen at a time, by shuffles in
// assembly that ask for no branch on where it is; everywhere else, and for what takes
// more, in Go. A test has both escape the same texts.
//
// # Parts
//
// A delivery is cut into parts of whole events whose JSON stays below
// MaxPayload, so that every payload fits a Kinesis or Firehose record however
// badly it compresses. The cut depends on the delivery alone: a replay makes
// the same parts. An event whose JSON alone is longer forms a part of its own;
// whoever has a limit on payloads looks at their length.
//
// # Memory
//
// A document is appended to a buffer of the caller; nothing is allocated per
// event. Nothing here is durable.
package envelope
