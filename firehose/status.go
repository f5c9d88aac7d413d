package firehose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/internal/catalog"
	"sluice/internal/objput"
)

// Condition is how a delivery stream fares, from good to bad.
type Condition int

// The conditions of a delivery stream.
const (
	// Delivering: nothing is wrong.
	Delivering Condition = iota
	// Retrying: the last attempt failed and may succeed when repeated.
	Retrying
	// Parked: the last attempt was refused, and somebody has to change
	// something; attempts go on.
	Parked
	// Stopped: the log takes no more frames; a restart is needed.
	Stopped
	// Fenced: somebody else writes for this delivery stream. Nothing more is put
	// until a restart, or until a part that was to be taken over is as it was left.
	Fenced
)

func (c Condition) String() string {
	return [...]string{"delivering", "retrying", "parked", "stopped", "fenced"}[c]
}

// health is what a lane says of itself.
type health struct {
	Condition Condition
	Err       error // of the last attempt; nil while delivering
	Attempts  int   // that failed in a row
}

// stopError ends a lane.
type stopError struct {
	condition Condition
	err       error
}

func (e *stopError) Error() string { return e.err.Error() }
func (e *stopError) Unwrap() error { return e.err }

// note records a failed attempt, and whether there may be another one. What an
// operator has to know is logged when it changes, not at each attempt.
func (l *lane) note(err error) (attempts int, goOn bool) {
	next := Retrying
	var stop *stopError
	switch {
	case errors.As(err, &stop):
		next = stop.condition
	case errors.Is(err, objput.ErrRefused):
		next = Parked
	}
	l.mu.Lock()
	changed := l.health.Condition != next
	l.health = health{next, err, l.health.Attempts + 1}
	attempts = l.health.Attempts
	l.mu.Unlock()
	l.stream.retries.Add(1)
	if changed {
		l.room.cfg.Logger.Error("delivery failed", "stream", l.stream.Name, "region", l.stream.Region,
			"account", l.stream.Account, "shard", l.id, "condition", next.String(), "error", err)
	}
	return attempts, stop == nil
}

func (l *lane) noteSuccess() {
	l.mu.Lock()
	was := l.health
	l.health = health{}
	l.mu.Unlock()
	if was.Condition != Delivering {
		l.room.cfg.Logger.Info("delivery goes on", "stream", l.stream.Name, "region", l.stream.Region,
			"account", l.stream.Account, "shard", l.id, "attempts", was.Attempts+1)
	}
}

// Status is what a delivery stream has done since it first existed, over all
// shards, and what waits. Counters hold across restarts, and across deletion
// and creation of a stream of the same name.
type Status struct {
	catalog.Scope
	Name  string
	Route uint64

	Condition Condition // the worst of its shards
	Err       error     // of that shard's last attempt
	Attempts  int       // that failed in a row there

	Delivered, Discarded int64 // events and records
	DeliveredBytes       int64 // of their messages and data
	Objects, ObjectBytes int64 // as put, after the codec
	InFlight             int64 // events and records not delivered yet
	InFlightBytes        int64
	Oldest               int64 // arrival of the oldest of those, ms; 0 when there is none

	// Quarantined went to objects under ErrorOutputPrefix, Dropped was rightly
	// nothing to deliver; both are part of Delivered.
	Quarantined, Dropped int64
	// Partitions hold something that waits; 0 where records are not partitioned.
	Partitions int64

	// Retries counts attempts to read or to deliver that failed, since the start.
	Retries int64

	// Of a source outside, of which other processes may have parts, too: the
	// counters above are those of this process then, since it started, and
	// InFlight is what it has read.
	Outside bool
	// Follows says that it reads a Kinesis stream of this process.
	Follows bool
	// Parts of the source are this process's.
	Parts int
	// Lag is the positions in them that are not done, as far as is known, and
	// Behind the greatest age of one against the end of its part, if the source
	// tells.
	Lag    int64
	Behind time.Duration
	// SpoolBytes are in scratch files.
	SpoolBytes int64
	// LostPositions were gone from the source before they were read, and were
	// passed over. Duplicates were there before, by their senders' keys.
	LostPositions, Duplicates int64
}

// Status lists all delivery streams by account, region and name.
func (r *Room) Status(context.Context) []Status {
	r.mu.RLock()
	streams := make([]*stream, 0, len(r.streams))
	for _, s := range r.streams {
		streams = append(streams, s)
	}
	r.mu.RUnlock()
	out := make([]Status, len(streams))
	for i, s := range streams {
		out[i] = s.status(r)
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (s *stream) status(r *Room) Status {
	st := Status{Scope: s.Scope, Name: s.Name, Route: s.Route, Outside: s.source != Origin{}, Follows: s.follows != nil}
	st.Retries, st.LostPositions, st.Duplicates = s.retries.Load(), s.lost.Load(), s.duplicates.Load()
	if st.Outside && s.group == nil {
		st.Condition, st.Err = Parked, fmt.Errorf("%w: %s", ErrNoSource, s.source.ARN)
	}
	s.mu.Lock()
	lanes := slices.Clone(s.lanes)
	st.add(s.past)
	s.mu.Unlock()
	for _, l := range lanes {
		l.mu.Lock()
		st.worst(l.health)
		l.mu.Unlock()
		c := l.feed.cursor()
		st.add(c)
		if f, ok := l.feed.(*remote); ok {
			f.status(&st)
		}
		st.Partitions += l.open.Load()
		span := l.feed.span(c.position, math.MaxInt64)
		st.InFlight += span.Count
		st.InFlightBytes += span.Bytes
		if span.Oldest > 0 && (st.Oldest == 0 || span.Oldest < st.Oldest) {
			st.Oldest = span.Oldest
		}
	}
	return st
}

// add counts what a lane did.
func (st *Status) add(c cursor) {
	st.Delivered += c.delivered
	st.Discarded += c.discarded
	st.DeliveredBytes += c.bytes
	st.Objects += c.objects
	st.ObjectBytes += c.objectBytes
	st.Quarantined += c.quarantined
	st.Dropped += c.dropped
}

func (st *Status) worst(h health) {
	if h.Condition >= st.Condition {
		st.Condition, st.Err, st.Attempts = h.Condition, h.Err, h.Attempts
	}
}

func (f *remote) status(st *Status) {
	next, held, _ := f.spool.head()
	st.Parts++
	st.SpoolBytes += held
	f.mu.Lock()
	defer f.mu.Unlock()
	st.worst(f.reading)
	done := max(f.cur.position, f.place.Number)
	st.Lag += int64(max(f.fetched.End, next.Number, done) - done)
	st.Behind = max(st.Behind, f.fetched.Behind)
}
