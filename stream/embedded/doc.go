// Package embedded keeps streams in the frames of the log that also holds the
// events: no file of their own, no second fsync, one crash model.
//
// What enters: frames of matches, which the dispatcher appends together with
// its input position, and frames of records put directly (Put). What leaves:
// event.Parcel, one for each frame that holds something for the key, in log
// order. Positions are those of the log, so a key's parcels have gaps between
// their numbers.
//
// The Index follows the log as a wal.Folder and knows, for every key, which
// frames hold something that was not committed yet: number, events, bytes and
// oldest arrival. It is sparse: beyond 1,024 entries a key's neighbours are
// merged, so its memory does not grow with the backlog; a Span that would get too
// large for it is refined from the log. A merged entry has a short list of its
// frames, so that a stream with little in a busy log does not read all of it; what
// is merged out of too many, or was merged before a restart, has none. The Index's
// snapshot in every segment makes recovery independent of the backlog too.
//
// Memory: a parcel's batches and records are views into log blocks and live
// until the visitor returns; copies are the consumer's affair.
//
// # Streams of records
//
// A Kinesis stream is frames of records under its uid (package kinesis has the
// operations over them). Nobody commits them: they stay for their retention, and
// longer while a delivery stream that reads them is behind (Expire). What somebody
// makes of a log of its own, the outbox of matches, carries a mark in the same
// frame, of how far it is taken over: a crash repeats none of it.
//
// # Crashes
//
// A crash loses nothing that Put or the dispatcher acknowledged, and keeps a
// consumer's position as of its last Commit frame.
//
// The payload of a Put frame, little-endian:
//
//	+------------+-----------+-----------------+---------------+
//	| arrived ms | count u32 | count x len u32 | data ... data |
//	+------------+-----------+-----------------+---------------+
//
// and of a Records frame:
//
//	+---------+-------+----------+-------+------------+   flags bit 0: marked, then
//	| version | flags | runs u16 | 0 u32 | arrived ms |   +-----------+-----------+----------+------------+
//	| 1 (u8)  | u8    |          |       | u64        |   | route u64 | shard u32 | part u32 | number u64 |
//	+---------+-------+----------+-------+------------+   +-----------+-----------+----------+------------+
//	a run for each Kinesis shard:                         its records:
//	+-----------+-----------+-----------+----------+      +----------+-------------+-----+---------+------+
//	| shard u32 | count u32 | bytes u32 | data u32 |      | data u32 | key len u15 | key | hash 16 | data |
//	|           |           | in all    | bytes    |      | bytes    | explicit u1 |     | or none |      |
//	+-----------+-----------+-----------+----------+      +----------+-------------+-----+---------+------+
//
// All runs stand before the records of the first.
package embedded
