// Package wal is one shard of sluice's log: typed frames in segment files, made
// durable in groups, read back from memory or disk, recovered after any crash.
//
// What enters: Enqueue and Append take a frame's type, key and payload and copy
// the payload once. What leaves: Blocks of durable frames, in order of their
// sequence, through Readers; single frames through Read.
//
// Who owns memory: frames are collected in chunks of Config.BlockBytes, one
// allocation each. A chunk is at the same time what is written to the file and
// the tail cache's entry; Blocks and Payloads are read-only views into it, or
// into a piece read from disk, and the GC frees it when the last view is gone.
// Only readers that say when they are done (Reader.Borrow, Log.ReadInto) let the
// log use a chunk's memory again.
//
// What survives a crash: every frame whose Append or WaitDurable returned nil.
// Of the frames that were only enqueued, a prefix. Folder states are what the
// surviving frames fold to.
//
// # Files
//
// A log is a folder of segments named <base sequence>-<uuid>.wal. Trimmed
// segments wait as .spare to be written again, a file in the making is a .tmp.
// The next segment's file has its name before its base is known: its uuid is odd,
// its name has a sequence that is not after the base, its first block is zero
// until the segment begins, and it is of no account until then. All integers are
// little-endian.
//
//	segment (unsealed: preallocated)        segment (sealed: file ends with the footer)
//	+--------+-----------+-------------+    +--------+-----------+--------+--------+
//	| header | snapshots | frames ...  |    | header | snapshots | frames | footer |
//	+--------+-----------+-------------+    +--------+-----------+--------+--------+
//
//	header, 64 bytes
//	+------------+-----------+---------+--------+--------+---------+---------+
//	| "sluicewl" | version 4 | shard 4 | uuid 8 | base 8 | zero 28 | crc32c 4|
//	+------------+-----------+---------+--------+--------+---------+---------+
//
//	frame, begins on a multiple of 8
//	+----------+----------+--------+-------+-------+---------------+------+-------+--------+---------+------+
//	| length 4 | crc32c 4 | uuid 8 | seq 8 | key 8 | block index 4 | type | flags | zero 2 | payload | 0..7 |
//	+----------+----------+--------+-------+-------+---------------+------+-------+--------+---------+------+
//	length: of the payload. crc32c: over length and everything behind the crc but
//	the padding. uuid: the segment's. block index: seq - first seq of its commit block.
//
//	footer
//	+----------+-----------+     +-----------+------+
//	| section  | section   | ... | directory | tail |
//	+----------+-----------+     +-----------+------+
//	directory: per section | offset 8 | length 8 | crc32c 4 | id 4 |
//	tail:      | uuid 8 | base 8 | last seq 8 | frames start 8 | frames end 8 |
//	           | sections 4 | version 4 | crc32c of directory and tail 4 | magic 4 |
//	section 256 is the sparse index, | seq 8 | offset 8 | for a frame each 64 KiB;
//	sections up to 255 are the Indexers'.
//
// Snapshots are frames of a reserved type, two for each Folder. They hold the
// state before the segment's base, have the base for a sequence and are synced
// with the header, before any frame is written: no half-written snapshot can
// follow durable frames, and readers never meet one.
//
// # Commit
//
// There is no goroutine and no timer. Enqueue collects; whoever waits for a
// frame and finds no commit running takes all that was collected, writes it and
// syncs it, while the next block collects. The lock is free during the I/O.
// A crash test can therefore replay any run, operation by operation.
//
// Somebody may call Prepare at the log's request: then a change of segments is
// the write of what stands before the frames, and all else that belongs to it
// (the old one's footer, the new one's name, space and blocks) happens beside
// them.
//
// The next block is written only after the sync of the one before returned. So a
// valid frame proves that everything up to seq - block index - 1 was durable,
// and a footer, written after the sync of the last frames, proves its segment.
// Footers become durable in the order of their segments.
//
// Where the file system can, frames are written around the page cache, in whole
// blocks of the file: a copy and a page less for each page of log. Chunks then
// begin on a block, with a copy of what stands before their first frame in it,
// and the last block of a commit ends with zeros on the disk, never with frames
// of the next. Frames of that block that are durable are written again as they
// are, as the page cache does, too. A commit is one run of blocks, however many
// chunks it is in, and where the system can, one call writes and syncs it.
//
// Who follows the log behind the tail cache reads from the disk, beside commits:
// in small steps, each asked for before it is wanted, and no further ahead. Who
// reads a part of the log alone does so around the page cache, too; several share it.
//
// A write or sync that fails leaves the disk in doubt: it ends writing for good
// (ErrReadOnly); durable frames stay readable. A segment is made, with its space
// reserved, before the first frame in it is sequenced: a full disk is an error of
// that one Enqueue (ErrNoSpace), the log goes on when there is room.
//
// # Recovery
//
// Let D be the highest sequence that any valid frame or later segment proves
// durable. A gap at or below D is real damage: recovery resumes at the next
// valid frame, which it finds by the segment's uuid on multiples of 8, reports
// the gap to Quarantine and counts it. Beyond D only frames that follow without
// a gap count, and the file is cut behind them: that is a torn tail, of which
// nothing was acknowledged. What counts is written and synced again before it is
// shown to anyone, as it may only be in the page cache. Then the segment is
// sealed; new frames go to a new one. Together with uuids (a frame counts only
// with its segment's) nothing old can come back in a recycled or a cut file.
//
// A footer that is damaged is made again from the frames; where a header is, the
// name, the footer or the first frame say what it said.
package wal
