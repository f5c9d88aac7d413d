// Package stream is the room of the streams that carry matches from the filters
// to whoever delivers them.
//
// What enters: events that subscription filters selected and records that were
// put directly, each for one route (the uid of a destination's ARN). What
// leaves: parcels, in the order in which they became durable, from any position
// on. A consumer's position is committed in the same log, so that a stream needs
// no memory of its own: what is not committed is read again after a crash.
//
// stream/embedded keeps a stream in the frames of sluice's own log and is the
// default. stream/kafka and stream/kinesis take over when one machine is not
// enough. stream/streamtest is the suite that each of them runs.
package stream
