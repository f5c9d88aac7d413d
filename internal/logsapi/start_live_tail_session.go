package logsapi

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
	"sluice/internal/clock"
	"sluice/internal/event"
)

const (
	tailPeriod   = time.Second // one update
	tailLifetime = 3 * time.Hour
)

type sessionStart struct {
	LogEventFilterPattern *string  `json:"logEventFilterPattern,omitempty"`
	LogGroupIdentifiers   []string `json:"logGroupIdentifiers"`
	LogStreamNamePrefixes []string `json:"logStreamNamePrefixes,omitempty"`
	LogStreamNames        []string `json:"logStreamNames,omitempty"`
	RequestID             string   `json:"requestId"`
	SessionID             string   `json:"sessionId"`
}

type sessionUpdate struct {
	SessionMetadata sessionMetadata `json:"sessionMetadata"`
	SessionResults  []tailEvent     `json:"sessionResults"`
}

type sessionMetadata struct {
	Sampled bool `json:"sampled"`
}

// tailEvent is one event of an update.
type tailEvent struct {
	IngestionTime      int64  `json:"ingestionTime"`
	LogGroupIdentifier string `json:"logGroupIdentifier"`
	LogStreamName      string `json:"logStreamName"`
	Message            string `json:"message"`
	Timestamp          int64  `json:"timestamp"`
}

type sessionException struct {
	Message string `json:"message"`
}

// serve runs the session on the request's goroutine, which writes, beside one
// that follows the log and has ended when serve returns. Only the buffer is
// between them: a client that takes nothing holds up nobody.
func (t *liveTail) serve(ctx context.Context, stream *awsapi.Stream, run func(context.Context, func(event.Batch) error) error, start sessionStart) error {
	t.buffer.began = clock.Machine{}.Now()
	ctx, end := context.WithCancel(ctx)
	failed := make(chan error, 1)
	var following sync.WaitGroup
	following.Go(func() { failed <- run(ctx, t.collect) })
	defer following.Wait()
	defer end()
	frames := newTailFrames(stream)
	frames.event("initial-response", struct{}{})
	frames.event("sessionStart", start)
	t.update(ctx, frames, failed)
	// A client that has left, or does not take what it asked for, is nobody to
	// tell, and nothing that is wrong here.
	return nil
}

// update sends an update every second until something ends the session.
func (t *liveTail) update(ctx context.Context, frames *tailFrames, failed <-chan error) {
	timeout := clock.Machine{}.NewTimer("live tail timeout", tailLifetime)
	defer timeout.Stop()
	due := t.buffer.began.Add(tailPeriod)
	tick := clock.Machine{}.NewTimer("live tail update", tailPeriod)
	defer tick.Stop()
	for frames.flush() == nil {
		select {
		case <-ctx.Done():
			return
		case <-t.stopping:
			return
		case <-failed:
			frames.exception("SessionStreamingException", "The log events cannot be read at the moment.")
			return
		case <-timeout.C:
			frames.exception("SessionTimeoutException", "The session has been open for three hours, which is the most it can be.")
			return
		case <-tick.C:
			now := clock.Machine{}.Now()
			for _, u := range t.buffer.take(now) {
				frames.event("sessionUpdate", u)
			}
			for !due.After(now) {
				due = due.Add(tailPeriod)
			}
			tick.ResetAt(due)
		}
	}
}

// collect puts the wanted events of a batch into the buffer. It never waits.
func (t *liveTail) collect(b event.Batch) error {
	stream, ok := t.api.cfg.Catalog.StreamByUID(b.StreamUID())
	if !ok || !t.wanted(stream.Name) {
		return nil
	}
	t.selected = t.selected[:0]
	if t.pattern == nil {
		for i := range b.Len() {
			t.selected = append(t.selected, uint32(i))
		}
	} else {
		t.ends = b.AppendEnds(t.ends[:0])
		t.selected = t.pattern.MatchBatch(pattern.Batch{Text: b.Text(), Ends: t.ends}, t.selected)
	}
	t.buffer.add(clock.Machine{}.Now(), b, t.selected, t.arns[b.GroupUID()], stream.Name)
	return nil
}

// tailFrames writes the frames of an event stream. After the first error it does
// nothing more.
type tailFrames struct {
	stream  *awsapi.Stream
	encoder *eventstream.Encoder
	payload []byte
	err     error
}

func newTailFrames(stream *awsapi.Stream) *tailFrames {
	return &tailFrames{stream: stream, encoder: eventstream.NewEncoder()}
}

func (f *tailFrames) event(name string, payload any) { f.write("event", ":event-type", name, payload) }

// exception ends a stream.
func (f *tailFrames) exception(name, message string) {
	f.write("exception", ":exception-type", name, sessionException{message})
	f.flush()
}

func (f *tailFrames) write(kind, typeHeader, name string, payload any) {
	if f.err != nil {
		return
	}
	if f.payload, f.err = awsapi.AppendJSON(f.payload[:0], payload); f.err != nil {
		return
	}
	f.err = f.encoder.Encode(f.stream, eventstream.Message{
		Headers: eventstream.Headers{
			{Name: ":message-type", Value: eventstream.StringValue(kind)},
			{Name: typeHeader, Value: eventstream.StringValue(name)},
			{Name: ":content-type", Value: eventstream.StringValue("application/json")},
		},
		Payload: f.payload,
	})
}

// flush sends what was written and tells how writing went.
func (f *tailFrames) flush() error {
	if f.err == nil {
		f.err = f.stream.Flush()
	}
	return f.err
}
