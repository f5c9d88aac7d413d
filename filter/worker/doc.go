// Package worker is the filter without a log of its own: what a process does that
// shares the matching of a pipeline with others.
//
// # What it is
//
// A function from batches that somebody read (partitions of a topic, shared out
// among processes by a consumer group) to matches that somebody stores (a topic for
// each destination). It keeps nothing: when a process dies, another one is given its
// partitions and goes on at their committed offsets. There is no coordinator, and
// pipelines come from the configuration, which is the same in every process.
//
// What enters: batches, by Source.Visit from a topic of sealed batches, or by
// Source.Append from records of other programs that were made batches on the way.
// What leaves: parcels of selected events to the Producers of their destinations.
// Visit and Append return when all of them have taken everything; only then does the
// caller commit the offset. A destination that takes nothing therefore holds up the
// partitions whose events it is to get, as lag of the consumer group: that is all
// the back-pressure there is, and the memory for it is one fetch a partition.
//
// # Once
//
// What was produced and not committed is produced again, by this process or by the
// next one. Both make the same records with the same keys, since a parcel's position
// is a function of what it was made of:
//
//	stream   the source: a hash of its name and of Config.Generation
//	shard    the partition
//	number   +---------------------------+---------------+
//	         | offset of the batch       | filter u16    |
//	         +---------------------------+---------------+
//
// and numbers of one partition only grow. A reader that remembers the greatest
// number by stream, shard and partition of the destination's topic passes over
// everything it has seen (package stream/kafka). A process that was paused, was
// replaced and wakes up can only repeat: what it still sends has been sent, or will
// be sent in the same order by its successor.
//
// The filter's part of the number is a hash of its name, and filters of a log group
// go in its order. So a batch that is matched by one configuration and again by
// another, while processes are restarted with a changed file, loses and doubles
// nothing of the filters that are in both.
//
// What it takes: a source's offsets never start anew under the same name (a topic
// that is made again needs another Generation), a batch always holds the same
// records, and the number of partitions of a destination's topic does not change
// while something is not committed.
//
// # Memory and crashes
//
// Batches belong to the caller and are not copied: parcels refer to them until
// Visit returns. Selections live in memory that the next call uses again. Nothing
// survives a crash, and nothing needs to.
package worker
