// Package corpus generates log events of any amount from a seed: application
// JSON, CloudTrail records, VPC flow logs, access logs and stack traces, in the
// shape and with the entropy that such logs have (they compress as their models
// do), so that a benchmark or a load test needs no files.
//
// What enters is a kind, a seed and the instant of the first event. What leaves
// is one event after the other, appended to the caller's memory and never kept;
// the same three inputs give the same bytes on every machine and in every
// version, which a golden test guards: figures measured on a corpus stay
// comparable.
//
// Every event carries a sequence number that counts up from one and that Seq
// reads back from the event alone, whatever happened to it on its way: losses
// and duplicates can be counted at any output.
package corpus
