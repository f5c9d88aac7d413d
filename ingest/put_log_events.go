package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	if err := checkBatch(req, b.Timestamps()); err != nil {
		return err
	}
	now := a.cfg.Clock.Now().UnixMilli()
	v := windowAt(now, group.RetentionDays).judge(b.Timestamps())
	if times := b.Timestamps()[v.from:v.to]; len(times) > 0 && times[len(times)-1]-times[0] > maxSpan.Milliseconds() {
		return awsapi.ErrBatchSpan
	}
	h := event.Header{Ingested: now, GroupUID: group.UID, StreamUID: stream.UID}
	s := event.Source{Account: r.Account, Region: r.Region, LogGroup: group.Name, LogStream: stream.Name}
	at, err := a.storeOnce(r, b, v, h, s)
	if err != nil {
		return err
	}
	if at.Ingested != now { // what was answered then is answered now
		v = windowAt(at.Ingested, group.RetentionDays).judge(b.Timestamps())
	}
	w.Body = appendAnswer(w.Body, at, v)
	return nil
}

// storeOnce stores a request, or finds that it is stored: it returns the header
// that the events have. Requests that name no invocation are stored each time.
func (a *API) storeOnce(r *awsapi.Request, b *event.Builder, v verdict, h event.Header, s event.Source) (event.Header, error) {
	invocation, ok := r.Invocation()
	if !ok || a.cfg.Requests == nil {
		h.Request = rand.Uint64()
		return h, a.receive(b, v, h, s)
	}
	h.Request = requests.Name(r.AccessKey, invocation, r.BodyHash(), 0)
	key := requests.Key{Request: h.Request, Stream: h.StreamUID}
	if ingested, stored := a.cfg.Requests.Begin(key, h.Ingested); stored {
		h.Ingested = ingested
		if a.cfg.Repeated != nil {
			a.cfg.Repeated(v.events)
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
		a.cfg.Received(v.events)
	}
	return nil
}

const (
	maxEvents     = 10_000
	maxBatchBytes = 1_048_576
	eventOverhead = 26
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
	err := checkMembers(r.Body, req)
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
	if size := req.MessageBytes + eventOverhead*req.Events; size > maxBatchBytes {
		return awsapi.UploadTooLarge(size, maxBatchBytes)
	}
	if !slices.IsSorted(times) {
		return awsapi.ErrNotChronological
	}
	return nil
}

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
