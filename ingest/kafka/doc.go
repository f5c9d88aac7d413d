// Package kafka is the source that takes log events from Kafka topics.
//
// # What it is
//
// A member of a consumer group that reads the partitions it is assigned and
// appends their records to the log: one log stream for each partition, so that
// order is kept. An offset is committed to Kafka only after the log has the
// records below it on disk.
//
// What enters: records of topics; the value is the message, keys and headers are
// left out. What leaves: sealed batches to an Appender whose header says
// Origin{partition, offset after the last record}.
//
// # Once, not at least once
//
// The log keeps the greatest origin of each log stream (internal/origins), in
// the frame that holds the events. When a partition is assigned, again after a
// crash, say, reading goes on at
//
//	max(committed offset, mark of the log stream, mark of its quarantine stream)
//
// so that what was stored and not committed yet is passed over. Marks belong to
// one process's log. Between processes the group's generation is the fence: a
// member whose last proof of membership is older than half a session asks the
// broker, by a commit, before it appends; a member that was replaced is refused
// and drops what it fetched. What remains is a process that dies between a
// durable batch and the commit that follows within CommitInterval, whose
// partition goes to another process: those records are in both logs.
//
// An Appender may also be no log, but one of several processes that hand batches on
// and keep nothing. Then there are no marks, and Config.Aligned makes each batch end
// with a record batch of Kafka's, so that whoever goes on at a committed offset makes
// the batches that were made before: who reads them knows them by their origin.
//
// # What cannot be stored
//
// A record that is too large, and one in a batch that cannot be decoded, goes to
// the log group /sluice/quarantine as an event with topic, partition, offset and
// the first bytes; it never holds up its partition. Null and empty values are no
// events: they are passed over and counted. Invalid UTF-8 is replaced by U+FFFD
// and counted.
//
// # What stops
//
// An offset that the broker does not have (OFFSET_OUT_OF_RANGE) means that
// records are lost: retention was faster, or the topic was made anew. kafka-go's
// Reader goes on at the first offset without a word to anybody who could act; here the
// partition stops, says so in a metric and a log line, and tries again now and
// then. OnGap "skip" goes on where records were lost to retention, and counts
// them.
//
// When the log takes nothing, the partition waits and fetches no more. When a
// partition has lag and nothing moves for StallTimeout, the group is left and
// joined anew, with new connections.
//
// # Memory and crashes
//
// All partitions of a source share MaxBufferBytes for what they fetched. A value
// is copied once, from the client's pages into the arena that becomes the batch.
// Nothing here survives a crash: committed offsets are Kafka's, marks the log's.
package kafka
