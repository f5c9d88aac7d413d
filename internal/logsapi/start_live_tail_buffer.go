package logsapi

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/internal/event"
)

const (
	maxUpdateEvents = 500
	maxUpdateBytes  = 1 << 20 // of messages; one event alone may have more

	maxTailUpdates = 10
	maxTailBytes   = 4 << 20
)

// tailBuffer is what a session has not sent yet: one update for each second in
// which there was something. The follower adds, the writer takes.
type tailBuffer struct {
	began time.Time // set before the first use

	mu      sync.Mutex // guards the fields below
	updates []*tailUpdate
	bytes   int
	lost    bool // updates were dropped since the last take
}

// tailUpdate is the events of one second, or a uniform sample of them.
type tailUpdate struct {
	second  int64 // since the session began
	events  []sampledEvent
	bytes   int
	seen    int
	sampled bool
}

// sampledEvent is an event and its place among all of its second: a sample is
// not kept in order.
type sampledEvent struct {
	place int
	event tailEvent
}

// add puts the selected events of a batch into the update of this second, and
// drops the oldest updates if there is too much. Messages are copied only where
// they stay.
func (t *tailBuffer) add(now time.Time, b event.Batch, selected []uint32, group, stream string) {
	if len(selected) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.current(now)
	before := u.bytes
	for _, i := range selected {
		message := b.Message(int(i))
		slot := u.slot(len(message))
		if slot < 0 {
			continue
		}
		u.events[slot] = sampledEvent{u.seen, tailEvent{
			IngestionTime: b.Ingested(), LogGroupIdentifier: group, LogStreamName: stream,
			Message: strings.ToValidUTF8(string(message), "\uFFFD"), Timestamp: b.Timestamp(int(i)),
		}}
	}
	t.bytes += u.bytes - before
	for len(t.updates) > maxTailUpdates || t.bytes > maxTailBytes && len(t.updates) > 1 {
		t.bytes -= t.updates[0].bytes
		t.updates = slices.Delete(t.updates, 0, 1)
		t.lost = true
	}
}

// current is the update that collects now.
func (t *tailBuffer) current(now time.Time) *tailUpdate {
	second := t.second(now)
	if n := len(t.updates); n > 0 && t.updates[n-1].second == second {
		return t.updates[n-1]
	}
	u := &tailUpdate{second: second}
	t.updates = append(t.updates, u)
	return u
}

func (t *tailBuffer) second(now time.Time) int64 { return int64(now.Sub(t.began) / tailPeriod) }

// slot makes room for an event of a size, or tells by -1 that it is left out.
// Beyond the limits it is Vitter's algorithm R: the n-th event takes a random
// place with the chance of its being among the first ones of n.
func (u *tailUpdate) slot(size int) int {
	u.seen++
	if len(u.events) < maxUpdateEvents && (u.bytes+size <= maxUpdateBytes || len(u.events) == 0) {
		u.events = append(u.events, sampledEvent{})
		u.bytes += size
		return len(u.events) - 1
	}
	u.sampled = true
	slot := rand.IntN(u.seen)
	if slot >= len(u.events) {
		return -1
	}
	bytes := u.bytes - len(u.events[slot].event.Message) + size
	if bytes > maxUpdateBytes {
		return -1
	}
	u.bytes = bytes
	return slot
}

// take returns the updates of the seconds that are over, an empty one if there
// are none.
func (t *tailBuffer) take(now time.Time) []sessionUpdate {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := slices.IndexFunc(t.updates, func(u *tailUpdate) bool { return u.second >= t.second(now) })
	if n < 0 {
		n = len(t.updates)
	}
	out := make([]sessionUpdate, 0, max(1, n))
	for _, u := range t.updates[:n] {
		t.bytes -= u.bytes
		out = append(out, u.update())
	}
	t.updates = slices.Delete(t.updates, 0, n)
	if n == 0 {
		out = append(out, sessionUpdate{SessionResults: []tailEvent{}})
	}
	if t.lost {
		out[0].SessionMetadata.Sampled, t.lost = true, false
	}
	return out
}

// update puts the events in the order in which they were stored.
func (u *tailUpdate) update() sessionUpdate {
	slices.SortFunc(u.events, func(x, y sampledEvent) int { return cmp.Compare(x.place, y.place) })
	out := sessionUpdate{SessionMetadata: sessionMetadata{u.sampled}, SessionResults: make([]tailEvent, len(u.events))}
	for i, e := range u.events {
		out.SessionResults[i] = e.event
	}
	return out
}
