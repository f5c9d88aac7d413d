package putlogevents

import (
	"fmt"

	"sluice/internal/event"
)

// Request is what a body says besides its accepted events. The zero value is
// ready for Decode; reuse it for its scratch.
type Request struct {
	// LogGroupName and LogStreamName are nil if absent, and not checked. They
	// are valid as long as the body is and until the next Decode.
	LogGroupName, LogStreamName []byte
	// HasEvents tells that logEvents was there, be it empty.
	HasEvents bool
	// Events counts the elements of logEvents, those with a problem and those
	// beyond event.MaxEvents (which the Builder does not hold) included.
	Events int
	// MessageBytes is the sum of the messages' lengths in UTF-8, unescaped. AWS
	// counts 26 bytes more an event.
	MessageBytes int
	// Problems are what AWS's validation refuses in single events, in their
	// order, at most maxProblems. With one of them the whole request is
	// refused, so that the Builder does not hold these events.
	Problems []Problem
	// ProblemCount also counts the problems that Problems has no room for.
	ProblemCount int

	scratch []byte // names that had to be unescaped
	stops   []byte // marks of the body, see package jsonstop
}

// maxProblems bounds the text of an answer to a body full of problems.
const maxProblems = 20

// Problem is one member of one event that AWS's validation refuses.
type Problem struct {
	Event     int // its index, from zero
	Rule      Rule
	Timestamp int64 // the event's, if it breaks TimestampNotNegative
}

// Rule is a constraint on a member of an event.
type Rule uint8

// The rules that an event can break.
const (
	EventNotNull         Rule = iota // the event itself is null
	MessageNotNull                   // message is absent
	MessageNotEmpty                  // message has no character
	TimestampNotNull                 // timestamp is absent
	TimestampNotNegative             // timestamp is less than zero
)

// SerializationError says why a body cannot be decoded. AWS answers with a
// SerializationException.
type SerializationError struct {
	Offset int64  // of the byte in the body at or before which it goes wrong
	Reason string // what is wrong, in words that show nothing of the body
	Err    error  // the syntax error, if it is one
}

func (e *SerializationError) Error() string {
	return fmt.Sprintf("decode PutLogEvents body: byte %d: %s", e.Offset, e.Reason)
}

func (e *SerializationError) Unwrap() error { return e.Err }

// Decode empties b and req and reads a body into them. It fails with a
// *SerializationError, or with event.ErrFull if b's arena is too small:
// event.GetBuilder(len(body)) is large enough. After an error b and req hold
// nothing of use.
//
// hot: BenchmarkDecode
func Decode(body []byte, b *event.Builder, req *Request) error {
	b.Reset()
	req.reset()
	if scan(body, b, req) {
		return nil
	}
	b.Reset()
	req.reset()
	return decodeCarefully(body, b, req)
}

func (req *Request) reset() {
	*req = Request{Problems: req.Problems[:0], scratch: req.scratch[:0], stops: req.stops[:0]}
}

// resetEvents forgets the events read so far: another logEvents follows.
func (req *Request) resetEvents(b *event.Builder) {
	b.Reset()
	req.HasEvents, req.Events, req.MessageBytes = false, 0, 0
	req.Problems, req.ProblemCount = req.Problems[:0], 0
}

// parsed is one element of logEvents. The message was written to the front of
// the Builder's Free.
type parsed struct {
	length    int // of the message
	timestamp int64
	members   members
}

// members tells which members of an event were there.
type members uint8

const (
	hasTimestamp members = 1 << iota
	hasMessage
	isNull // the event itself was null
)

// add counts an event and makes it b's next, if nothing is wrong with it. It
// fails if b is full.
func (req *Request) add(b *event.Builder, e parsed) error {
	req.MessageBytes += e.length
	index := req.Events
	req.Events++
	if e.members != hasTimestamp|hasMessage || e.length == 0 || e.timestamp < 0 {
		req.addProblems(index, e)
		return nil
	}
	if b.Len() == event.MaxEvents {
		return nil
	}
	return b.Commit(e.length, e.timestamp)
}

func (req *Request) addProblems(index int, e parsed) {
	if e.members&isNull != 0 {
		req.addProblem(Problem{Event: index, Rule: EventNotNull})
		return
	}
	switch {
	case e.members&hasTimestamp == 0:
		req.addProblem(Problem{Event: index, Rule: TimestampNotNull})
	case e.timestamp < 0:
		req.addProblem(Problem{index, TimestampNotNegative, e.timestamp})
	}
	switch {
	case e.members&hasMessage == 0:
		req.addProblem(Problem{Event: index, Rule: MessageNotNull})
	case e.length == 0:
		req.addProblem(Problem{Event: index, Rule: MessageNotEmpty})
	}
}

func (req *Request) addProblem(p Problem) {
	req.ProblemCount++
	if len(req.Problems) < maxProblems {
		req.Problems = append(req.Problems, p)
	}
}
