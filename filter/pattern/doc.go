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
package pattern
