// Package app wires the rooms into one process: it is the only importer of all
// of them.
//
// What enters: a Config. What leaves: a running server, until its context ends.
// New opens and recovers everything on disk and starts nothing; Run starts in
// the order in which data flows backwards (delivery, filters, listeners), so
// that nobody produces for a consumer that is not there, and stops in flow
// order: listeners, requests under way, filters, delivery, log, catalog.
//
// A crash at any moment loses nothing that was acknowledged. What Run leaves
// behind after a graceful stop is what a crash would leave, less the need to cut
// a torn tail.
package app
