package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"sluice/ingest/putlogevents"
	"sluice/ingest/requests"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// PutLogEvents stores a batch of log events in a log stream.
//
// Behaviour: all accepted events are durable when it answers, and keep their
// order. Events that are too old, too new or expired are left out, counted and
// named in rejectedLogEventsInfo; the answer is a success even if that is all of
// them. Anything else wrong refuses the whole request, in this order: members,
// log group, log stream, count and size, order, span, age. nextSequenceToken is
// always there, since some clients send again without it; a sequenceToken that
// is sent counts for nothing, nor do entity and the header x-amzn-logs-format.
//
// A request that is sent again within ten minutes (same access key, invocation id
// and body; without an invocation id, the same signature) is stored once and
// answered alike, also after a crash; see package requests.
//
// Limits: 1-10,000 events and 1,048,576 bytes a request, counted as message bytes
// in UTF-8 + 26 an event, so that a message has at most 1,048,550; not more than 14
// days old nor 2 hours ahead, nor older than the group's retention; 24 hours
// between the first and the last that is accepted; ascending.
//
// An event over the limit of one: AWS refuses the request, and so does oversize:
// reject. With truncate or split it is stored alone, as what fits or in pieces,
// and does not count towards the request's size. lenient takes requests that AWS
// refuses for their count (up to 65,535), size, order or span: the events are
// sorted and stored in parts of at most 10,000 events and 1,048,576 bytes, each
// recognised by itself when the request is sent again; with oversize: reject an
// event over the limit is left out and counted. rejectedLogEventsInfo then counts
// along the sorted events. Ages are judged as ever.
//
// Deviations: an event that is both too old and expired is called too old. The
// generic text on too many events gives their number, where AWS prints them all.
func (a *API) putLogEvents(_ context.Context, r *awsapi.Request, w *awsapi.Reply) error {
	b := event.GetBuilder(len(r.Body))
	defer b.Release()
	req := decoded.Get().(*putlogevents.Request)
	defer decoded.Put(req)
	if err := putlogevents.Decode(r.Body, b, req); err != nil {
		return decodingError(err, len(r.Body))
	}
	group, stream, err := a.target(r, req)
	if err != nil {
		return err
	}
	times := b.Timestamps()
	var x *arrangement
	if err := checkBatch(req, times); err != nil {
		if !a.rearranges(req, times) {
			return err
		}
		if x, err = a.arrange(b); err != nil {
			return err
		}
		times = x.times
	}
	now := a.cfg.Clock.Now().UnixMilli()
	v := windowAt(now, group.RetentionDays).judge(times)
	if !a.cfg.Lenient && v.span(times) > maxSpan {
		return awsapi.ErrBatchSpan
	}
	h := event.Header{Ingested: now, GroupUID: group.UID, StreamUID: stream.UID}
	s := event.Source{Account: r.Account, Region: r.Region, LogGroup: group.Name, LogStream: stream.Name}
	var at event.Header
	if c := a.callOf(r); x == nil {
		at, err = a.storeOnce(c, b, v, h, s)
	} else {
		at, err = a.storeParts(c, x, group.RetentionDays, h, s)
	}
	if err != nil {
		return err
	}
	if at.Ingested != now { // what was answered then is answered now
		v = windowAt(at.Ingested, group.RetentionDays).judge(times)
	}
	w.Body = appendAnswer(w.Body, at, v)
	return nil
}

// call is what all attempts of a request have in common.
type call struct {
	request uint64 // its name in event ids
	known   bool   // by all attempts; otherwise each is another call
}

func (a *API) callOf(r *awsapi.Request) call {
	invocation, ok := r.Invocation()
	if !ok || a.cfg.Requests == nil {
		return call{request: requests.Anonymous()}
	}
	return call{request: requests.Name(r.AccessKey, invocation, r.BodyHash()), known: true}
}

// part is the call for the i-th part of its request.
func (c call) part(i int) call { return call{request: c.request + uint64(i), known: c.known} }

// storeOnce stores a batch, or finds that it is stored: it returns the header that
// the events have.
func (a *API) storeOnce(c call, b *event.Builder, v verdict, h event.Header, s event.Source) (event.Header, error) {
	h.Request = c.request
	if !c.known {
		return h, a.receive(b, v, h, s)
	}
	key := requests.Key{Request: h.Request, Stream: h.StreamUID}
	if ingested, stored := a.cfg.Requests.Begin(key, h.Ingested); stored {
		h.Ingested = ingested
		if a.cfg.Repeated != nil {
			a.cfg.Repeated(v.received())
		}
		return h, nil
	}
	err := errUnfinished // unless it comes to an end
	defer func() { a.cfg.Requests.End(key, err) }()
	err = a.receive(b, v, h, s)
	return h, err
}

var errUnfinished = errors.New("storing a request did not come to an end")

// receive stores a request and counts it.
func (a *API) receive(b *event.Builder, v verdict, h event.Header, s event.Source) error {
	if err := a.store(b, v, h, s); err != nil {
		return err
	}
	if a.cfg.Received != nil {
		a.cfg.Received(v.received())
	}
	if v.resized > 0 && a.cfg.Resized != nil {
		a.cfg.Resized(v.resized)
	}
	return nil
}

const (
	maxEvents     = 10_000
	maxBatchBytes = 1_048_576
	eventOverhead = 26
	// maxMessageBytes is the limit of one event, which AWS has none of its own for.
	maxMessageBytes = maxBatchBytes - eventOverhead
)

// decoded pools what Decode fills.
var decoded = sync.Pool{New: func() any { return new(putlogevents.Request) }}

func decodingError(err error, size int) error {
	var broken *putlogevents.SerializationError
	switch {
	case errors.As(err, &broken):
		return awsapi.Serialization("Could not parse request body into json: %s at byte %d", broken.Reason, broken.Offset)
	case errors.Is(err, event.ErrFull): // more than 16 MiB of messages
		return awsapi.UploadTooLarge(size, maxBatchBytes)
	}
	return err
}

// target finds where the events go, after a look at the members. Names that are
// found need no further check, so that the common case makes no string of them.
func (a *API) target(r *awsapi.Request, req *putlogevents.Request) (catalog.LogGroup, catalog.LogStream, error) {
	group, groupFound := a.cfg.Definitions.GroupBytes(catalog.Scope{Account: r.Account, Region: r.Region}, req.LogGroupName)
	stream, streamFound := a.cfg.Definitions.StreamBytes(group.UID, req.LogStreamName)
	if groupFound && streamFound && req.Events > 0 && req.ProblemCount == 0 {
		return group, stream, nil
	}
	err := checkMembers(req)
	switch {
	case err != nil:
	case !groupFound:
		err = awsapi.ErrLogGroupNotFound
	case !streamFound:
		err = awsapi.ErrLogStreamNotFound
	}
	return group, stream, err
}

// checkBatch checks count, size and order.
func checkBatch(req *putlogevents.Request, times []int64) error {
	if req.Events > maxEvents {
		v := awsapi.LogsValidation()
		v.ListLength("logEvents", "["+strconv.Itoa(req.Events)+" events]", req.Events, 1, maxEvents)
		return v.Err()
	}
	if size := batchBytes(req); size > maxBatchBytes {
		return awsapi.UploadTooLarge(size, maxBatchBytes)
	}
	if !slices.IsSorted(times) {
		return awsapi.ErrNotChronological
	}
	return nil
}

// batchBytes is a request's size as AWS counts it.
func batchBytes(req *putlogevents.Request) int { return req.MessageBytes + eventOverhead*req.Events }

// store appends what the verdict takes and counts the rest. A client that leaves
// meanwhile leaves neither half done: what the log took counts as received.
func (a *API) store(b *event.Builder, v verdict, h event.Header, s event.Source) error {
	ctx := context.Background() // as WithoutCancel, which allocates
	if v.from < v.to {
		batch, err := v.seal(b, h, s)
		if err != nil {
			return err
		}
		if _, err := a.cfg.Appender.Append(ctx, batch); err != nil {
			return unavailable(err)
		}
	}
	n := v.rejected()
	if n.Sum() == 0 {
		return nil
	}
	err := a.cfg.Rejections.Reject(ctx, h.GroupUID, n)
	switch {
	case err == nil:
	case v.from < v.to:
		// The others are stored: an error would make the sender store them twice.
		a.cfg.Logger.Error("rejected log events are not counted", "log_group", s.LogGroup, "log_stream", s.LogStream, "events", n.Sum(), "error", err)
	default:
		return unavailable(err)
	}
	return nil
}

// unavailable is the retryable answer to a log that takes nothing, unless the log
// has said what to answer.
func unavailable(err error) error {
	if awsapi.CodeOf(err) != "" {
		return err
	}
	return fmt.Errorf("%w: %w", awsapi.ErrServiceUnavailable, err)
}

// appendAnswer appends the answer. The token is an event id, 56 digits.
func appendAnswer(dst []byte, h event.Header, v verdict) []byte {
	dst = append(dst, `{"nextSequenceToken":"`...)
	dst = event.ID{Timestamp: h.Ingested, Ingested: h.Ingested, Request: h.Request}.AppendText(dst)
	dst = append(dst, '"')
	n, lead := v.rejected(), `,"rejectedLogEventsInfo":{"`
	member := func(name string, index int) {
		dst = append(append(dst, lead...), name...)
		dst = strconv.AppendInt(append(dst, `":`...), int64(index), 10)
		lead = `,"`
	}
	if n.TooNew > 0 {
		member("tooNewLogEventStartIndex", v.to)
	}
	if n.TooOld > 0 {
		member("tooOldLogEventEndIndex", v.tooOld)
	}
	if n.Expired > 0 {
		member("expiredLogEventEndIndex", v.from)
	}
	if n.Sum() > 0 {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
