package httpingest

import (
	"context"
	"errors"
	"sync"

	"sluice/ingest/bulk"
	"sluice/internal/awsapi"
)

// IngestBulk, POST /ingest/bulk, stores the lines of an NDJSON body.
//
// Behaviour: each line is a JSON value and becomes an event with the line as its
// message; a string's message is what it says, an array's elements are events of
// their own. An object's member timestamp, in milliseconds, is the event's time;
// without one it is the server's. Empty lines are nothing. Lines that are no
// JSON are refused alone, as are events that are too old, too new, expired or
// too large; the others are durable when it answers, in their order.
//
// Answers: 200 {} or a partialSuccess (see answer.go); 400 for names that are
// missing, wrong or unknown; 401, 413, 415, 429 and 503 as awsapi.Endpoint has
// them.
//
// Limits: a message of 1,048,550 bytes, 14 days back, 2 hours ahead, the group's
// retention; the body's as they are configured. There is no limit on the number,
// the order or the span of events.
//
// Deviations: a timestamp that is an RFC 3339 text is understood, where AWS takes
// the server's time. AWS does not say how it tells of refused events; sluice
// answers as OTLP does.
func (a *API) ingestBulk(ctx context.Context, r *awsapi.Request, w *awsapi.Reply) error {
	return a.ingestEvents(ctx, r, w, bulk.Lines)
}

// bulkReaders pools the readers for their scratch.
var bulkReaders = sync.Pool{New: func() any { return new(bulk.Reader) }}

// ingestEvents is what the endpoints for JSON have in common.
func (a *API) ingestEvents(ctx context.Context, r *awsapi.Request, w *awsapi.Reply, form bulk.Form) error {
	t, err := a.target(ctx, r, true)
	if err != nil {
		return err
	}
	in := a.intake(r, t, form == bulk.Lines)
	defer in.release()
	events := bulkReaders.Get().(*bulk.Reader)
	defer bulkReaders.Put(events)
	events.Reset(r.Body, form)
	if form != bulk.Lines {
		in.ahead = func() error { return unreadable(events.Check()) }
	}
	err = in.finish(in.takeAll(events))
	events.Reset(nil, form) // nothing of the request may stay reachable from the pool
	if err != nil {
		return err
	}
	w.Body = appendAnswer(w.Body, in.rejected)
	return nil
}

// takeAll takes the events of a body.
//
// hot: BenchmarkIngestBulk
func (in *intake) takeAll(events *bulk.Reader) error {
	for events.Next() {
		ms := in.now
		if events.Timed {
			ms = events.Timestamp
		}
		if in.inPlace > 0 {
			in.read = events.Read()
		}
		if err := in.add(events.Message, ms); err != nil {
			return err
		}
	}
	in.rejected.Invalid += uint64(events.Skipped)
	in.replaced += events.Replaced
	return unreadable(events.Err())
}

// unreadable is the answer to a body that is not JSON.
func unreadable(err error) error {
	var syntax *bulk.SyntaxError
	if errors.As(err, &syntax) {
		return awsapi.Serialization("Could not parse request body into json: syntax error at byte %d", syntax.Offset)
	}
	return err
}
