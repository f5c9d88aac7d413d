// Package metrics keeps the samples of CloudWatch metrics: those that metric
// filters make of log events, and those that clients put.
//
// What enters: frames of the log, read from a position of this package's own.
// Matches frames carry, beside the input position of the filters, what metric
// filters made of the events below it; Metrics frames are what PutMetricData was
// given. Both hold a Deltas: by series and period a digest of the samples. What
// leaves: statistics of periods, lists of metrics, and the operations
// PutMetricData, GetMetricData, GetMetricStatistics and ListMetrics.
//
// Digests merge, so that nothing is ever read to be changed: a delta is merged
// into memory, memory becomes a file from time to time, files become the file of
// their day. A query merges what all of them have of a period. A digest keeps up
// to 48 distinct values as they are; beyond, a value is replaced by that of its
// bin, 0.5 % around it.
//
// Who owns memory: a Deltas reuses its own. A Store copies what it keeps of a
// frame. It bounds the samples in memory by Config.MemoryBytes; of files only an
// index of pages stays there. Names of series stay for two weeks after the last
// sample.
//
// What survives a crash: every sample whose frame is durable, once. A checkpoint
// writes a file, then replaces the manifest, which holds the list of files and
// for each shard of the log the first position that is not in them. What a crash
// takes from memory is read from there again; the log is not freed before
// (Needed).
//
// # Files
//
//	file:     | page | page | ... | index | names | trailer |
//	page:     | length u32 | crc32c u32 | series ... |            about 16 KiB
//	series:   | key length | key | buckets n | n x bucket |       ascending by key
//	bucket:   | start zigzag, s | resolution, s | digest |
//	digest:   | flags u8 | count f64 | value f64 |                of one value
//	          | flags u8 | count f64 | sum f64 | min f64 | max f64 | pairs n | n x pair |
//	pair:     | value f64 | count + 1 |, or for no whole number | value f64 | 0 | count f64 |
//	index:    a page each | first key length | first key | offset |
//	names:    a series each | key length | key | newest start zigzag, s |
//	trailer:  | index offset u64 | index bytes u64 | names bytes u64 | crc32c of index u32 |
//	          | crc32c of names u32 | version u32 | "sluicemx" |
//
// Lengths and counts without a size are varints, integers are little-endian.
// MANIFEST is JSON. <sequence>.metrics is a checkpoint, day-<days since
// 1970>-<sequence>.metrics a day.
//
// # Resolution
//
// As in CloudWatch: samples of one second are kept as such for 3 hours, then by
// the minute up to 15 days, by 5 minutes up to 63 days and by the hour up to 455
// days. Files are rewritten as their day gets there.
package metrics
