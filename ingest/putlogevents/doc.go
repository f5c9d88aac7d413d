// Package putlogevents reads and writes the JSON body of PutLogEvents, the
// request that nearly every byte enters by:
//
//	{"logEvents": [{"message": "...", "timestamp": 1767600000000}, ...],
//	 "logGroupName": "...", "logStreamName": "..."}
//
// What enters Decode is a body that was read, inflated and authenticated whole.
// What leaves is the events in an event.Builder, the messages unescaped straight
// into its arena, and a Request with everything else that AWS's validation needs
// to know. Decode checks only what makes a body undecodable; limits, order and
// age are the caller's.
//
// Two decoders share the work. The scanner knows the shape that clients send:
// members in any order, any whitespace, unknown members, every escape. It never
// reports an error: whatever it does not know (an escaped or repeated member
// name, a number in an odd form, null, a value of a wrong type, broken syntax)
// makes it decline, and the careful decoder, built on jsontext, starts over and
// decides. The scanner may decline what is right but must not accept what the
// careful decoder refuses or reads otherwise; a fuzz test compares the two.
//
// # Rules that JSON leaves open
//
// A member that stands twice counts as its last one says. null is the same as
// absent, and an absent member is no error here but a Problem or a nil in
// Request. Member names are case-sensitive, as AWS's are. A body that is not
// valid UTF-8, lone surrogates included, is an error, as is a timestamp that is
// not a plain integer of 64 bits.
//
// # Memory and crashes
//
// The body is never changed and need live only until the names were used: those
// in Request are views into it, or into Request's own scratch if they were
// escaped. Request and Builder are reused by their owner, one request at a time;
// in a steady state nothing is allocated. Nothing here survives a crash, or
// needs to.
package putlogevents
