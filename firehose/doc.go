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
//	size or age is due
//	  -> Plan frame, durable: range, parts with their keys, settings, cut number
//	  -> encode the parts from the log
//	  -> PutIfAbsent(objects), errors first, with range and record hash as metadata
//	  -> PutIfAbsent(manifest), which holds the hash of the one before
//	  -> Commit frame, durable: position, counters, hash of the manifest
//
// A key that is taken is compared by range and record hash: ours means that an
// earlier attempt got this far; anything else is a fencing violation: somebody
// else writes for this stream, and the lane stops rather than overwrite or
// deliver twice. Before the first object the manifest's key is looked at: one that
// is there is ours, from before a crash, or that of somebody who went on with a
// copy of the data folder; what it does not name is not put (fencing.go). Every other failure is tried again, for ever, with full-jitter
// back-off; nothing is dropped. One plan is open at a time: while the codec
// costs ten times what a put into a folder does, a second one would buy nothing.
//
// # Partitions
//
// Without partitions a cut is whole: what the stream's index says is in a range,
// in one object, and nothing is read before it is encoded. With dynamic
// partitioning, by event time or with a backup of source records, a cut makes an
// object for each partition that is due:
//
//	parcel -> splitter -> units: (partition, events or record)
//	            |  first pass: the ledger accounts them        (ledger.go)
//	            |  a partition is due: cut, Plan frame         (plan.go)
//	            +- further passes: gather what the plan names, (gather.go)
//	               as many small parts at once as fit, then encode and put
//
// A partition is an account of a few numbers (first position, oldest arrival,
// size); the log is its buffer, and there is no limit to how many are active. Its
// name follows from the records alone, so that every pass finds the same. Each is
// due by its own size or age; one that is nearly due goes along with one that
// is, for each cut is a pass over the log. By event time, what is due at or after
// the end of its period waits for stragglers until the lateness is over.
//
// A lane's position is the first that some partition has not delivered. Those that
// are done beyond it have marks: the end of the last plan that had them, until
// the position passes it. So after a crash the ledger is made again by one pass
// from the position on, and what was delivered is passed over.
//
//	position          mark of a                  end of the last plan
//	   |  b  .  b       a . a     c                 |
//	   +-----------------------------------------------------> log
//	   first of b: waits        delivered: a, c
//
// Records that processors refuse are a partition too, one for each type of error;
// they go under ErrorOutputPrefix in AWS's shape, once. Source records count once,
// however many objects they end in.
//
// # Object names and manifests
//
//	<evaluated Prefix><stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid><ext>
//	_sluice/commit/<stream>/<shard>/<cut number, 20 digits>.json
//
// The instant is the arrival of the oldest record, or by event time that of the
// earliest event at the first position, in CustomTimeZone; package prefix says how it and the rest of Prefix
// are read. The uuid is a version 5 over (route, shard, partition, first
// position), and random strings follow from it, so that a retry, a restart or a
// new owner names the same object. A delivery stream of another account or region
// than the configured one has the manifest folder <stream>@<account>.<region>:
// two regions may deliver streams of one name to one bucket, and their chains
// must not meet.
//
// # Changes
//
// Settings are one version of a stream's configuration and never change; an
// update makes the next version durable in the catalog, then swaps the pointer
// and has idle lanes look again. A plan is made by the settings in force then and
// carries them, so it is delivered as planned, also after its stream has changed.
// Marks mean something by the settings that made them: settings that tell
// partitions apart in another way wait until what is behind a mark is delivered.
//
// # Sources outside
//
// A lane's records come from a feed (feed.go): a shard of the log, or one part of a
// source that several processes share, a partition of a topic or a shard of a
// Kinesis stream (outside.go says what a source must do). There
//
//	claim -> last note and manifest -> read on from the place -> spool, in scratch
//	      -> cut as from the log -> note with the plan: commit of the old place
//	      -> objects -> manifest -> note with the manifest: commit of the new place
//
// A commit of whoever lost the part is refused, and nothing is put for a plan that
// was not taken; so there is one plan for a cut, and whoever has the part finishes
// it. State is the chain of manifests (carried in manifest.go), the note only says
// how far it goes: takeover.go goes by the note, and by the manifests where that
// was lost. Positions are the source's own, so that parcels, and with them objects,
// are the same for every owner; each record is a parcel.
//
// # Crashes
//
// State follows the log as a wal.Folder: open plan, position, marks, counters and
// manifest hash of every (route, shard), in every segment's snapshot. After a
// crash an open plan is finished exactly as it was made, with the same keys and
// range, before anything new is cut. A half-full buffer is nothing but a
// position; it stays in the log.
//
// # Memory
//
// A waiting lane is a goroutine and a timer, a waiting partition some 250 bytes.
// Bodies exist only during an attempt: at most Config.Uploads of them, at most
// Config.Encoders of those being encoded. A partitioned cut holds what one pass
// gathers, Config.GatherBytes, two of them at once, and a few objects that are
// too large for that, encoded. What a part of a source outside has read is on disk,
// Config.SpoolBytes for all, and some 200 bytes in memory for each MiB of it. Parcels are views into the log, used until visit
// returns.
package firehose
