package putlogevents

import (
	"slices"
	"unicode/utf8"

	"sluice/internal/event"
	"sluice/internal/jsonstop"
)

// scanner reads a body of the shape that clients send. Its methods take the
// place to read at and return the place after what they read, or declined.
type scanner struct {
	src   []byte
	stops []byte // marks of src: quotes, backslashes and control characters
	b     *event.Builder
	req   *Request
}

// declined says that the scanner does not know what it sees.
const declined = -1

// maxSkip is how deep unknown members may be nested.
const maxSkip = 8

// scan reads a body into b and req. It returns false, having left both in any
// state, if it declines.
func scan(body []byte, b *event.Builder, req *Request) bool {
	req.stops = slices.Grow(req.stops[:0], jsonstop.Bytes(len(body)))
	s := scanner{src: body, stops: req.stops[:jsonstop.Bytes(len(body))], b: b, req: req}
	if foreign := jsonstop.Mark(s.stops, body); foreign && !utf8.Valid(body) {
		return false
	}
	i := s.request(s.space(0))
	return i != declined && s.space(i) == len(body)
}

// at is the byte at i; zero, which is right nowhere, behind the end.
func (s *scanner) at(i int) byte {
	if uint(i) < uint(len(s.src)) {
		return s.src[i]
	}
	return 0
}

// space is the place of the first byte at or after i that is no whitespace.
func (s *scanner) space(i int) int {
	for uint(i) < uint(len(s.src)) && s.src[i] <= ' ' && isSpace(s.src[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// has tells whether text stands at i.
func (s *scanner) has(i int, text string) bool {
	return len(s.src)-i >= len(text) && string(s.src[i:i+len(text)]) == text
}

// hasMessage and hasTimestamp are has for the names that each event brings:
// with a constant the compiler compares words instead of calling.
func (s *scanner) hasMessage(i int) bool {
	const name = `"message"`
	return len(s.src)-i >= len(name) && string(s.src[i:i+len(name)]) == name
}

func (s *scanner) hasTimestamp(i int) bool {
	const name = `"timestamp"`
	return len(s.src)-i >= len(name) && string(s.src[i:i+len(name)]) == name
}

// first goes into an object or an array whose opening byte is at i: to its
// first element, or, with more false, past its end.
func (s *scanner) first(i int, open, end byte) (next int, more bool) {
	if s.at(i) != open {
		return declined, false
	}
	if i = s.space(i + 1); s.at(i) == end {
		return i + 1, false
	}
	return i, true
}

// next goes from the end of an element to the next element, or, with more
// false, past the end of the object or array.
func (s *scanner) next(i int, end byte) (next int, more bool) {
	if i == declined {
		return declined, false
	}
	switch i = s.space(i); s.at(i) {
	case ',':
		return s.space(i + 1), true
	case end:
		return i + 1, false
	}
	return declined, false
}

// value goes from the end of a member's name to its value.
func (s *scanner) value(i int) int {
	if i == declined {
		return declined
	}
	if i = s.space(i); s.at(i) != ':' {
		return declined
	}
	return s.space(i + 1)
}

// request reads the whole body's object.
func (s *scanner) request(i int) int {
	i, more := s.first(i, '{', '}')
	for more {
		i = s.member(i)
		i, more = s.next(i, '}')
	}
	return i
}

// member reads one member of the request. A second one of a name is declined.
func (s *scanner) member(i int) int {
	name, i := s.raw(i)
	if i = s.value(i); i == declined {
		return declined
	}
	switch string(name) {
	case "logEvents":
		if s.req.HasEvents {
			return declined
		}
		s.req.HasEvents = true
		return s.events(i)
	case "logGroupName":
		return s.name(i, &s.req.LogGroupName)
	case "logStreamName":
		return s.name(i, &s.req.LogStreamName)
	}
	return s.skip(i, maxSkip)
}

// events reads logEvents.
func (s *scanner) events(i int) int {
	i, more := s.first(i, '[', ']')
	for more {
		i = s.event(i)
		i, more = s.next(i, ']')
	}
	return i
}

// event reads one element of logEvents.
//
// hot: BenchmarkDecode
func (s *scanner) event(i int) int {
	var e parsed
	i, more := s.first(i, '{', '}')
	for more {
		switch {
		case s.hasMessage(i):
			if e.members&hasMessage != 0 {
				return declined
			}
			e.members |= hasMessage
			i = s.message(s.value(i+len(`"message"`)), &e)
		case s.hasTimestamp(i):
			if e.members&hasTimestamp != 0 {
				return declined
			}
			e.members |= hasTimestamp
			e.timestamp, i = millis(s.src, s.value(i+len(`"timestamp"`)))
		default:
			_, i = s.raw(i)
			i = s.skip(s.value(i), maxSkip)
		}
		i, more = s.next(i, '}')
	}
	if i == declined || s.req.add(s.b, e) != nil {
		return declined
	}
	return i
}

// message unescapes the string at i to the front of the Builder's Free.
func (s *scanner) message(i int, e *parsed) int {
	if s.at(i) != '"' {
		return declined
	}
	e.length, i = unescape(s.b.Free(), s.src, s.stops, i+1)
	return i
}

// name reads a log group's or a log stream's name.
func (s *scanner) name(i int, name *[]byte) int {
	if *name != nil || s.at(i) != '"' {
		return declined
	}
	if raw, end := s.raw(i); end != declined {
		*name = raw
		return end
	}
	// Escaped, which some clients do to slashes.
	start := len(s.req.scratch)
	s.req.scratch = append(s.req.scratch, make([]byte, maxName)...)
	n, end := unescape(s.req.scratch[start:], s.src, s.stops, i+1)
	if end == declined {
		return declined
	}
	s.req.scratch = s.req.scratch[:start+n]
	*name = s.req.scratch[start : start+n : start+n]
	return end
}

// maxName is how long an escaped name the scanner reads: more than AWS allows.
const maxName = 2048

// raw reads a string without escapes.
func (s *scanner) raw(i int) (text []byte, next int) {
	if s.at(i) != '"' {
		return nil, declined
	}
	end := jsonstop.Next(s.stops, i+1)
	if s.at(end) != '"' {
		return nil, declined
	}
	return s.src[i+1 : end : end], end + 1
}

// skip goes past a value of any kind that nests at most depth deep.
func (s *scanner) skip(i, depth int) int {
	if i == declined {
		return declined
	}
	switch c := s.at(i); {
	case c == '"':
		_, i = s.raw(i)
		return i
	case c == '{' && depth > 0:
		i, more := s.first(i, '{', '}')
		for more {
			_, i = s.raw(i)
			i = s.skip(s.value(i), depth-1)
			i, more = s.next(i, '}')
		}
		return i
	case c == '[' && depth > 0:
		i, more := s.first(i, '[', ']')
		for more {
			i = s.skip(i, depth-1)
			i, more = s.next(i, ']')
		}
		return i
	case '1' <= c && c <= '9':
		for '0' <= s.at(i) && s.at(i) <= '9' {
			i++
		}
		return i
	case s.has(i, "true") || s.has(i, "null"):
		return i + len("true")
	case s.has(i, "false"):
		return i + len("false")
	}
	return declined
}
