// Package logsapi holds CloudWatch Logs' operations on log groups and log
// streams: making, describing and deleting them, retention, tags, and reading
// events. One file is one operation, headed by its behaviour, its limits and
// where it knowingly differs from AWS.
//
// What enters: requests that internal/awsapi has authenticated and decoded. What
// leaves: AWS's answers and AWS's error texts, which exist nowhere below this
// edge. Definitions lie in internal/catalog, events behind the Events interface.
//
// Memory: requests own their values. A page of events is copied out of the
// store's batches and holds at most 10,000 events and 1 MiB, however large the
// stream is; a live tail keeps at most ten seconds and 4 MiB for a client that is
// slow. A crash loses nothing that was answered: the catalog makes each
// change durable first.
package logsapi
