// Package httpingest is the plain-HTTP way into log groups: CloudWatch Logs'
// HTTP ingestion endpoints.
//
//	POST /v1/logs                   OTLP, in protobuf or JSON
//	POST /ingest/bulk               NDJSON: a JSON value a line
//	POST /ingest/json               a JSON object, or an array of them
//	POST /services/collector/event  the collector format: {"event": ...} ...
//
// What enters: requests that internal/awsapi has authenticated (by signature or
// bearer token), inflated and counted against the budget of bytes in flight. The
// log group and stream stand in the headers x-aws-log-group and x-aws-log-stream
// or, but for OTLP, in the query parameters logGroup and logStream. What leaves:
// sealed batches, to an Appender that returns when they are durable. Only then
// does the sender get his answer: {} if all events were stored; else a
// partialSuccess that says exactly how many were refused, and why. These are
// durably counted by then, too, so that received = stored + rejected holds for
// these paths as it does for PutLogEvents.
//
// Events need not be in order and may be as many as the body holds. An event
// that is too old, too new, expired, too large or none at all is refused alone.
// A body that cannot be read is refused whole, before anything of it is stored.
//
// Memory: a request's events lie in the arena of an event.Builder, at most
// arenaBytes of them at a time: a larger body becomes several batches, in order.
// Decoders give views of the body; nothing is allocated per event. Lines are the
// text of a batch as they come, so that theirs is made where the body lies, unless
// it would be several or grow over what is still to be read.
//
// A crash, or a full log, between two batches of one body leaves the first of
// them stored and the sender without an answer: he sends again, and the events
// of that batch are there twice, as on every other way in.
package httpingest
