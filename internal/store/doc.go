// Package store keeps log groups' events over the shards of the log.
//
// What enters: sealed batches (Append); what leaves: batches again, by log
// group, log stream and time range (Scan), and what DescribeLogStreams and
// DescribeLogGroups tell of them. A log stream's batches all lie in one shard,
// which its uid picks, so that its events stay in order.
//
// For every segment of the log there is an index of its batches (number, log
// group, log stream, time span); that of the active segment is in memory, those
// of sealed segments lie in the segments' footers and are paged in under a
// budget when a scan wants them. Totals and each stream's first, last and latest
// event follow the log as a wal.Folder, so that recovery reads segment headers,
// footers and at most two segments.
//
// Memory: a batch given to a visitor is a view into a log block and lives until
// the visitor returns; who keeps events keeps a copy. A crash loses nothing that
// Append acknowledged.
//
// The section of a segment's index, little-endian, one entry a batch:
//
//	+--------+-----------+------------+----------+-------------+-----------+
//	| number | log group | log stream | least ms | span ms u32 | count u32 |
//	+--------+-----------+------------+----------+-------------+-----------+
package store
