// Package ship sends lines of text to CloudWatch Logs, one event a line.
//
// What enters: readers, and a client with PutLogEvents (the AWS SDK's). What
// leaves: requests that keep AWS's rules for a batch (at most 10,000 events and
// 1,048,576 bytes with 26 for each event, at most 24 hours, in chronological
// order), and a Report of what was sent and what was refused.
//
//	reader -> chunks of 64 KiB -> Cutter -> Batch -> one sender per log stream
//	                                ^                      |
//	                                +---- empty batches ---+
//
// Memory is bounded whatever the input: two chunks, one line of at most
// MaxMessage bytes, and one more batch than there are senders, which are used
// again and again. A Cutter that finds no empty batch waits, so a slow server
// slows the reading down.
//
// Each sender has a log stream of its own and one request under way, so the
// order within a stream is the order of the input. The SDK repeats a request
// whose answer it did not get (standard mode, three attempts unless
// AWS_MAX_ATTEMPTS says otherwise); PutLogEvents has no idempotency token, so
// such a repetition can store a batch twice. Nothing is repeated beyond that, and
// nothing survives a crash: the last Report line is what is known to be stored.
package ship
