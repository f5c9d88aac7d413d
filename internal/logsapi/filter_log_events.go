package logsapi

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/store"
)

// FilterLogEvents searches the log streams of a log group, page by page.
//
// Behaviour: events of all streams, in the order of their ids: timestamp, then
// ingestion, request and index. startTime and endTime are both included. Without
// filterPattern every event matches. startFromHead=false turns the order round,
// the latest event first. The first page pins what was stored before it: its
// nextToken walks through exactly that, without gap or repeat, however much
// arrives meanwhile, and is absent when the walk is over. interleaved is ignored
// and searchedLogStreams empty, as they are at AWS.
//
// Limits: logStreamNames 1-100 or logStreamNamePrefix, not both; filterPattern up
// to 1,024; limit 1-10,000; a page holds at most 10,000 events and 1 MiB, counted
// as PutLogEvents counts, and looks through about 128 MiB of batches, those without
// the pattern's literals not counted, or for a second. Then it is partial or
// empty, with a token. startFromHead=false needs a startTime of
// 2024 or later. Tokens work for a day.
//
// Cost: a page goes through the index of what lies ahead (40 bytes a batch, of
// which Config of the store says how much stays in memory) and reads the batches
// that overlap its span of time, each once. With streams that are roughly in
// order these are little more than the page itself. Where N batches lie over each
// other in time (a day's backlog sent by many at once, or one timestamp for all),
// each page between reads all N again: those over its beginning are no part of
// the 128 MiB, as otherwise no page would get ahead.
//
// Deviations: unmask is accepted and does nothing, as there is no masking. Events
// older than the group's retention, and those of a deleted stream, are gone at
// once, also in the middle of a walk. The texts for logStreamNames with
// logStreamNamePrefix, and for startFromHead=false, are ours.

// Index is where FilterLogEvents finds batches in the order of time; *store.Store
// has one.
type Index interface {
	// Durable lists, by shard, the position below which all was stored.
	Durable() []uint64
	// Places visits the index entries of a query that lie below positions.
	Places(ctx context.Context, q store.Query, below []uint64, visit func(store.Place)) error
	// Batch visits the batch of an entry, which lives until visit returns.
	Batch(p event.Position, visit func(event.Batch) error) error
	// Reader returns a Batch for a search, which looks at each batch once: it keeps
	// none for others, and may pass over those that lack one of the needles.
	Reader(needles [][]byte) func(p event.Position, visit func(event.Batch) error) error
}

type filterLogEventsInput struct {
	groupRef
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix *string  `json:"logStreamNamePrefix"`
	StartTime           *int64   `json:"startTime"`
	EndTime             *int64   `json:"endTime"`
	FilterPattern       *string  `json:"filterPattern"`
	Limit               *int64   `json:"limit"`
	StartFromHead       *bool    `json:"startFromHead"`
	NextToken           *string  `json:"nextToken"`
}

type filterLogEventsOutput struct {
	Events             []filteredLogEvent `json:"events"`
	NextToken          *string            `json:"nextToken,omitempty"`
	SearchedLogStreams []none             `json:"searchedLogStreams"`
}

type filteredLogEvent struct {
	EventID       string `json:"eventId"`
	IngestionTime int64  `json:"ingestionTime"`
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
}

const (
	maxPattern     = 1024
	maxStreamNames = 100
)

// latestFirst is the first startTime for which AWS reads backwards.
var latestFirst = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func (in *filterLogEventsInput) validate() (limit int, err error) {
	if in.LogGroupName != nil && in.LogGroupIdentifier != nil {
		return 0, awsapi.ErrGroupNameAndARN
	}
	if tooLong(in.LogGroupName, in.LogStreamNamePrefix) {
		return 0, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	in.groupRef.check(v)
	checkStreamNames(v, "logStreamNames", in.LogStreamNames)
	if in.LogStreamNamePrefix != nil {
		checkStreamText(v, "logStreamNamePrefix", *in.LogStreamNamePrefix)
	}
	checkTimes(v, in.StartTime, in.EndTime)
	checkPatternLength(v, "filterPattern", in.FilterPattern)
	limit = checkLimit(v, in.Limit, maxPageEvents)
	if err := v.Err(); err != nil {
		return 0, err
	}
	switch {
	case in.LogStreamNames != nil && in.LogStreamNamePrefix != nil:
		return 0, awsapi.InvalidParameter("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	case in.NextToken == nil && !in.forward() && (in.StartTime == nil || *in.StartTime < latestFirst.UnixMilli()):
		return 0, awsapi.InvalidParameter("startFromHead can be false only with a startTime on or after 2024-01-01T00:00:00Z.")
	}
	return limit, nil
}

func (in *filterLogEventsInput) forward() bool { return in.StartFromHead == nil || *in.StartFromHead }

// checkStreamNames records what is wrong with a list of log stream names, or of
// prefixes of them, that may be absent.
func checkStreamNames(v *awsapi.Validation, member string, names []string) {
	if names == nil {
		return
	}
	v.ListLength(member, awsapi.List(names), len(names), 1, maxStreamNames)
	for _, name := range names {
		if constraints := streamNameConstraints(name); constraints != nil {
			v.Elements(member, awsapi.List(names), constraints...)
			return
		}
	}
}

// streamNameConstraints are those of all elements if this one breaks one.
func streamNameConstraints(name string) []string {
	if n := utf8.RuneCountInString(name); n >= 1 && n <= maxName && awsapi.ValidLogStreamName(name) {
		return nil
	}
	return []string{
		"Member must have length less than or equal to 512",
		"Member must have length greater than or equal to 1",
		"Member must satisfy regular expression pattern: " + awsapi.PatternLogStreamName,
	}
}

func checkPatternLength(v *awsapi.Validation, member string, text *string) {
	if text != nil {
		v.Length(member, *text, 0, maxPattern)
	}
}

// compile returns nil for no pattern, which all events match.
func compile(text *string) (*pattern.Pattern, error) {
	if text == nil {
		return nil, nil
	}
	p, err := pattern.Compile(*text)
	var refused *pattern.Error
	switch {
	case err == nil:
		return p, nil
	case !errors.As(err, &refused):
		return nil, err
	case refused.Code == pattern.CodeSyntax:
		return nil, awsapi.InvalidParameter("Invalid filter pattern")
	}
	return nil, &awsapi.Error{Code: awsapi.CodeInvalidParameter, Message: refused.Message}
}

func (a *API) filterLogEvents(ctx context.Context, c awsapi.Caller, in *filterLogEventsInput) (*filterLogEventsOutput, error) {
	limit, err := in.validate()
	if err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, in.groupRef)
	if err != nil {
		return nil, err
	}
	s := a.newSweep(g, limit)
	if s.pattern, err = compile(in.FilterPattern); err != nil {
		return nil, err
	}
	if s.wanted, err = a.streamsOf(g, in); err != nil {
		return nil, err
	}
	if err := s.resume(in, a.cfg.Clock.Now()); err != nil {
		return nil, err
	}
	s.query = a.timesOf(g, in)
	if s.pattern != nil {
		s.query.Needles = s.pattern.Literals()
	}
	more, err := s.run(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return s.answer(more, a.cfg.Clock.Now()), nil
}

// timesOf is the query for a request's span of time, less what has expired.
func (a *API) timesOf(g catalog.LogGroup, in *filterLogEventsInput) store.Query {
	q := store.Query{Group: g.UID, From: 0, To: math.MaxInt64}
	if in.StartTime != nil {
		q.From = *in.StartTime
	}
	if in.EndTime != nil && *in.EndTime < math.MaxInt64 {
		q.To = *in.EndTime + 1
	}
	if g.RetentionDays > 0 {
		q.From = max(q.From, a.now()-int64(g.RetentionDays)*day.Milliseconds())
	}
	return q
}

// streamsOf returns which log streams are asked for, by uid; those that exist no
// more never are. Names must exist, a prefix need not.
func (a *API) streamsOf(g catalog.LogGroup, in *filterLogEventsInput) (wanted func(uid uint64) (name string, ok bool), err error) {
	var uids []uint64
	for _, name := range in.LogStreamNames {
		s, err := a.streamOf(g, name)
		if err != nil {
			return nil, err
		}
		uids = append(uids, s.UID)
	}
	slices.Sort(uids)
	return func(uid uint64) (string, bool) {
		if _, found := slices.BinarySearch(uids, uid); uids != nil && !found {
			return "", false
		}
		s, ok := a.cfg.Catalog.StreamByUID(uid)
		if ok && in.LogStreamNamePrefix != nil {
			ok = strings.HasPrefix(s.Name, *in.LogStreamNamePrefix)
		}
		return s.Name, ok
	}, nil
}

func (s *sweep) answer(more bool, now time.Time) *filterLogEventsOutput {
	out := &filterLogEventsOutput{Events: make([]filteredLogEvent, len(s.found)), SearchedLogStreams: []none{}}
	for i, f := range s.found {
		out.Events[i] = filteredLogEvent{
			EventID: f.id.String(), IngestionTime: f.id.Ingested, LogStreamName: f.stream, Message: f.message, Timestamp: f.id.Timestamp,
		}
	}
	out.NextToken = NextToken(filterLogEventsName, s.token(), now, more)
	return out
}

const filterLogEventsName = "FilterLogEvents"
