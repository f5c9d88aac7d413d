// Package kafkadial opens connections to Kafka clusters, for the source that
// reads topics and for the stream that writes them.
//
// What enters: addresses of brokers, TLS and SASL settings. What leaves: a
// kafka.Transport for requests and a kafka.Dialer for consumer groups, both set
// up so that the client's traps are closed: metadata is asked for the topics at
// hand alone and is fresh enough for a leader to move, no broker is waited for
// without an end, and a group notices partitions that it was too early to hand out.
//
// Passwords are of type Secret, which no format verb, log line or encoder
// prints. Nothing here survives a crash, and no memory is shared: each Transport
// and Dialer is the caller's, who closes a Transport's connections.
package kafkadial
