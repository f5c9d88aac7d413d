// Package ingest is the room where log events come in.
//
// What enters: requests that internal/awsapi has authenticated, inflated and
// counted against the budget of bytes in flight. What leaves: one sealed
// event.Batch a request, to an Appender, which returns when it is durable; only
// then does the sender get its answer. Events that are refused for their age
// alone are counted and named in the answer, which is a success all the same.
//
// Memory: a request's events lie in one arena of an event.Builder, made or
// reused for the size of its body, and go back with it; the Appender copies what
// it keeps. Decoding, checking and sealing allocate nothing per event.
//
// Nothing here survives a crash, or needs to: what was acknowledged is in the
// log, and what was not the sender sends again.
package ingest
