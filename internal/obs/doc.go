// Package obs is how an operator sees a sluice process: its log lines, its
// metrics and the admin port.
//
// What enters: slog records; numbers, either added to an instrument while work
// is done or read by a function while a scrape is under way; named readiness
// checks. What leaves: lines on a writer (text for a person at a terminal, JSON
// for everybody else) and HTTP answers:
//
//	/healthz       200 as long as the process answers at all
//	/readyz        200, or 503 with the checks that fail and why, as JSON
//	/metrics       Prometheus text format
//	/debug/pprof/  Go profiles
//
// Prometheus stays behind this package: rooms hold *Counter, *Gauge and
// *Histogram, resolved once where a stream or a filter is made and never per
// event. A nil *Registry hands out nil instruments, and those take every call
// and do nothing, so a room under test needs no registry.
//
// Names begin with sluice_ and end in their base unit (_bytes, _seconds), and
// counters in _total.
//
// Memory belongs to the registry for as long as the process lives, except for
// children given up by Forget. Nothing here survives a crash; counters that
// must hold across restarts are kept by their rooms and exported by Collect.
package obs
