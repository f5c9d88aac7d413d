package agent

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"sluice/cmd/sluice/internal/ship"
)

// maxSpan bounds the time between the first and the last event of a request.
const maxSpan = 24 * 60 * 60 * 1000 // ms

// Range is a piece of a file whose records are in a batch.
type Range struct {
	Path  string `json:"path"`
	File  FileID `json:"file"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
	Sum   uint64 `json:"xxh64"` // of the text
	At    int64  `json:"at"`    // ms: the time of records that have none
	Last  int64  `json:"last,omitempty"`
	Skip  bool   `json:"skip,omitempty"`
	After Mark   `json:"after"` // the file's mark once the batch is acknowledged

	life int // file.life when it was read
}

// batch is one PutLogEvents request on its way from text to acknowledgement. Its
// body is written as the records are cut, so the text is copied once.
type batch struct {
	stream     string
	invocation string // amz-sdk-invocation-id of every attempt, set by seal
	body       []byte
	header     int // length of body before the first event
	events     []bodyEvent
	ranges     []Range

	size             int // as AWS counts
	text             int64
	sorted           bool
	earliest, latest int64
	begun            time.Time // when the first record came
	sealed           uint64    // sum of the body

	stamped int64  // the timestamp that prefix was made for
	prefix  []byte // {"timestamp":N,"message":"
}

// bodyEvent is the place of an event in the body, without the comma behind it.
type bodyEvent struct {
	timestamp  int64
	start, end int
}

// reset begins a batch for a log stream, keeping its memory.
func (b *batch) reset(group, stream string) {
	body := append(b.body[:0], `{"logGroupName":"`...)
	body, _, _ = appendMessage(body, []byte(group))
	body = append(body, `","logStreamName":"`...)
	body, _, _ = appendMessage(body, []byte(stream))
	body = append(body, `","logEvents":[`...)
	*b = batch{stream: stream, body: body, header: len(body), events: b.events[:0], ranges: b.ranges[:0],
		sorted: true, stamped: -1, prefix: b.prefix[:0]}
}

// add appends an event; it returns false, changing nothing, when the batch would
// break AWS's rules with it. An empty batch takes whatever keeps the shape's.
//
// hot: BenchmarkAgent
func (b *batch) add(message []byte, timestamp int64, limits ship.Limits) (taken, repaired bool) {
	first := len(b.events) == 0
	if !first && (len(b.events) >= limits.Events ||
		max(b.latest, timestamp)-min(b.earliest, timestamp) >= maxSpan) {
		return false, false
	}
	if timestamp != b.stamped {
		b.stamped = timestamp
		b.prefix = append(b.prefix[:0], `{"timestamp":`...)
		b.prefix = strconv.AppendInt(b.prefix, timestamp, 10)
		b.prefix = append(b.prefix, `,"message":"`...)
	}
	start := len(b.body)
	body, size, repaired := appendMessage(append(b.body, b.prefix...), message)
	if !first && b.size+size+ship.EventOverhead > limits.Bytes {
		b.body = body[:start]
		return false, false
	}
	b.body = append(body, `"},`...)
	if first {
		b.earliest, b.latest = timestamp, timestamp
	}
	b.sorted = b.sorted && timestamp >= b.latest
	b.earliest, b.latest = min(b.earliest, timestamp), max(b.latest, timestamp)
	b.size += size + ship.EventOverhead
	b.text += int64(size)
	b.events = append(b.events, bodyEvent{timestamp, start, len(b.body) - 1})
	return true, repaired
}

// close puts the events into chronological order, those of one millisecond in
// the order of the files, and ends the body.
func (b *batch) close() {
	if !b.sorted {
		slices.SortStableFunc(b.events, func(x, y bodyEvent) int {
			return int(min(1, max(-1, x.timestamp-y.timestamp)))
		})
		body := append(make([]byte, 0, len(b.body)+2), b.body[:b.header]...)
		for i := range b.events {
			e := &b.events[i]
			start := len(body)
			body = append(append(body, b.body[e.start:e.end]...), ',')
			e.start, e.end = start, len(body)-1
		}
		b.body, b.sorted = body, true
	}
	b.body = append(b.body[:len(b.body)-1], `]}`...)
}

// sum is what tells a body made again from the one that was sent.
func (b *batch) sum() uint64 { return xxhash.Sum64(b.body) }

// event is the JSON of one event.
func (b *batch) event(i int) []byte { return b.body[b.events[i].start:b.events[i].end] }

// cutRange cuts records into the batch and reports whether it is full: there was
// a record that it does not take. A record without a time of its own has that of
// the one before, or at. Both come from the range when a batch is made again.
func (b *batch) cutRange(r *records, at int64, last *int64, limits ship.Limits) (full bool) {
	var rec record
	for r.next(&rec) {
		timestamp, dated := at, false
		if r.stamp != nil {
			if timestamp, dated = r.stamp(rec.message); !dated {
				if timestamp = *last; timestamp == 0 {
					timestamp = at
				}
			}
		}
		taken, repaired := b.add(rec.message, timestamp, limits)
		if !taken {
			return true
		}
		if repaired {
			r.lines.Repaired++
		}
		if r.stamp != nil && !dated {
			r.lines.Undated++
		}
		*last = timestamp
		r.accept(&rec)
	}
	return false
}

// rebuild makes the batch that the state tells of from the text of its ranges.
// text returns the bytes of a range, wherever they are found now.
func rebuild(p *Pending, s *shape, group string, text func(*Range) ([]byte, error)) (*batch, error) {
	b := new(batch)
	b.reset(group, p.Stream)
	// Not the limits of the settings: the batch was within those it was made with.
	limits := ship.Limits{Bytes: ship.MaxBatchBytes, Events: ship.MaxBatchEvents}
	var lines Lines
	for i := range p.Ranges {
		span := &p.Ranges[i]
		piece, err := text(span)
		if err != nil {
			return nil, fmt.Errorf("read bytes %d to %d of %s: %w", span.Start, span.End, span.Path, err)
		}
		last := span.Last
		r := &records{shape: s, text: piece, final: true, skip: span.Skip, lines: &lines}
		b.cutRange(r, span.At, &last, limits)
		b.ranges = append(b.ranges, *span)
	}
	if len(b.events) == 0 {
		return nil, fmt.Errorf("make batch %s again: its files have no records", p.Invocation)
	}
	b.close()
	b.invocation = p.Invocation
	if b.sealed = b.sum(); b.sealed != p.Sum {
		return nil, fmt.Errorf("make batch %s again: its body differs", p.Invocation)
	}
	return b, nil
}
