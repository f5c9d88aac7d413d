// Package kinesis is Amazon Kinesis as the stream between subscription filters
// and their destinations.
//
// It has no code yet. What will enter: matches from the outbox. What will leave:
// records in a data stream, in CloudWatch Logs' own envelope. The outbox keeps
// what was not acknowledged, so a crash sends it again.
package kinesis
