package wal

// Type says what a frame's payload is. The log itself looks at none of them.
type Type uint8

const (
	TypeBatch      Type = 1 + iota // a sealed event.Batch of a log group; key = the group's uid
	TypeMatches                    // what the dispatcher selected, with the input position it covers; key = 0
	TypePut                        // records put directly into a delivery stream; key = the delivery stream's uid
	TypePlan                       // firehose: the objects about to be put for a cut; key = the delivery stream's uid
	TypeCommit                     // firehose: a plan's objects are all there; key = the delivery stream's uid
	TypeCheckpoint                 // a consumer's position; key = the consumer's uid
	TypeCount                      // counters of rejected and dropped events; key = the log group's uid
	TypeRecords                    // records put into an embedded stream; key = the stream's uid
	TypeOutbox                     // the state of an outside destination's outbox; key = the subscription filter's uid
	TypeMetrics                    // metric data put by PutMetricData; key = 0
	TypeAlarm                      // a transition of an alarm, or an action done; key = the alarm's uid

	// Types from typeReserved on belong to the log: Enqueue refuses them and
	// readers never see them.
	typeReserved Type = 250
	typeSnapshot Type = 250 // a Folder's state before the segment's first frame; key = its ID
)

// The IDs of the Folders of all rooms. They name snapshots on disk: an ID never
// changes and is never given again. Open refuses two Folders of one ID.
const (
	FolderStore    uint8 = 1 // internal/store: statistics of groups and streams
	FolderStream   uint8 = 2 // stream/embedded: the index by stream
	FolderFilter   uint8 = 3 // filter: input position and tallies
	FolderFirehose uint8 = 4 // firehose: positions, open plans, counters
	FolderOrigins  uint8 = 5 // high-water marks of sources outside: Kafka partitions, other regions' shards
	FolderRequests uint8 = 6 // ingest: requests of the last minutes, to recognise a client's retry
	FolderOutbox   uint8 = 7 // filter: positions of destinations outside the process
	FolderAlarms   uint8 = 8 // internal/monitoring: states of alarms and actions under way
	FolderDropped  uint8 = 9 // internal/store: what the disk budget dropped
)

// Frame is one entry of the log.
type Frame struct {
	Type    Type
	Key     uint64 // routing key, meaning by Type
	Seq     uint64 // position in the log: 1 for the first frame, then one by one
	Payload []byte // read-only view into its block; immutable, freed by the GC with the block
}
