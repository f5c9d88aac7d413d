package logsapi

import (
	"context"
	"math"
	"strings"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/event"
	"sluice/internal/store"
)

// GetLogEvents reads a log stream page by page, forwards or backwards.
//
// Behaviour: a page is always ascending by time, then by ingestion, request and
// index. Without a token it holds the newest events, or with startFromHead the
// oldest; startTime is included, endTime is not. Tokens are f/<event id>/s and
// b/<event id>/s and carry their direction; both always come back, and at the
// end of the stream the token that was sent does. Polling with the same forward
// token shows events that come later.
//
// Limits: limit 1-10,000; a page holds at most 10,000 events and 1 MiB, counted
// as PutLogEvents counts (message bytes + 26 an event), or one event that is larger.
//
// Deviations: unmask is accepted and does nothing, as there is no masking. Events
// older than the group's retention are gone at once. An empty page's tokens
// include the event of the token that was sent, so that turning round skips
// nothing.

type getLogEventsInput struct {
	groupRef
	LogStreamName *string `json:"logStreamName"`
	StartTime     *int64  `json:"startTime"`
	EndTime       *int64  `json:"endTime"`
	Limit         *int64  `json:"limit"`
	StartFromHead bool    `json:"startFromHead"`
	NextToken     *string `json:"nextToken"`
}

type getLogEventsOutput struct {
	Events            []outputLogEvent `json:"events"`
	NextForwardToken  string           `json:"nextForwardToken"`
	NextBackwardToken string           `json:"nextBackwardToken"`
}

type outputLogEvent struct {
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
}

const (
	maxPageEvents = 10_000
	maxPageBytes  = 1 << 20
	eventOverhead = 26 // what AWS adds to each event's size

	day = 24 * time.Hour // of retention, whatever the calendar says
)

func (in *getLogEventsInput) validate() (limit int, err error) {
	if in.LogGroupName != nil && in.LogGroupIdentifier != nil {
		return 0, awsapi.ErrGroupNameAndARN
	}
	if tooLong(in.LogGroupName, in.LogStreamName) {
		return 0, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	in.groupRef.check(v)
	checkStreamName(v, in.LogStreamName)
	checkTimes(v, in.StartTime, in.EndTime)
	limit = checkLimit(v, in.Limit, maxPageEvents)
	return limit, v.Err()
}

func checkTimes(v *awsapi.Validation, start, end *int64) {
	if start != nil {
		v.Range("startTime", *start, 0, math.MaxInt64)
	}
	if end != nil {
		v.Range("endTime", *end, 0, math.MaxInt64)
	}
}

func (a *API) getLogEvents(ctx context.Context, c awsapi.Caller, in *getLogEventsInput) (*getLogEventsOutput, error) {
	limit, err := in.validate()
	if err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, in.groupRef)
	if err != nil {
		return nil, err
	}
	s, err := a.streamOf(g, *in.LogStreamName)
	if err != nil {
		return nil, err
	}
	at, err := parseCursor(in.NextToken, in.StartFromHead)
	if err != nil {
		return nil, err
	}
	q := store.Query{Group: g.UID, Stream: s.UID, From: 0, To: math.MaxInt64}
	if in.StartTime != nil {
		q.From = *in.StartTime
	}
	if in.EndTime != nil {
		q.To = *in.EndTime
	}
	if g.RetentionDays > 0 {
		q.From = max(q.From, a.now()-int64(g.RetentionDays)*day.Milliseconds())
	}
	page, err := a.readPage(ctx, q, at, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return answerPage(page, at), nil
}

// cursor is where a page begins and which way it goes.
type cursor struct {
	forward bool
	set     bool     // there was a token
	id      event.ID // the page lies beyond it
	at      bool     // or begins at it
}

func parseCursor(token *string, startFromHead bool) (cursor, error) {
	if token == nil {
		return cursor{forward: startFromHead}, nil
	}
	direction, rest, _ := strings.Cut(*token, "/")
	id, err := event.ParseID(strings.TrimSuffix(rest, "/s"))
	if err != nil || direction != "f" && direction != "b" {
		return cursor{}, awsapi.ErrInvalidNextToken
	}
	return cursor{forward: direction == "f", set: true, id: id}, nil
}

func (at cursor) beyond(id event.ID) bool {
	switch {
	case !at.set || at.at && id == at.id:
		return true
	case at.forward:
		return id.Compare(at.id) > 0
	}
	return id.Compare(at.id) < 0
}

// read is one event of a page, its message copied.
type read struct {
	id      event.ID
	message string
}

// firstWindow is the span of time that is looked at first; each further one is
// windowGrowth times as long. A page at the end of a long stream then costs as
// much as its own neighbourhood, not the stream.
const (
	firstWindow  = int64(time.Minute / time.Millisecond)
	windowGrowth = 8
)

// readPage collects a page, ascending.
func (a *API) readPage(ctx context.Context, q store.Query, at cursor, limit int) ([]read, error) {
	stats, ok := a.cfg.Events.StreamStats(q.Stream)
	if !ok {
		return nil, nil
	}
	q.From, q.To = max(q.From, stats.First), min(q.To, stats.Last+1)
	if at.set && at.forward {
		q.From = max(q.From, at.id.Timestamp)
	}
	if at.set && !at.forward && at.id.Timestamp < q.To {
		q.To = at.id.Timestamp + 1
	}
	sign := 1
	if !at.forward {
		sign = -1
	}
	page := &least[read]{
		count: limit, weight: maxPageBytes,
		compare: func(x, y read) int { return sign * x.id.Compare(y.id) },
		// One event alone is a page, whatever its size: sources take larger ones than
		// PutLogEvents does.
		weigh: func(r read) int { return min(len(r.message)+eventOverhead, maxPageBytes) },
	}
	for width := firstWindow; q.From < q.To && !page.full(); width = grow(width) {
		window := q
		if at.forward {
			window.To = q.From + min(width, q.To-q.From)
			q.From = window.To
		} else {
			window.From = q.To - min(width, q.To-q.From)
			q.To = window.From
		}
		err := a.cfg.Events.Scan(ctx, window, func(b event.Batch) error {
			collect(page, b, window, at)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	page.compare = func(x, y read) int { return x.id.Compare(y.id) }
	return page.sorted(), nil
}

func grow(width int64) int64 {
	if width > math.MaxInt64/windowGrowth {
		return math.MaxInt64
	}
	return width * windowGrowth
}

// collect offers a batch's events to a page.
func collect(page *least[read], b event.Batch, window store.Query, at cursor) {
	for i := range b.Len() {
		id := b.ID(i)
		if id.Timestamp < window.From || id.Timestamp >= window.To || !at.beyond(id) || !page.wants(read{id: id}) {
			continue
		}
		page.add(read{id: id, message: strings.ToValidUTF8(string(b.Message(i)), "\uFFFD")})
	}
}

func answerPage(page []read, at cursor) *getLogEventsOutput {
	out := &getLogEventsOutput{Events: make([]outputLogEvent, len(page))}
	for i, r := range page {
		out.Events[i] = outputLogEvent{Timestamp: r.id.Timestamp, Message: r.message, IngestionTime: r.id.Ingested}
	}
	first, last := at.id, at.id
	switch {
	case len(page) > 0:
		first, last = page[0].id, page[len(page)-1].id
	case at.forward:
		first = step(at.id, 1)
	default:
		last = step(at.id, -1)
	}
	out.NextForwardToken, out.NextBackwardToken = "f/"+last.String()+"/s", "b/"+first.String()+"/s"
	return out
}

// step is the id next to one, so that a token beyond it includes it. No event has
// the request or the index that a step could overflow into.
func step(id event.ID, by int) event.ID {
	switch {
	case by > 0 && id.Index < math.MaxUint16:
		id.Index++
	case by > 0:
		id.Index = 0
		id.Request++
	case id.Index > 0:
		id.Index--
	case id.Request > 0:
		id.Request--
		id.Index = math.MaxUint16
	}
	return id
}
