// Package kafka is Kafka as the stream between subscription filters and their
// destinations.
//
// It has no code yet. What will enter: matches from the outbox, and consumer
// groups' requests for them. What will leave: records in a topic, acknowledged by
// all in-sync replicas. Positions are Kafka's offsets; what was not acknowledged
// is sent again after a crash and told apart by its sequence header.
package kafka
