// Package kinesis is Amazon Kinesis as the stream between subscription filters
// and their destinations.
//
// What enters a Producer: parcels, in the order of their positions, from whatever
// keeps them until Produce returned nil. What leaves a Consumer: the same events
// as parcels, to a visitor that makes them durable.
//
// # Producer
//
// Produce returns nil when every record was acknowledged, or given up because it
// can never be. An error says that some may be there and some not: call again with
// the same parcels, or go on from an earlier one. PutRecords stores the records of
// one request independently, in any order, and refuses some of them; so a request
// has at most one record of a partition key, what failed is sent again alone, and
// holds back the later records of its own key. A shard that refuses for being too
// busy is written to more slowly from then on, by a rate that grows again.
//
// Kinesis has no headers. A record of payload batch therefore begins with where it
// comes from:
//
//	0        4            12          20        24       28
//	+--------+------------+-----------+---------+--------+------+----------+
//	| "SLK1" | stream u64 | first u64 | shard   | part   | name | filter's |
//	|        |            |           | u32     | u32    | len  | name     |
//	+--------+------------+-----------+---------+--------+------+----------+
//	+---------------+------------------------------------------------------+
//	| crc32c of all | sealed record of internal/event, of its own checksum |
//	| before        |                                                      |
//	+---------------+------------------------------------------------------+
//
// (stream, shard, first, part) is the idempotence key: the parcel at first of the
// shard of a log, and the record's number in it. A parcel always makes the same
// records. The partition keys of batches are a few lanes, each log stream has one,
// and the records of a lane are stored in ascending order of their keys. So a
// reader that remembers the greatest key by stream, shard and lane knows every
// duplicate: these are the marks in the row of a lease.
//
// Records of the other payloads have nothing but their content. Of the events in a
// CloudWatch document the ids are the same whenever it is sent, so readers know
// events that they had; raw messages may come twice after a lost answer.
// Their partition key is a hash of account, region, log group and log stream, or a
// key of the record's own where the filter distributes at random.
//
// # Consumer
//
// A Consumer visits the records of the shards that it has leases of, and commits a
// page when the visitor returned nil. A commit of a lost lease is refused; its
// visitor's context ends. A batch that cannot be read is put aside with its place.
//
// AWS does not tell when records were trimmed unread: reading goes on at the
// oldest that is left. A row therefore keeps until when all that arrived was read.
// If that is longer ago than the stream keeps records, the shard stops with an
// error until somebody decides (SkipGaps); so it does when its stream does not know
// the position, or has no such shard.
//
// # Leases
//
// The shards of a stream are shared by Leases: one Row for each shard in a
// LeaseTable, which is a folder of registers (internal/objput), in the object
// store for several processes or on the local disk for one. A member that takes a
// lease writes its name and an epoch one higher; it writes again three times in a
// term. A row that does not change for a term belongs to nobody, by the clock of
// whoever looks at it, so that clocks need not agree. Whoever has fewer leases
// than another asks for one in the row, and is left it when the work on it has
// come to an end: nothing is done twice for it.
//
//	{"shard": "shardId-000000000003", "parents": ["shardId-000000000001"], "start": "",
//	 "owner": "TCXU5...", "epoch": 4, "counter": 118, "wanted": "",
//	 "position": "49590338271490256608559692538361571095921575989136588898",
//	 "until": 1700000000000, "intent": "", "marks": "..."}
//
// A row is made when all parents were read to their ends, and takes over what they
// leave, so that the records of a partition key are read in their order across
// splits and merges. Rows of shards that were read stay: they say so.
//
// # Exactly once
//
// Over a lease: a consumer that must not do anything twice writes down in
// the row what it is about to do, does it, and writes the new position without the
// intent (Lease.Update). The next owner finds the intent and finishes it as it was
// planned. Every write is refused to whoever lost the lease.
//
// # Memory and crashes
//
// Values of records are made for a request and are garbage after it; a batch is
// copied once, behind its origin. The pages that a Consumer holds are bounded by a
// budget in bytes; a parcel of one lives until its visitor returns. What was not
// acknowledged, or not committed, comes again after a crash.
package kinesis
