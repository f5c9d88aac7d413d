package agent

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"

	"sluice/cmd/sluice/internal/ship"
)

// Shape says how text becomes events. It is kept with the batches that wait to
// be acknowledged, so that they can be made again, byte for byte, by an agent
// that was started with other settings.
type Shape struct {
	// MaxEvent is the longest message in bytes. Default ship.MaxMessage, which is
	// also the most.
	MaxEvent int `json:"maxEvent"`
	// Truncate cuts what is longer off; else it becomes further events.
	Truncate bool `json:"truncate,omitempty"`
	// MultilineStart, a regular expression, matches the first line of a record;
	// empty: every line is a record.
	MultilineStart string `json:"multilineStart,omitempty"`
	// MaxLines bounds a record of several lines. Default 1,000.
	MaxLines int `json:"maxLines,omitempty"`
	// Stamp finds the time of a record. The zero value: the time of reading.
	Stamp ship.StampRule `json:"stamp"`
}

const defaultMaxLines = 1000

// shape is a Shape, checked and compiled.
type shape struct {
	Shape
	start *regexp.Regexp
	stamp func(record []byte) (ms int64, ok bool) // nil without a rule
}

func (s Shape) compile() (*shape, error) {
	if s.MaxEvent == 0 {
		s.MaxEvent = ship.MaxMessage
	}
	if s.MaxLines == 0 {
		s.MaxLines = defaultMaxLines
	}
	if s.MaxEvent < utf8.UTFMax || s.MaxEvent > ship.MaxMessage {
		return nil, fmt.Errorf("longest event is %d: give %d to %d", s.MaxEvent, utf8.UTFMax, ship.MaxMessage)
	}
	if s.MaxLines < 1 {
		return nil, errors.New("a record has at least one line")
	}
	c := &shape{Shape: s}
	var err error
	if s.MultilineStart != "" {
		if c.start, err = regexp.Compile(s.MultilineStart); err != nil {
			return nil, fmt.Errorf("first line of a record: %w", err)
		}
	}
	if c.stamp, err = s.Stamp.Compile(); err != nil {
		return nil, err
	}
	return c, nil
}

// Lines counts what was done to lines on their way to becoming events.
type Lines struct {
	Empty     int64 `json:"empty"`     // left out: an event has at least one byte
	Split     int64 `json:"split"`     // further events made of long records
	Truncated int64 `json:"truncated"` // records that were cut off
	Repaired  int64 `json:"repaired"`  // had bytes that are not UTF-8, now U+FFFD
	Undated   int64 `json:"undated"`   // had no timestamp where one was expected
	Partial   int64 `json:"partial"`   // had no line feed when their time was up
}

// records cuts text into records. What it finds is a function of the shape, the
// text, skip and final alone: a range that is cut again gives the same records,
// final or not, because ranges end where a record did.
type records struct {
	*shape
	text  []byte
	pos   int  // text[:pos] is used
	final bool // the last line ends although it has no line feed
	skip  bool // pos is within a line whose rest is cut off
	lines *Lines
	// stopped: a piece of a line that is too long is a range of its own, because
	// where it ends depends on text behind it.
	stopped bool
}

// record is the next one, until it is accepted.
type record struct {
	message   []byte
	end       int  // where the text after it begins
	skip      bool // the rest of its line is to be cut off
	split     bool
	piece     bool // ends within its line
	truncated bool
	partial   bool
}

// accept moves past a record.
func (r *records) accept(rec *record) {
	r.pos, r.skip = rec.end, rec.skip
	r.stopped = r.stopped || rec.piece
	if rec.split {
		r.lines.Split++
	}
	if rec.truncated {
		r.lines.Truncated++
	}
	if rec.partial {
		r.lines.Partial++
	}
}

// next finds a record; there is none when the text ends before the record does.
//
// hot: BenchmarkAgent
func (r *records) next(rec *record) bool {
	for r.pos < len(r.text) && !r.stopped {
		rest := r.text[r.pos:]
		n := bytes.IndexByte(rest, '\n')
		switch {
		case r.skip:
			if n < 0 {
				r.pos = len(r.text)
				return false
			}
			r.pos, r.skip = r.pos+n+1, false
			continue
		case n < 0 && !r.final && len(rest) <= r.MaxEvent+1: // one more: it may be the CR
			return false
		}
		line, end := rest, len(rest)
		if n >= 0 {
			line, end = rest[:n], n+1
		}
		if line = trimCR(line); len(line) == 0 {
			r.pos += end
			r.lines.Empty++
			continue
		}
		*rec = record{message: line, end: r.pos + end, partial: n < 0 && r.final}
		if !r.fits(line) {
			if r.pos > 0 && !r.Truncate {
				r.stopped = true
				return false
			}
			r.shorten(rec, n >= 0)
			return true
		}
		return r.start == nil || r.extend(rec)
	}
	return false
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// fits reports whether a message can be one event. Replacing invalid bytes makes
// it at most three times as long.
func (r *records) fits(message []byte) bool {
	return len(message) <= r.MaxEvent &&
		(len(message) <= r.MaxEvent/3 || utf8.Valid(message) || repairedSize(message) <= r.MaxEvent)
}

// shorten keeps the beginning of a line that is too long for an event.
func (r *records) shorten(rec *record, ended bool) {
	begin := rec.message[:min(len(rec.message), r.MaxEvent)]
	n := utf8Prefix(rec.message, r.MaxEvent)
	if !utf8.Valid(begin[:n]) {
		n = max(1, utf8Prefix(rec.message, r.MaxEvent/3))
	}
	for n > 1 && rec.message[n-1] == '\r' { // at the end of a range it would be taken for a line's
		n--
	}
	rec.message, rec.partial = rec.message[:n], false
	if r.Truncate {
		rec.truncated, rec.skip = true, !ended
		return
	}
	rec.split, rec.piece, rec.end = true, true, r.pos+n
}

// utf8Prefix is the length of the longest prefix of at most n bytes that ends
// between two characters; n where the bytes there are no UTF-8.
func utf8Prefix(text []byte, n int) int {
	if len(text) <= n {
		return len(text)
	}
	for back := range min(utf8.UTFMax, n) {
		if utf8.RuneStart(text[n-back]) {
			return n - back
		}
	}
	return n
}

// extend adds the lines that belong to the record which begins with rec's line.
// It returns false when the record may go on behind the text.
func (r *records) extend(rec *record) bool {
	begin := r.pos
	for lines := 1; ; lines++ {
		if rec.end == len(r.text) {
			return r.final
		}
		rest := r.text[rec.end:]
		n := bytes.IndexByte(rest, '\n')
		whole := n >= 0 || r.final
		line, end := rest, len(r.text)
		if n >= 0 {
			line, end = rest[:n], rec.end+n+1
		}
		message := r.text[begin : rec.end+len(trimCR(line))]
		switch {
		case whole && r.start.Match(trimCR(line)):
			return true
		case lines >= r.MaxLines || !r.fits(message):
			rec.split = true
			return true
		case !whole:
			return false
		}
		rec.end = end
		rec.partial = n < 0
		if len(trimCR(line)) > 0 { // blank lines at the end are not kept
			rec.message = message
		}
	}
}
