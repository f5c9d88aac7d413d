// Package kafka is Kafka as the stream between subscription filters and their
// destinations.
//
// What enters a Producer: parcels, in the order of their positions, from
// whatever keeps them until Produce returned nil. What leaves a Consumer: the
// same events as parcels, once each, to a visitor that makes them durable.
//
// # Producer
//
// Produce returns nil when every record is on all in-sync replicas, or in the
// dead-letter topic if it can never be stored. An error says that some may be
// there and some not: call again with the same parcels, or go on from an earlier
// one. kafka-go has no idempotent producer, and a broker may answer an error to
// what it stored, so records carry where they come from:
//
//	header sluice-origin
//	+-----------+-----------+-------------+--------+------------+-----------+
//	| version 1 | payload 1 | reserved u16| shard  | stream u64 | first u64 |
//	|           |           |             | u32    |            |           |
//	+-----------+-----------+-------------+--------+------------+-----------+
//	+---------+----------+----------------------------------------------+
//	| end u64 | part u32 |  little-endian; parcels [first, end) of the  |
//	+---------+----------+  shard, part is the record's number in it    |
//	                     +----------------------------------------------+
//	header sluice-filter: the subscription filter's name, if there is one
//
// (stream, shard, first, part) is the idempotence key. A parcel always makes the
// same records in the same order, and the records of one stream and shard that
// go to one partition go there in ascending order, one request at a time. So a
// reader that remembers the greatest key by (stream, shard) and partition knows
// every duplicate.
//
// The partition is a hash of account, region, log group and log stream: events of
// a log stream keep their order, as long as the number of partitions stays.
//
// # Consumer
//
// A member of a consumer group. It hands parcels out, and commits their offset
// when the visitor returned nil. The greatest keys lie in the metadata of the
// committed offset, so they move with the partition to another process. A commit
// by a member of an old generation is refused; its visitor's context ends with
// the generation. What was visited and could not be committed is not visited again
// by the same member, if the partition comes back to it as it was.
//
// A record that is no batch although it says so is put aside before the offset
// behind it is committed. A partition whose offset is gone stops, counted as a gap.
// One whose lag stands still although no visit is under way has the member join
// anew, counted as a stall.
//
// # Memory and crashes
//
// Values of batch payloads are the sealed records themselves: the producer copies
// only selections. A request is one record batch, built and compressed once in
// pooled buffers that no parcel is referred to from, so that what a connection
// still reads after Produce returned an error is its own. A parcel of a Consumer
// lives until its visitor returns; how much is fetched at once follows from what
// records of the partition are after decompression. What was not acknowledged, or
// not committed, comes again after a crash and is told apart by its key.
package kafka
