// Package crossregion is the room for logs of other regions and accounts: it
// pulls batches from remote sluices into the local log.
//
// It has no code yet. What will enter: sealed batches of a remote process, from
// a position. What will leave: the same batches, appended here once each, by
// origin shard and number, with the position that they cover, so that a crash on
// either side repeats or loses nothing.
package crossregion
