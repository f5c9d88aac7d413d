package ship

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// AWS's rules for one PutLogEvents request.
const (
	MaxBatchBytes  = 1 << 20
	MaxBatchEvents = 10_000
	EventOverhead  = 26 // bytes counted for each event beside its message
	MaxMessage     = MaxBatchBytes - EventOverhead

	maxSpan = 24 * 60 * 60 * 1000 // ms between the first and the last event
)

// Batch is what one request carries. The Cutter fills it, a sender empties it.
type Batch struct {
	text   []byte // of all messages, end to end
	events []entry
	sorted bool // by timestamp, so far

	earliest, latest int64 // ms
}

// entry is a message and its time.
type entry struct {
	timestamp  int64 // ms
	start, end int   // in text
}

// Reset empties the batch for the next one, keeping its memory.
func (b *Batch) Reset() {
	b.text, b.events, b.sorted = b.text[:0], b.events[:0], true
}

// Len is the number of events.
func (b *Batch) Len() int { return len(b.events) }

// MessageBytes is the length of all messages.
func (b *Batch) MessageBytes() int { return len(b.text) }

// size is what AWS counts.
func (b *Batch) size() int { return len(b.text) + EventOverhead*len(b.events) }

// fits reports whether a message can be added within the limits. A batch takes
// its first message always.
func (b *Batch) fits(message int, timestamp int64, limits Limits) bool {
	if len(b.events) == 0 {
		return true
	}
	return len(b.events) < limits.Events &&
		b.size()+message+EventOverhead <= limits.Bytes &&
		max(b.latest, timestamp)-min(b.earliest, timestamp) < maxSpan
}

func (b *Batch) add(message []byte, timestamp int64) {
	if len(b.events) == 0 {
		b.earliest, b.latest = timestamp, timestamp
	}
	b.sorted = b.sorted && timestamp >= b.latest
	b.earliest, b.latest = min(b.earliest, timestamp), max(b.latest, timestamp)
	start := len(b.text)
	b.text = append(b.text, message...)
	b.events = append(b.events, entry{timestamp, start, len(b.text)})
}

// Events are the SDK's form of the batch, in chronological order; events of the
// same millisecond keep the order of the input. They share one string and do not
// depend on the batch.
func (b *Batch) Events() []types.InputLogEvent {
	if !b.sorted {
		slices.SortStableFunc(b.events, func(x, y entry) int {
			return int(min(1, max(-1, x.timestamp-y.timestamp)))
		})
		b.sorted = true
	}
	text := string(b.text)
	messages := make([]string, len(b.events))
	timestamps := make([]int64, len(b.events))
	out := make([]types.InputLogEvent, len(b.events))
	for i, e := range b.events {
		messages[i], timestamps[i] = text[e.start:e.end], e.timestamp
		out[i] = types.InputLogEvent{Message: &messages[i], Timestamp: &timestamps[i]}
	}
	return out
}
