// Package outbox sends what subscription filters matched to destinations outside
// this process.
//
// What enters: parcels of matches, read from the log under the route of a
// destination's ARN. What leaves: records, which a Sender delivers (a webhook, a
// Kinesis stream) or makes itself (Kafka). The dispatcher never waits for them: what
// a destination does not take stays in the log.
//
// Each destination has one lane for each shard of the log, with a position, a
// back-off and a memory of its own: destinations do not hold each other up. A lane
// reads about a MiB of events, makes records of them, sends those until each has
// arrived or was given up, and commits; then it reads on.
//
// # Records
//
// A record is one DATA_MESSAGE as a gzip member. The deliveries of one log frame
// that are of one log stream and filter share a document, cut before it reaches
// envelope.MaxPayload. Records, their identities and their partition keys are a
// function of the frame alone: a replay after a crash makes the same ones. Delivery
// is at least once, and consumers know what came again by its event ids, or by the
// record's identity.
//
// # What cannot be delivered
//
// Failures that may pass are tried again, from 0.2 s up to a minute apart. A record
// that failed and whose events came more than Rules.RetryFor ago is given up as
// expired. A destination that refuses (denied, not there) keeps its records waiting,
// however long; under AWS's rule (Rules.Disable) they are given up with everything that comes in
// the minutes after. Whatever is given up is counted in the commit by reason, with
// the time range of what it was, and survives restarts.
//
// # Memory
//
// The bytes of all lanes that are sending are bounded by Rules.Budget; a lane that
// waits to try again holds nothing. Records live until Send returns.
//
// # Frames
//
// A lane writes frames of type Commit with its route as key. The first 32 bytes are
// those of every commit, so that streams count the outbox's progress as any
// other's:
//
//	0              8                16                24          32   33  34   40
//	+--------------+----------------+-----------------+-----------+----+---+----+
//	| first        | events         | events          | bytes     | ver| n | 0  |
//	| position not | delivered      | given up        | delivered | 129|   |    |
//	| covered      |                |                 |           |    |   |    |
//	+--------------+----------------+-----------------+-----------+----+---+----+
//	40              48          then n times:
//	+---------------+   +-----------+------------+-----------+--------------+--------------+
//	| failed        |   | reason u8 | events u64 | bytes u64 | oldest       | newest       |
//	| attempts u64  |   | 7 x 0     |            |           | arrival, ms  | arrival, ms  |
//	+---------------+   +-----------+------------+-----------+--------------+--------------+
//
// After a crash a lane goes on at the position of its last commit.
package outbox
