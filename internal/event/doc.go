// Package event holds the batch of log events and the few types that cross
// rooms: Position, Range, Delivery, ID.
//
// What enters: messages with their timestamps, from a decoder, through a
// Builder. What leaves: a Batch, sealed bytes that are at the same time the
// log's record, the tail-cache entry, the replication unit and what filters
// read. Nothing is decoded again on the way and no event becomes an object of
// its own.
//
// # Record
//
// Little-endian, pointer-free, immutable once sealed:
//
//	 0        4       5       6      7      8       12       16      20
//	+--------+-------+-------+------+------+--------+--------+-------+--------+
//	| "SLB1" | ver 1 | flags | hops | 0    | record | text   | count | source |
//	|        |       |       |      |      | bytes  | bytes  |       | bytes  |
//	+--------+-------+-------+------+------+--------+--------+-------+--------+
//	24        32         40        48          56           64       68      72
//	+---------+----------+---------+-----------+------------+--------+-------+--------+
//	| base ms | ingested | request | log group | log stream | origin | first | origin |
//	| (least) | ms       | id      | uid       | uid        | shard  | index | number |
//	+---------+----------+---------+-----------+------------+--------+-------+--------+
//	80
//	+--------------------------------------+------------+------------+--------------+
//	| text: message LF message LF ...      | ends       | deltas     | indexes      |
//	|                                      | count x u32| count x u32| count x u16, |
//	|                                      |            |            | if flag 1    |
//	+--------------------------------------+------------+------------+--------------+
//	+----------------------------------------------------------+--------+
//	| source: 4 x u16 length, account, region, log group,      | crc32c |
//	|         log stream                                       |        |
//	+----------------------------------------------------------+--------+
//
// Message i is text[start:ends[i]] with start = 0 for the first and ends[i-1]+1
// for the others: one line feed follows each message and belongs to none, so
// that a run of whole events can be written as lines without being touched.
// A timestamp is base + deltas[i]. The crc32c covers all bytes before it.
//
// first index and indexes keep event ids stable: an event's id holds its index
// in the request that brought it, also when a part of that request was refused
// (first index) or when only the matching events were copied (indexes).
//
// # Memory and crashes
//
// A Builder belongs to one request and its arena is reused, or is the memory that
// the request's body lies in (BuilderOver); the Batch that Seal returns is a view
// into it, valid until Reset or Release. Whoever keeps events keeps a copy: the log
// copies the record into its commit block, and a Batch opened from there is freed
// by the garbage collector. Nothing here does I/O; Open trusts nothing, so a record
// read back from a disk or from the network is checked once and its accessors
// cannot fail afterwards.
package event
