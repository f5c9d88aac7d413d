// Package kinesis is the source that takes log events from Kinesis data streams, of
// AWS in other regions and accounts, or of another sluice.
//
// # What it is
//
// A consumer of a stream's shards. Each record is the document that CloudWatch Logs
// sends to a subscriber (gzip or plain JSON), a batch that another sluice sent, or,
// with payload raw, one message. Its events are appended to the log with the
// account, region, log group and stream that they come from.
//
// What enters: records of shards, through Shards, whoever shares them out. What
// leaves: sealed batches to an Appender.
//
// # Once
//
// A record has a number in its shard: how many were read before it, the same for
// whoever counts, as a shard's order is fixed. The batches of a shard go to one
// shard of the log here, in order, with Origin{lane, number}; the lane and that
// shard of the log are a definition in the catalog, made before anything is read.
// The greatest number in the log (package origins) is where the shard goes on:
//
//	number of a batch   (record + 1) << 8            the record's last or only batch
//	                    record << 8 | 1, 2, ...      batches of it before that one
//
// Mark and events are one frame. The place that is committed to Shards only spares
// reading from the beginning: what is read again has a number that is not above
// the mark, and is passed over. All of it holds for one data folder; two processes
// that read one stream both have all of it.
//
// # What cannot be stored
//
// A record that is no such document, and one that inflates to more than 16 MiB,
// goes to the log group /sluice/quarantine with shard, number and first bytes.
// CONTROL_MESSAGE documents are no events. When the stream lost records before
// they were read the shard stops and says so, or with OnGap "skip" goes on.
//
// # Memory and crashes
//
// A shard holds one page of records and the batches made of some 1 MiB of them.
// Events of a document are copied once into the batch. Nothing here survives a
// crash: places are those of Shards, marks the log's, lanes the catalog's.
package kinesis
