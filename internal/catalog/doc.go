// Package catalog keeps sluice's definitions: log groups, log streams,
// subscription filters, delivery streams and routes. It knows nothing of events.
//
// What enters: definitions that an API edge or the configuration has validated.
// What leaves: the same definitions by name, by uid and in the order of their
// names. Every definition lives in memory, so that a look-up by name on the
// ingest path is one map access under a read lock and allocates nothing.
//
// # Durability
//
// A change is durable before the call that made it returns, and visible to
// others only then. Changes go to a Store: OpenBolt's file in production,
// NewMemory in tests. Concurrent changes share one commit (see bolt.go). A crash
// loses nothing that was acknowledged; a change that was not acknowledged may
// have happened. After a commit that failed for another reason than a full disk
// the store refuses changes until it is opened again, because nobody can know
// what reached the disk.
//
// # Uids
//
// Groups, streams, versions of filters, delivery streams and routes share one
// sequence of uids that starts at 1. A uid is never used twice, not even after a
// crash: the sequence is reserved in blocks, and a block is durable before its
// first uid is given out. A group that is deleted and made again under the same
// name is another group.
//
// A route names a destination ARN for ever: a delivery stream that is deleted
// and made again has the route it had before.
//
// # Versions of filters
//
// A subscription filter is a chain of versions, each in force between two
// positions per log shard. To replace or delete one is to close the version in
// force (To) and, for a replacement, to open the next one at the same positions
// (From). Closed versions stay until DropFilterVersions, since a reader that
// lags still evaluates what was in force where it reads.
//
// # Tables
//
// Definitions that only one room looks into (alarms, export tasks, destinations
// and the like) are kept in a Table of its own type, one for each Kind.
//
// # Format
//
// One bbolt file with a bucket for each kind:
//
//	bucket                key                               value
//	log_groups            group uid (8)                     JSON
//	log_streams           group uid (8) | stream uid (8)    created ms (8) | name
//	subscription_filters  version uid (8)                   JSON
//	delivery_streams      delivery stream uid (8)           JSON
//	routes                ARN without "arn:<partition>:"    uid (8)
//	sequence              "uid"                             first uid not reserved (8)
//	tables                kind, account, region, name,      JSON
//	                      a zero byte between them
//
// Integers are big-endian, so that the streams of a group lie together. Every
// value is framed, because bbolt has no checksum of its own on pages of data:
//
//	 0         1         5
//	+---------+---------+-------------+
//	| version | crc32c  | value ...   |
//	| 1       | (LE)    |             |
//	+---------+---------+-------------+
//
// The crc32c covers bucket, key and value. What does not fit is reported as a
// *CorruptError that names bucket and key, and the catalog does not open.
//
// # Memory
//
// Definitions are handed out by value. Their maps and slices (Tags, Config,
// From, To) are shared with the catalog and must not be changed; a change
// replaces them.
package catalog
