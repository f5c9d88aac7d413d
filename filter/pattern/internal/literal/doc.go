// Package literal finds fixed byte strings in a buffer: one of them (Finder),
// many at once (Scanner), or one run of byte classes (Sequence).
//
// What enters is the text of many events at once, because searching a whole
// buffer is several times faster than searching line by line; what leaves are
// offsets, in order. No type keeps the text, allocates while searching, or
// changes after it was made: all are safe for concurrent use.
//
// Finder looks for the byte of its literal that is rarest in log text, and
// gives up on that as soon as the text proves it common.
//
// Sequence finds places whose neighbours are known byte by byte or by class, by
// comparing two of them for many places at a time.
//
// Scanner samples. If all literals have at least m bytes, then of every
// s = m-q+1 neighbouring positions exactly one begins a gram of q bytes at a
// fixed range of offsets inside any occurrence:
//
//	text     . . . t i m e o u t . . .       literal "timeout", q = 4, s = 4
//	sampled  ^       ^       ^                grams "time" "imeo" "meou" "eout"
//
// So only every s-th position is read: its gram is hashed into a bitmap that
// stays in the first-level cache, and the few that are set are compared with
// the literals. The positions do not depend on each other, so that the
// processor reads many of them at a time; a dense automaton reads every byte
// and waits for the table each time. A literal longer than m chooses the s
// grams of it that are rarest in log text.
package literal
