// Package requests recognises a request that a client sends again, so that its
// events are stored once.
//
// A client whose connection broke cannot know whether its events were stored, and
// sends them again. AWS's SDKs give all attempts of one call the same invocation
// id. From it, the access key and the body's hash follows the 64-bit name of a
// request, which every batch carries in the log and every event in its id. Its
// highest bit is set; requests that nobody can recognise, as those that come by
// other ways than PutLogEvents, have random names without it and take no room
// here. The batches of a request that is stored in parts have names that follow
// each other, and each is recognised by itself.
//
// What enters: names of requests from the API's edge, and the log's batches. What
// leaves: whether a request was stored within the last ten minutes, and when, so
// that a repetition gets the same answer. Of two attempts at once the second waits
// for the first.
//
// Who owns memory: one Seen a shard, 24 bytes in a ring and a map entry for each
// of at most Limit requests, about 64 bytes together. With more requests than
// Limit in ten minutes the oldest are forgotten before their time: at the default
// of 262,144 above 437 requests a second.
//
// What survives a crash: exactly the batches that are in the log. A Seen is a
// wal.Folder, so the memory of stored requests and the requests' events cannot
// part. Requests of which nothing was stored, as all events were too old, are not
// remembered: their repetition is judged and counted anew.
//
//	snapshot                       entry, oldest first
//	+---------+---------------+    +-----------+----------+------------+
//	| count 4 | entries ...   |    | request 8 | stream 8 | ingested 8 |
//	+---------+---------------+    +-----------+----------+------------+
package requests
