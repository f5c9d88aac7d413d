package bulk

import (
	"bytes"
	"fmt"

	"sluice/internal/jsonscan"
)

// Form is what a body looks like.
type Form uint8

// The forms; the package comment describes them.
const (
	Lines Form = iota
	Document
	Collector
)

// SyntaxError says where a Document or a Collector body stops being JSON. Lines
// have none: they are skipped.
type SyntaxError struct{ Offset int }

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("read JSON events: syntax error at byte %d", e.Offset)
}

// Reader reads events from one body. The zero value is ready for Reset.
type Reader struct {
	// Message is the event at hand, valid until Next.
	Message []byte
	// Timestamp is its time in ms since 1970, if it is Timed.
	Timestamp int64
	Timed     bool
	// Skipped counts the values that are no events, Replaced the bytes that
	// became U+FFFD.
	Skipped, Replaced int

	form    Form
	body    []byte // Lines: all of them
	rest    []byte // what follows the line at hand
	window  window // the lines around it
	second  lastSecond
	cursor  jsonscan.Cursor // over the line or the body
	inArray bool            // going through the elements of an array
	first   bool            // before the first of them
	ended   bool            // Document: its value was read
	scratch []byte          // strings unescaped, objects on one line
	valid   []byte          // messages made UTF-8
	err     error
}

// Reset begins with a body, which must not change until its last event was used but
// for what Read says.
func (r *Reader) Reset(body []byte, form Form) {
	*r = Reader{form: form, window: window{Marks: r.window.Marks}, second: r.second, scratch: r.scratch[:0], valid: r.valid[:0]}
	if form == Lines {
		r.body, r.rest = body, body
	} else {
		r.cursor.Text = body
	}
}

// Read is how much of the body of Lines may be written over while the event at hand
// is used: nothing before it is looked at again, but where Message may lie.
//
// hot: BenchmarkLines
func (r *Reader) Read() int {
	n := len(r.body) - len(r.rest)
	if r.inArray {
		n -= len(r.cursor.Text) - r.cursor.At + len("\n")
	}
	return n
}

// Err is what is wrong with the body, after Next returned false.
func (r *Reader) Err() error { return r.err }

// Next goes to the next event.
//
// hot: BenchmarkLines
func (r *Reader) Next() bool {
	if r.form == Lines && !r.inArray && r.nextPlain() {
		return true
	}
	for r.reach() {
		v, ok := scan(&r.cursor, r.form)
		if ok && r.form == Lines && !r.inArray {
			ok = r.lineEnds()
		}
		if !ok && !r.refuse() {
			return false
		}
		if ok && r.take(v) {
			return true
		}
	}
	return false
}

// nextPlain goes to the next event if it is a line of the common shape.
func (r *Reader) nextPlain() bool {
	if len(r.rest) == 0 || r.rest[0] != '{' {
		return false
	}
	w := &r.window
	at := len(r.body) - len(r.rest)
	if w.from > at || at >= w.to {
		w.mark(r.body, at)
	}
	s := walk{src: r.body[w.from:], to: w.to - w.from}
	end := s.line(w, at-w.from)
	if s.past && !w.Wrong && at > w.from {
		w.mark(r.body, at)
		s = walk{src: r.body[at:], to: w.to - at}
		end = s.line(w, 0)
	}
	if end == declined {
		return false
	}
	next := s.lineEnd(end)
	if next == declined {
		return false
	}
	r.takePlain(&s, at, end, next)
	return true
}

// takePlain makes a line that was walked over the event at hand.
func (r *Reader) takePlain(s *walk, at, end, next int) {
	r.Timestamp, r.Timed = 0, false
	if s.stampFrom > 0 {
		r.Timestamp, r.Timed = r.second.again(s.src, s.stampFrom)
		if !r.Timed {
			if text := s.stamp(); text != nil {
				r.Timestamp, r.Timed = r.second.millis(text)
			}
		}
	}
	from := r.window.from
	r.Message = r.body[at : from+end : from+end]
	if r.window.Foreign {
		r.Message = r.repaired(r.Message)
	}
	r.rest = r.body[from+next:]
}

// reach goes to the next value that may be an event, into arrays and out of them.
func (r *Reader) reach() bool {
	for {
		if r.inArray {
			if r.nextElement() {
				return true
			}
			if r.err != nil {
				return false
			}
			continue
		}
		if !r.begin() {
			return false
		}
		if r.cursor.Next() != '[' {
			return true
		}
		if r.form == Lines && !r.wholeLine() {
			r.Skipped++
			continue
		}
		r.cursor.Enter()
		r.inArray, r.first = true, true
	}
}

// begin goes to the next value that lies in no other.
func (r *Reader) begin() bool {
	c := &r.cursor
	switch r.form {
	case Lines:
		return r.nextLine()
	case Document:
		if r.ended {
			return false
		}
		r.ended = true
		c.Space()
		return true // an empty body is no document
	}
	c.Space()
	return c.At < len(c.Text)
}

func (r *Reader) nextLine() bool {
	for len(r.rest) > 0 {
		line := r.rest
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, r.rest = line[:i], line[i+1:]
		} else {
			r.rest = nil
		}
		r.cursor = jsonscan.Cursor{Text: line}
		if r.cursor.Space(); r.cursor.At < len(line) {
			return true
		}
	}
	return false
}

// wholeLine tells whether the value at the cursor is all that the line has.
func (r *Reader) wholeLine() bool {
	before := r.cursor
	ok := r.cursor.SkipValue() && r.lineEnds()
	r.cursor = before
	return ok
}

func (r *Reader) lineEnds() bool {
	r.cursor.Space()
	return r.cursor.At == len(r.cursor.Text)
}

// nextElement goes to the next element of the array, or out of it.
func (r *Reader) nextElement() bool {
	more := false
	if r.first {
		more = r.cursor.Open(']')
	} else {
		more = r.cursor.More(']')
	}
	r.first = false
	if more {
		return true
	}
	r.inArray = false
	if !r.cursor.Leave(']') {
		r.refuse()
	}
	return false
}

// refuse passes over a line that is no JSON; another body ends with it.
func (r *Reader) refuse() (goOn bool) {
	if r.form == Lines {
		r.Skipped++
		return true
	}
	r.err = &SyntaxError{Offset: r.cursor.At}
	return false
}

// take makes a value the event at hand, unless it is none.
func (r *Reader) take(v value) bool {
	text := v.text
	switch r.form {
	case Document:
		if text[0] != '{' {
			r.Skipped++
			return false
		}
	case Collector:
		if v.event == nil {
			r.Skipped++
			return false
		}
		text = v.event
	}
	r.Message = r.message(text)
	r.Timestamp, r.Timed = 0, false
	if v.time != nil && r.form == Collector {
		r.Timestamp, r.Timed = seconds(v.time)
	} else if v.time != nil {
		r.Timestamp, r.Timed = r.second.millis(v.time)
	}
	return true
}

// Check tells what is wrong with the rest of the body, and leaves the Reader
// where it is.
func (r *Reader) Check() error {
	ahead := *r
	ahead.scratch, ahead.valid = nil, nil // the event at hand may lie there
	for ahead.Next() {
	}
	return ahead.err
}
