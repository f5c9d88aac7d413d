// Package kinesis is Amazon Kinesis as the stream between subscription filters
// and their destinations.
//
// What enters a Producer: parcels, in the order of their positions, from whatever
// keeps them until Produce returned nil. What leaves a Consumer: the same events
// as parcels, to a visitor that makes them durable.
//
// # Leases
//
// The shards of a stream are shared by Leases: one Row for each shard in a
// LeaseTable, which is a folder of registers (internal/objput), in the object
// store for several processes or on the local disk for one. A member that takes a
// lease writes its name and an epoch one higher; it writes again three times in a
// term. A row that does not change for a term belongs to nobody, by the clock of
// whoever looks at it, so that clocks need not agree. Whoever has fewer leases
// than another asks for one in the row, and is left it when the work on it has
// come to an end: nothing is done twice for it.
//
//	{"shard": "shardId-000000000003", "parents": ["shardId-000000000001"], "start": "",
//	 "owner": "TCXU5...", "epoch": 4, "counter": 118, "wanted": "",
//	 "position": "49590338271490256608559692538361571095921575989136588898",
//	 "until": 1700000000000, "intent": "", "marks": "..."}
//
// A row is made when all parents were read to their ends, and takes over what they
// leave, so that the records of a partition key are read in their order across
// splits and merges. Rows of shards that were read stay: they say so.
//
// Exactly once over it: a consumer that must not do anything twice writes down in
// the row what it is about to do, does it, and writes the new position without the
// intent (Lease.Update). The next owner finds the intent and finishes it as it was
// planned. Every write is refused to whoever lost the lease.
package kinesis
