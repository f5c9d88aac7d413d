// Package kafka is topics as sources of delivery streams: a consumer group gives
// out the partitions of one.
//
// What enters: a cluster, a topic and the name of a group. What leaves: a
// firehose.Group, whose claims are partitions in one generation of the group. The
// position of a record is its offset; what a delivery stream notes lies in the
// metadata of the committed offset, so it moves with the partition to another
// process:
//
//	offset    first offset that is not done: delivered, or nothing to deliver
//	metadata  the last manifest and the open plan, see firehose
//
// # Fencing
//
// Offsets are committed as the member of a generation, and brokers refuse those
// of a generation that is over: a process that was paused, and wakes up after its
// partitions went to another, can commit nothing, and so put nothing new.
//
// # Gaps
//
// A partition whose next offset is gone, by retention or since the topic was made
// anew, is a *firehose.GapError; no offset is ever reset in silence. Holes that
// compaction, aborted transactions and markers leave are passed over.
//
// Records of sluice's own producers carry where they come from in the header
// sluice-origin (see stream/kafka); it becomes the record's key, by which
// duplicates are known.
//
// # Memory and crashes
//
// A fetch is in memory while it is visited. Nothing is on disk.
package kafka
