// Package otlp reads the requests of OTLP/HTTP for logs (POST /v1/logs) and
// writes their answers.
//
// What enters a Reader is an ExportLogsServiceRequest in protobuf that was
// received whole; one in JSON is rewritten as protobuf by AppendProtobuf first,
// so that both mean the same. What leaves, one at a time, is log records: their
// time, and the message that is stored of them.
//
//	ExportLogsServiceRequest
//	  1 ResourceLogs ...      1 Resource  2 ScopeLogs ...   3 schema url
//	    ScopeLogs             1 Scope     2 LogRecord ...   3 schema url
//	      LogRecord           1 time, 2 severity, 3 severity text, 5 body,
//	                          6 attributes, 8 flags, 9 trace, 10 span,
//	                          11 observed time, 12 event name
//
// # Messages
//
// In the form Body the message is the record's body: a string as it is, bytes in
// base64, a number or a boolean as JSON writes it, a list or a map as JSON. The
// resource, the attributes and all else are left behind. A record without a body
// is stored in the form Record all the same, since it would be nothing.
//
// In the form Record the message is a JSON object with all that the record, its
// resource and its scope say, attributes as plain maps, as CloudWatch Logs shows
// them:
//
//	{"resource":{"attributes":{"service.name":"shop"}},"scope":{"name":"app"},
//	 "timeUnixNano":1767600000000000000,"severityNumber":9,"severityText":"INFO",
//	 "body":"...","attributes":{"k":1},"flags":1,"traceId":"...","spanId":"..."}
//
// A number that JSON does not know is "NaN", "Infinity" or "-Infinity". Members
// without a value are left out. Values may nest maxDepth deep; a record that
// goes deeper is refused alone, as is one whose body or attributes are no
// protobuf.
//
// The time is time_unix_nano, or observed_time_unix_nano where that is zero, cut
// to milliseconds. Text that is not UTF-8 gets U+FFFD for each wrong byte; they
// are counted.
//
// # What protobuf leaves open
//
// Fields come in any order, and unknown ones are passed over. A message field
// that stands twice is merged, which for encoded messages is to put one behind
// the other; a scalar counts as its last one says.
//
// # Memory and crashes
//
// The body is never changed. Text is a view into it, what is appended is the
// caller's. A Reader belongs to one request at a time and is reused; in a steady
// state nothing is allocated. Nothing here survives a crash, or needs to.
package otlp
