// Package firehose is the room of delivery streams: it collects what reached a
// stream until a buffering hint is met, and puts it into S3, or a folder that
// stands for it, exactly once.
//
// What enters: parcels of a Source (events that subscription filters selected,
// records put directly) and the Firehose operations of AWS clients. What
// leaves: objects named as Firehose names them, one manifest for each cut, and
// a position in the log below which everything is done.
//
// # Protocol
//
// One lane serves one (delivery stream, shard). It keeps positions, not bytes:
//
//	Span says size or age is due
//	  -> Plan frame, durable: range, key, codec, cut number
//	  -> encode the range from the log
//	  -> PutIfAbsent(object), with range and record hash as metadata
//	  -> PutIfAbsent(manifest), which holds the hash of the one before
//	  -> Commit frame, durable: position, counters, hash of the manifest
//
// A key that is taken is compared by range and record hash: ours means that an
// earlier attempt got this far; anything else is a fencing violation: somebody
// else writes for this stream, and the lane stops rather than overwrite or
// deliver twice. Every other failure is tried again, for ever, with full-jitter
// back-off; nothing is dropped. One plan is open at a time: while the codec
// costs ten times what a put into a folder does, a second one would buy nothing.
//
// # Object names and manifests
//
//	<evaluated Prefix><stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid><ext>
//	_sluice/commit/<stream>/<shard>/<cut number, 20 digits>.json
//
// The instant is the arrival of the oldest record, in CustomTimeZone; package
// prefix says how it and the rest of Prefix are read. The uuid is a version 5
// over (route, shard, partition, first position), and random strings follow from
// it, so that a retry, a restart or a new owner names the same object. A delivery stream of another
// account or region than the configured one has the manifest folder
// <stream>@<account>.<region>: two regions may deliver streams of one name to
// one bucket, and their chains must not meet.
//
// # Changes
//
// Settings are one version of a stream's configuration and never change; an
// update makes the next version durable in the catalog, then swaps the pointer
// and has idle lanes look again. A plan is made by the settings in force then and
// carries all that it needs of them, so it is delivered as planned, also after
// its stream has changed.
//
// # Crashes
//
// State follows the log as a wal.Folder: open plan, position, counters and
// manifest hash of every (route, shard), in every segment's snapshot. After a
// crash an open plan is finished exactly as it was made, with the same key and
// range, before anything new is cut. A half-full buffer is nothing but a
// position; it stays in the log.
//
// # Memory
//
// A waiting lane is a goroutine and a timer. Bodies exist only during an
// attempt: at most Config.Uploads of them, at most Config.Encoders of those
// being encoded. Parcels are views into the log, used until visit returns.
package firehose
