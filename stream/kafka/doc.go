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
// the generation.
//
// # Memory and crashes
//
// Values of batch payloads are the sealed records themselves: the producer copies
// only selections, and the client copies once into the request. A parcel of a
// Consumer lives until its visitor returns. What was not acknowledged, or not
// committed, comes again after a crash and is told apart by its key.
package kafka
