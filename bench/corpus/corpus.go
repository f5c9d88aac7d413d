package corpus

import (
	"io"
	"time"
)

// Kind is a sort of log.
type Kind uint8

// The kinds of log there are.
const (
	App        Kind = iota // one JSON object an event, level ERROR where status >= 500
	CloudTrail             // CloudTrail records, one JSON object an event
	JSON                   // three App events on one CloudTrail record
	VPC                    // VPC flow logs, version 2
	Access                 // access log, combined format
	Trace                  // stack traces of several lines
)

var names = [...]string{App: "app", CloudTrail: "cloudtrail", JSON: "json", VPC: "vpc", Access: "access", Trace: "trace"}

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{App, CloudTrail, JSON, VPC, Access, Trace} }

// String is the kind's name, as ParseKind reads it.
func (k Kind) String() string { return names[k] }

// ParseKind finds a kind by its name.
func ParseKind(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// Epoch is a start instant for whoever has no reason for another one.
var Epoch = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// Generator makes the events of one corpus. It belongs to one goroutine.
type Generator struct {
	kind  Kind
	rand  random
	clock clock
	seq   uint64
}

// New returns the corpus of a kind and a seed; its first event happens at start
// or within a millisecond after it.
func New(kind Kind, seed uint64, start time.Time) *Generator {
	return &Generator{kind: kind, rand: random(seed), clock: clock{micros: start.UnixMicro()}}
}

// Seq is the sequence number of the last event, zero before the first.
func (g *Generator) Seq() uint64 { return g.seq }

// Skip makes the next event's sequence number n greater than it would be, for
// several generators that share one range.
func (g *Generator) Skip(n uint64) { g.seq += n }

// AppendEvent appends the next event, without a line feed, to dst and returns
// it with the event's time in ms. Times never fall; about 1,800 events share a
// second.
//
// hot: BenchmarkAppendEvent
func (g *Generator) AppendEvent(dst []byte) ([]byte, int64) {
	g.seq++
	g.clock.advance(int64(g.rand.below(2*meanGap-1)) + 1)
	switch g.kind {
	case App:
		dst = g.appendApp(dst)
	case CloudTrail:
		dst = g.appendCloudTrail(dst)
	case JSON:
		if g.rand.below(4) == 0 {
			dst = g.appendCloudTrail(dst)
		} else {
			dst = g.appendApp(dst)
		}
	case VPC:
		dst = g.appendVPC(dst)
	case Access:
		dst = g.appendAccess(dst)
	case Trace:
		dst = g.appendTrace(dst)
	}
	return dst, g.clock.micros / 1000
}

// Lines reads the next events of g, each followed by one line feed: as many as
// fit in size bytes, then io.EOF.
func Lines(g *Generator, size int64) io.Reader { return &lines{g: g, left: size} }

type lines struct {
	g    *Generator
	left int64
	buf  []byte // what was made
	rest []byte // the part of it not read yet
}

// chunk is how much is made at once.
const chunk = 64 << 10

func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 && l.left > 0 {
		l.fill()
	}
	if len(l.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *lines) fill() {
	l.buf = l.buf[:0]
	for len(l.buf) < chunk {
		from := len(l.buf)
		l.buf, _ = l.g.AppendEvent(l.buf)
		l.buf = append(l.buf, '\n')
		if l.left -= int64(len(l.buf) - from); l.left < 0 {
			l.buf, l.left = l.buf[:from], 0
			break
		}
	}
	l.rest = l.buf
}
