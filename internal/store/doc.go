// Package store keeps log groups' events over the shards of the log, and in the
// compacted files that take over what is old.
//
// What enters: sealed batches (Append). What leaves: batches again, by log
// group, log stream and time range (Scan, Places), by position (Batch) or as they
// arrive (Follow); frames by position and range (Shard.Read, Shard.Frames) for
// streams, however far behind their consumers are; and what DescribeLogStreams
// and DescribeLogGroups tell of them. A log stream's batches all lie in one
// shard, which its uid picks, so that its events stay in order.
//
// # From the log to files
//
//	log:    [ segment ][ segment ][ active segment ]     wal/<shard>/
//	             |  Run: read once, sort, compress
//	files:  [ 1 - 900 ][ 901 - 1800 ] ...                 store/<shard>/<first>-<last>.slc
//	             |  merge neighbours, leave out what is dead
//	        [ 1 ------- 7200 ] ...
//
// Run takes the oldest sealed segment that nobody follows any more
// (Config.Needed), at most Config.CompactBytes of it at once, and makes a file of
// package compact of it: its batches, sorted by group and time, and the frames
// that somebody still waits for (Config.Keep). When that is durable, the segment
// is freed. Positions do not change. A position that is in the log is read there,
// any other in the file that covers it, and in none of both it is gone.
//
// Neighbouring files are merged, so that a byte is written once more for each
// time that files grow eightfold, up to Config.MergeBytes of text.
//
// # What leaves the disk
//
// Config.Live says what was deleted and from when on events have expired.
// Readers of the API do not see such events at once, which is their affair; a
// batch leaves the disk when its stream was deleted or its last event has
// expired, at the compaction or merge that would copy it, and a file without a
// live batch goes without being read. Batches that undelivered matches refer to
// stay until these are committed, whatever retention says.
//
// What decided that something may leave is durable before it does: a position or a
// commit that a crash took back would need it again.
//
// Config.Class says that a log group's events are not to be kept: they are durable
// and are read by whoever follows the log as any others, and then are left out
// where a compaction would copy them, as if they had expired. Places and Scan find
// those of class WAL in the log only, and those of class None nowhere.
//
// The disk budget counts segments and files. When it is used up, Append fails
// with ErrFull (Block), or the oldest files go (DropOldest), a file at a time;
// the log itself is never dropped. Frames by which work ends or is counted always
// pass. What left the disk is counted by reason, and for the budget and for classes
// by range of positions, in Count frames of key 0, drawn in removal.go.
//
// # Memory and crashes
//
// Of the log's segments there is an index of their batches: that of the active
// one in memory, those of sealed ones in the segments' footers, paged in under
// Config.IndexBytes. Of files there are directories in memory; their indexes and
// decoded blocks share Config.CacheBytes. Compaction holds one piece of the log,
// a merge the positions of one log group. A batch given to a visitor is a view
// that lives until the visitor returns; who keeps events keeps a copy.
//
// A crash loses nothing that Append acknowledged. A file has its name only once
// it is whole and durable; the next start removes files in the making, files that
// a merged one covers, and files that the budget had dropped. Open reads segment
// headers, footers of segments and files, and at most two segments. Totals and
// each stream's statistics follow the log as wal.Folders. What leaves the disk is
// counted once, whenever a crash comes: a file carries what its making left out as
// a note, which a start counts if the log does not know it; where no file is left
// the count comes first, and a start ends what it says. Damage is not counted:
// stored = there + removed holds but for it.
//
// Damage to a compacted file costs the block it is in and is reported once; a
// file whose footers are both damaged is left where it is.
//
// The section of a segment's index, little-endian, one entry a batch:
//
//	+--------+-----------+------------+----------+-------------+-----------+
//	| number | log group | log stream | least ms | span ms u32 | count u32 |
//	+--------+-----------+------------+----------+-------------+-----------+
package store
