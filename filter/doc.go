// Package filter is the room that decides which events go where.
//
// What enters: the log's commit blocks, read by the Dispatcher from its own
// position, and subscription filters, through the operations of this package.
// What leaves: frames of matches (event.Matches), one for a block or for some, and
// several for a long one, each of which makes the matched events of all
// destinations, the filters' counters and the new input position durable together. Nobody is waited for: destinations read the
// frames at their own pace.
//
// Memory: text is never copied to be matched; a small selection is copied into
// the frame, a large one refers to its batch. A crash loses no match and doubles
// none: what was not in a durable frame is read and matched again, with the
// versions of the filters that were in force at each batch's position.
//
// filter/pattern is the pattern language itself, a library of its own.
package filter
