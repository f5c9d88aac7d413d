// Package kafkatest has the brokers inside of a test's process, kfake, do what Kafka
// does.
//
// What enters: a cluster, and what its clients ask of it. What leaves: requests to
// it, as an operator would send them. No memory is shared, and nothing survives the
// end of a test.
//
// # Partitions
//
// Grow adds partitions to a topic between two steps of a group, where a test would
// have to be lucky.
//
// # Sessions
//
// Kafka measures the session of a member from the moment that its JoinGroup is
// answered, whether the answer arrives or not. kfake does so only if the connection
// is there still: a process that is killed while it joins, or a connection that is
// cut then, leaves a member without a session. If another member leads the group,
// and hands out partitions to both, the one that is gone keeps its own until
// something else has the group rebalance: for ever, where nothing does. Expire has
// such members leave.
package kafkatest
