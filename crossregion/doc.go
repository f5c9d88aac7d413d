// Package crossregion copies logs of other sluices, in other regions and accounts,
// into the local log: every batch once, as it is.
//
// # What it is
//
// A Server lets others read the log of this process: it is the regional side. A
// Source reads another process's log into this one: it is the central side. A
// process can be both. Nothing is sent that was not asked for: the regional log is
// the truth, a reader that is cut off comes back with the position it has, and any
// number of readers draw from one log without knowing of each other.
//
// What enters: sealed batches of another process, by position. What leaves: the
// same batches, appended here. The header gets the central log group and stream,
// the lane and one hop more; text, times of arrival, event ids and the names of
// the source stay. Nothing is decoded: a batch is checked, addressed in place and
// copied into the log.
//
// # Lanes
//
// A copy of one shard of one origin is a list of runs of positions, called lanes,
// each taken in order:
//
//	positions of the origin    1 . . . . a . . . . . . b . . . . . . . end
//	while the link holds       [ lane 1 ------------------------------->
//	cut at a, back at b        [ lane 1 done |  lane 1: backlog  | lane 2 live >
//	backlog done               [ everything up to b              | lane 2 live >
//
// When live batches come later than Config.LiveWithin, the live lane ends at the
// end of the origin's log and another one begins there; what lies between is
// backlog, taken oldest first under a rate, and giving way while live batches are
// late. So new events are not held up by old ones; the price is that the order of
// the origin's log holds within each lane and not across them until the backlog is
// done. Config.InOrder keeps it and lets new events wait. An event's own time and
// its time of arrival are those at the origin in both cases.
//
// # Once
//
// Lanes are definitions in the catalog, durable before their first batch is asked
// for. How far a lane is stands in its batches: Origin{lane, number + 1}. All lanes
// of a copy go to one shard of the local log, in order, so the greatest number
// that is found there when the log is opened (package origins) is where the lane
// goes on. Mark and batch are one frame: a crash, of either side, repeats nothing
// and leaves nothing out.
//
// A batch that came through others has hops in its header. A Source takes those
// with less than Config.MaxHops, by default only what was born at its origin, and a
// Server sends nothing back to where it came from.
//
// # The wire
//
// GET /replicate/v1/origin describes the process as JSON. GET /replicate/v1/pull
// with shard, from, to, group (repeated), except, hops, puller, codec and chunk
// answers with a stream of chunks, at least one each heartbeat, until to, or for
// ever:
//
//	 0        4       5        8      12     16     24    32        40    48     56        60       64     68
//	+--------+-------+--------+------+------+------+-----+---------+-----+------+---------+--------+------+-------+
//	| "SLX1" | codec | 0 0 0  | wire | raw  | next | end | missing | now | sent | batches | events | 0    | crc32c|
//	+--------+-------+--------+------+------+------+-----+---------+-----+------+---------+--------+------+-------+
//	payload, wire bytes: entries, as they are (codec 0), one zstd frame (1) or S2 block (2)
//	+--------+--------+-----------------+
//	| number | length | sealed record   |  x batches; all integers little-endian
//	+--------+--------+-----------------+
//
// Every wanted batch below next was in this chunk or before it. end is where the
// log ends that is durable, missing counts positions of this pull that the origin
// has lost, now and sent are its clocks. The crc32c is the header's; records have
// their own.
//
// 401 says that the token or certificate is not the right one, 416 that the log is
// shorter than from: the origin's data folder was put back to an older state. Then
// the copy stops and says so, as positions would mean other events.
//
// # Memory and crashes
//
// A Source holds one chunk for each lane under way, inflated: 128 KiB for live
// lanes, 1 MiB for backlog, more only for larger batches. A Server holds as much
// for each pull, and 8 bytes for each batch of up to 262,144 positions that it
// looks up in compacted files. Buffers are used again. What survives a crash is in
// the log and in the catalog; a lane's Passed, which only spares reading unwanted
// positions again, is written every ten seconds.
package crossregion
