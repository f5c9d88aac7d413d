package logsapi

import (
	"cmp"
	"context"
	"encoding/binary"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/store"
)

// DescribeLogStreams lists the log streams of a group, by name or by the time of
// their last event.
//
// Behaviour: a stream shows event times and an upload token once it has events;
// storedBytes is always 0, as AWS answers since 2019. By LastEventTime, streams
// without events count as 1970.
//
// Limits: limit 1-50, default 50. A prefix excludes ordering by LastEventTime.
//
// Deviations: AWS's event times lag by up to an hour, these do not.

type describeLogStreamsInput struct {
	groupRef
	LogStreamNamePrefix *string `json:"logStreamNamePrefix"`
	OrderBy             *string `json:"orderBy"`
	Descending          bool    `json:"descending"`
	Limit               *int64  `json:"limit"`
	NextToken           *string `json:"nextToken"`
}

type describeLogStreamsOutput struct {
	LogStreams []logStream `json:"logStreams"`
	NextToken  *string     `json:"nextToken,omitempty"`
}

// logStream is a log stream as the API shows it.
type logStream struct {
	ARN                 string  `json:"arn"`
	CreationTime        int64   `json:"creationTime"`
	FirstEventTimestamp *int64  `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  *int64  `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   *int64  `json:"lastIngestionTime,omitempty"`
	LogStreamName       string  `json:"logStreamName"`
	StoredBytes         int64   `json:"storedBytes"`
	UploadSequenceToken *string `json:"uploadSequenceToken,omitempty"`
}

const (
	orderByName          = "LogStreamName"
	orderByLastEventTime = "LastEventTime"
)

func (in *describeLogStreamsInput) validate() (limit int, err error) {
	if in.LogGroupName != nil && in.LogGroupIdentifier != nil {
		return 0, awsapi.ErrGroupNameAndARN
	}
	if tooLong(in.LogGroupName, in.LogStreamNamePrefix) {
		return 0, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	in.groupRef.check(v)
	if prefix := text(in.LogStreamNamePrefix); prefix != "" { // an empty one finds everything
		checkStreamText(v, "logStreamNamePrefix", prefix)
	}
	if in.OrderBy != nil {
		v.Enum("orderBy", *in.OrderBy, orderByName, orderByLastEventTime)
	}
	limit = checkLimit(v, in.Limit, maxDescribed)
	if err := v.Err(); err != nil {
		return 0, err
	}
	if in.byTime() && text(in.LogStreamNamePrefix) != "" {
		return 0, awsapi.InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	return limit, nil
}

func (in *describeLogStreamsInput) byTime() bool { return text(in.OrderBy) == orderByLastEventTime }

func (a *API) describeLogStreams(_ context.Context, c awsapi.Caller, in *describeLogStreamsInput) (*describeLogStreamsOutput, error) {
	limit, err := in.validate()
	if err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, in.groupRef)
	if err != nil {
		return nil, err
	}
	list := in.list()
	after, err := ParseNextToken(list, in.NextToken, a.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	found := a.findStreams(g, in, after, limit+1)
	more := len(found) > limit
	out := &describeLogStreamsOutput{LogStreams: []logStream{}}
	for _, s := range found[:min(len(found), limit)] {
		out.LogStreams = append(out.LogStreams, s.shown(c, g))
		after = s.place()
	}
	out.NextToken = NextToken(list, after, a.cfg.Clock.Now(), more)
	return out, nil
}

// list names what a token goes on with: another order is another list.
func (in *describeLogStreamsInput) list() string {
	order, direction := orderByName, " ascending"
	if in.byTime() {
		order = orderByLastEventTime
	}
	if in.Descending {
		direction = " descending"
	}
	return "DescribeLogStreams " + order + direction
}

// found is a stream on its way into a list.
type found struct {
	catalog.LogStream
	stats     store.StreamStats
	hasEvents bool
}

// place is where the stream stands in any order: last event time, then name.
func (s found) place() string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(s.stats.Last))) + s.Name
}

func parsePlace(place string) (s found) {
	if len(place) >= 8 {
		s.stats.Last, s.Name = int64(binary.BigEndian.Uint64([]byte(place))), place[8:]
	}
	return s
}

func (a *API) stats(s catalog.LogStream) found {
	stats, ok := a.cfg.Events.StreamStats(s.UID)
	return found{LogStream: s, stats: stats, hasEvents: ok}
}

// findStreams returns up to limit streams behind a place that the request is
// for, in its order.
func (a *API) findStreams(g catalog.LogGroup, in *describeLogStreamsInput, after string, limit int) []found {
	prefix, start := text(in.LogStreamNamePrefix), parsePlace(after)
	if !in.byTime() && !in.Descending { // the order of the catalog
		var out []found
		for _, s := range a.cfg.Catalog.Streams(g.UID, prefix, start.Name, limit) {
			out = append(out, a.stats(s))
		}
		return out
	}
	page := least[found]{count: limit, compare: in.compare()}
	a.eachStream(g, prefix, func(s catalog.LogStream) {
		if f := a.stats(s); (after == "" || page.compare(f, start) > 0) && page.wants(f) {
			page.add(f)
		}
	})
	return page.sorted()
}

func (in *describeLogStreamsInput) compare() func(x, y found) int {
	byTime, sign := in.byTime(), 1
	if in.Descending {
		sign = -1
	}
	return func(x, y found) int {
		order := strings.Compare(x.Name, y.Name)
		if byTime {
			order = cmp.Or(cmp.Compare(x.stats.Last, y.stats.Last), order)
		}
		return sign * order
	}
}

// eachStream visits all streams of a group with a prefix, a page at a time.
func (a *API) eachStream(g catalog.LogGroup, prefix string, visit func(catalog.LogStream)) {
	const page = 1000
	for after := ""; ; {
		streams := a.cfg.Catalog.Streams(g.UID, prefix, after, page)
		for _, s := range streams {
			visit(s)
			after = s.Name
		}
		if len(streams) < page {
			return
		}
	}
}

func (s found) shown(c awsapi.Caller, g catalog.LogGroup) logStream {
	out := logStream{ARN: c.LogStreamARN(g.Name, s.Name), CreationTime: s.Created, LogStreamName: s.Name}
	if s.hasEvents {
		token := event.ID{Timestamp: s.stats.Last, Ingested: s.stats.LastIngested, Request: s.UID}.String()
		out.FirstEventTimestamp, out.LastEventTimestamp = &s.stats.First, &s.stats.Last
		out.LastIngestionTime, out.UploadSequenceToken = &s.stats.LastIngested, &token
	}
	return out
}
