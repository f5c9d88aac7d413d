// Package torture is `sluice bench torture`: a server in a process of its own, under
// load, to which everything happens that happens to servers, and a ledger that
// tells whether an acknowledged event was lost or came twice.
//
// # What happens
//
// SIGKILL, SIGTERM and a stopped process; a disk that takes no more; a clock that
// jumps ahead by an hour, or stands ten minutes back after a restart; and, with a
// store that speaks S3, outages, refusals, resets, answers that never come and
// requests that were carried out and answered with an error. With a Kafka between
// the filter and one of the delivery streams: the same of it, and leaders and
// coordinators that move. Which comes when is a function of the seed; where it
// meets the server is not.
//
// # What is counted
//
// Every event has a number of its writer. A writer sends each batch once, whatever
// becomes of it, and notes the batch when its answer is 200. When the faults have
// ended, everything is delivered, the server stopped and every object read:
//
//	acknowledged   answered with 200: must be there once in each delivery stream
//	unknown        not answered, or with an error: there at most once
//	lost           acknowledged, and not there
//	doubled        there more than once
//	strange        there, and never sent
//
// Memory: one byte for each event that was sent, and a bit. What is left behind
// in the folder after a finding is for looking at.
package torture
