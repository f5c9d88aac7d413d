// Package origins remembers how far each source outside has been taken over.
//
// A batch that was not born here says in its header where it comes from:
// Origin{Shard, Number}, where Number is the first number of that shard that is
// not in the batch yet. For a Kafka source that is the partition and the offset
// after the last record. The greatest number that was stored, by log stream and
// origin shard, is the high-water mark: what lies below it is in the log
// already, and a source that reads it again, after a crash or a rebalance,
// passes over it.
//
// A copy of another sluice's log is kept by lane instead (Lane, package
// crossregion): its batches go into many log streams and all into one shard of
// this log in their order, so that one mark tells what of it is there.
//
// What enters: the frames of one shard of the log, as a wal.Folder. What leaves:
// a number by (log stream uid, origin shard), or by lane. Stream uids are never used again,
// so a log stream that is deleted and made anew has no mark.
//
// Memory: some 48 bytes a mark, one for every log stream that a source feeds,
// and for every lane.
// Marks of deleted log streams stay until somebody compacts the log.
//
// What survives a crash: the mark and the events it covers are one frame, so
// both survive or none; nobody is told of a mark before. A snapshot in each segment holds, in order of keys,
//
//	+------------+------------------+----------+
//	| stream u64 | origin shard u32 | mark u64 |  x marks, little-endian
//	+------------+------------------+----------+
package origins
