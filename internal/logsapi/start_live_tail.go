package logsapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
	"sluice/internal/event"
)

// StartLiveTail streams events of log groups as they are stored.
//
// Behaviour: the answer is an event stream: initial-response, sessionStart, and
// then one sessionUpdate a second, also an empty one, with the events that became
// durable in the second before. What is acknowledged after sessionStart was sent
// shows. The session ends with the client's connection, after three hours with a
// SessionTimeoutException, with a SessionStreamingException when the log cannot
// be read any more, and without one when the server stops.
//
// Limits: logGroupIdentifiers 1-10, ARNs; logStreamNames or logStreamNamePrefixes,
// 1-100 and with one log group only; logEventFilterPattern up to 1,024. An update
// has at most 500 events, and 1 MiB of messages: of more it is a uniform sample,
// and says so (sampled). For a client that reads too slowly 10 updates and 4 MiB
// are kept, then the oldest is dropped, and the next one is marked as a sample.
// Config.LiveTailSessions sessions at a time, then LimitExceededException.
//
// Deviations: log streams named need not exist yet. Two identifiers of the same
// log group are one. logGroupIdentifier of an event is the log group's ARN. The
// texts that are not of the generic form are ours.
//
// SDKs put "stream-" (older ones "streaming-") before the endpoint's host name,
// and stream-127.0.0.1 is nobody. Turn that off (boto3 and the AWS CLI:
// AWS_DISABLE_HOST_PREFIX_INJECTION=true), or use a name that resolves with it
// (x.localhost where the resolver knows names under localhost).

// Feed is where live tails come from; *store.Store is one.
type Feed interface {
	// Follow marks where the log ends; run visits the batches of log groups that
	// become durable from there on, one at a time, until ctx ends. A batch lives
	// until visit returns.
	Follow(groups []uint64) (run func(ctx context.Context, visit func(event.Batch) error) error)
}

type startLiveTailInput struct {
	LogGroupIdentifiers   []string `json:"logGroupIdentifiers"`
	LogStreamNames        []string `json:"logStreamNames"`
	LogStreamNamePrefixes []string `json:"logStreamNamePrefixes"`
	LogEventFilterPattern *string  `json:"logEventFilterPattern"`
}

const (
	maxTailGroups = 10

	// AWSLiveTailSessions is how many sessions AWS lets run at a time.
	AWSLiveTailSessions = 15

	defaultLiveTailSessions = 32
)

func (in *startLiveTailInput) validate() error {
	v := awsapi.LogsValidation()
	v.NotNull("logGroupIdentifiers", in.LogGroupIdentifiers != nil)
	if ids := in.LogGroupIdentifiers; ids != nil {
		v.ListLength("logGroupIdentifiers", awsapi.List(ids), len(ids), 1, maxTailGroups)
		if slices.ContainsFunc(ids, func(id string) bool { return !awsapi.ValidLogGroupIdentifier(id) }) {
			v.Elements("logGroupIdentifiers", awsapi.List(ids), "Member must satisfy regular expression pattern: "+awsapi.PatternLogGroupIdentifier)
		}
	}
	checkStreamNames(v, "logStreamNames", in.LogStreamNames)
	checkStreamNames(v, "logStreamNamePrefixes", in.LogStreamNamePrefixes)
	checkPatternLength(v, "logEventFilterPattern", in.LogEventFilterPattern)
	if err := v.Err(); err != nil {
		return err
	}
	return in.checkStreams()
}

// checkStreams checks what the members say together.
func (in *startLiveTailInput) checkStreams() error {
	switch {
	case in.LogStreamNames != nil && in.LogStreamNamePrefixes != nil:
		return awsapi.InvalidParameter("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
	case len(in.LogGroupIdentifiers) > 1 && (in.LogStreamNames != nil || in.LogStreamNamePrefixes != nil):
		return awsapi.InvalidParameter("logStreamNames and logStreamNamePrefixes can be used with one log group only.")
	}
	for _, id := range in.LogGroupIdentifiers {
		if !strings.HasPrefix(id, "arn:") {
			return awsapi.InvalidParameter("logGroupIdentifiers must be ARNs of log groups: %s is none.", id)
		}
	}
	return nil
}

func (a *API) startLiveTail(ctx context.Context, r *awsapi.Request, w *awsapi.Reply) error {
	var in startLiveTailInput
	if err := awsapi.Unmarshal(r.Body, &in); err != nil {
		return err
	}
	t, err := a.newLiveTail(r.Caller, &in)
	if err != nil {
		return err
	}
	leave, err := a.tails.enter(a.cfg.LiveTailSessions)
	if err != nil {
		return err
	}
	defer leave()
	// The end of the log is marked before the client hears that it began.
	run := a.cfg.Events.Follow(t.groups())
	return t.serve(ctx, w.Stream("application/vnd.amazon.eventstream"), run, sessionStart{
		LogEventFilterPattern: in.LogEventFilterPattern, LogGroupIdentifiers: in.LogGroupIdentifiers,
		LogStreamNamePrefixes: in.LogStreamNamePrefixes, LogStreamNames: in.LogStreamNames,
		RequestID: r.ID, SessionID: newSessionID(),
	})
}

// newLiveTail resolves what a request names.
func (a *API) newLiveTail(c awsapi.Caller, in *startLiveTailInput) (*liveTail, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	t := &liveTail{api: a, arns: make(map[uint64]string), stopping: a.tails.stopping}
	for _, id := range in.LogGroupIdentifiers {
		g, err := a.groupOf(c, groupRef{LogGroupIdentifier: &id})
		if err != nil {
			return nil, err
		}
		t.arns[g.UID] = c.LogGroupARN(g.Name)
	}
	var err error
	if t.pattern, err = compile(in.LogEventFilterPattern); err != nil {
		return nil, err
	}
	t.wanted = func(stream string) bool {
		switch {
		case in.LogStreamNames != nil:
			return slices.Contains(in.LogStreamNames, stream)
		case in.LogStreamNamePrefixes != nil:
			return slices.ContainsFunc(in.LogStreamNamePrefixes, func(p string) bool { return strings.HasPrefix(stream, p) })
		}
		return true
	}
	return t, nil
}

// newSessionID is a random UUID.
func newSessionID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// liveTails counts the sessions under way, and ends them when the server stops.
type liveTails struct {
	stopping chan struct{} // closed by stop

	mu       sync.Mutex // guards the fields below
	sessions int
	stopped  bool
}

func (l *liveTails) enter(most int) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopped:
		return nil, awsapi.ErrServiceUnavailable
	case l.sessions >= most:
		return nil, awsapi.ErrLimitExceeded
	}
	l.sessions++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sessions--
	}, nil
}

// StopLiveTails ends all sessions and lets none begin: a server that waits for
// its requests to end would wait for hours.
func (a *API) StopLiveTails() {
	a.tails.mu.Lock()
	defer a.tails.mu.Unlock()
	if !a.tails.stopped {
		a.tails.stopped = true
		close(a.tails.stopping)
	}
}

// liveTail is one session.
type liveTail struct {
	api      *API
	arns     map[uint64]string // of the log groups, by uid
	wanted   func(stream string) bool
	pattern  *pattern.Pattern // nil: all events
	stopping <-chan struct{}
	buffer   tailBuffer

	ends, selected []uint32 // scratch of collect
}

func (t *liveTail) groups() []uint64 {
	var uids []uint64
	for uid := range t.arns {
		uids = append(uids, uid)
	}
	return uids
}
