// Package kinesis is the Kinesis Data Streams API over the embedded stream:
// producers put records into streams of this process, pollers read them.
//
// What enters: the operations, as AWS JSON and CBOR 1.1, and records that the
// outbox makes of what subscription filters matched (Take). What leaves: records,
// by GetRecords, in the order of their sequence numbers; and the frames themselves,
// for delivery streams that have the stream as their source.
//
// # Streams and shards
//
// A stream is a definition in the catalog: a uid, which its frames are under, and
// shards, each a range of the 128-bit hash space, chosen by the MD5 of the partition
// key or by ExplicitHashKey. Shard i of a stream lies on shard (uid + i) mod n of the
// log, which had n when the stream was made. The records of one request that go to one shard of the log are one frame, so
// one fdatasync, and durable together before the answer.
//
// Shards are listed one by one in the definition, with a parent and an end that
// nothing sets yet: that is the room for resharding.
//
// # Sequence numbers
//
// A sequence number is a record's place in the log, as a decimal number of 56 digits
// as AWS's have, so that they compare as numbers within a shard, and between a shard
// and those made later:
//
//	bit 187   184        148            84          52     36         4     0
//	+----------+----------+-------------+-----------+------+----------+-----+
//	| 2        | shard    | position    | number in | 0    | number   | 2   |
//	|          | made, s  | in the log  | the frame |      | of shard |     |
//	+----------+----------+-------------+-----------+------+----------+-----+
//
// # Iterators
//
// A shard iterator names a place in the log and when it was handed out: nothing is
// remembered here. It is 41 bytes and a checksum, in base64:
//
//	+---------+--------+-----------+-------------+------------+----------+-------------+--------+
//	| version | stream | shard u32 | position    | number u32 | since ms | handed out  | xxhash |
//	| u8      | u64    |           | u64         |            | u64      | ms u64      | u64    |
//	+---------+--------+-----------+-------------+------------+----------+-------------+--------+
//
// since passes over what came earlier, until something did not (AT_TIMESTAMP).
//
// # Retention
//
// Records older than their stream's retention, by the event clock, are never shown.
// Once an hour they are let go, unless a delivery stream that reads the stream is
// behind; then they leave the disk with their segment of the log or their compacted
// file.
//
// # Memory
//
// GetRecords copies the records of one answer, at most 10 MiB, out of the log. What
// is kept of a stream is the embedded index (at most 1,024 entries for each shard of
// the log) and, under AWS's limits, a few numbers for each shard.
//
// # Crashes
//
// A record that was acknowledged is there. One that was not may be, as on AWS. What
// the outbox hands over carries its mark in the same frame and is there once.
package kinesis
