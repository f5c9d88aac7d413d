package ingest

import (
	"slices"
	"time"

	"sluice/internal/event"
	"sluice/internal/store"
)

// AWS's rules on the times of the events of one request.
const (
	maxAge    = 14 * 24 * time.Hour // back
	maxFuture = 2 * time.Hour       // ahead
	maxSpan   = 24 * time.Hour      // between the first and the last accepted event
)

// window is which timestamps a log group takes at a moment, in ms: from oldest
// and unexpired on, up to newest.
type window struct{ oldest, unexpired, newest int64 }

func windowAt(now int64, retentionDays int) window {
	w := window{oldest: now - maxAge.Milliseconds(), newest: now + maxFuture.Milliseconds()}
	w.unexpired = w.oldest
	if retentionDays > 0 {
		w.unexpired = max(w.oldest, now-int64(retentionDays)*(24*time.Hour).Milliseconds())
	}
	return w
}

// verdict says which events of a batch in order are taken: [from, to). Those
// before tooOld are too old, those from there to from have expired, those from to
// on are too new. tooLarge are not in the batch; resized, of the taken, were made
// to fit.
type verdict struct{ tooOld, from, to, events, tooLarge, resized int }

// judge applies a window to ascending timestamps.
func (w window) judge(times []int64) verdict {
	v := verdict{events: len(times)}
	v.tooOld, _ = slices.BinarySearch(times, w.oldest)
	v.from, _ = slices.BinarySearch(times, w.unexpired)
	v.to, _ = slices.BinarySearch(times, w.newest+1)
	v.from = min(v.from, v.to) // a clock near 1970
	return v
}

func (v verdict) rejected() store.Rejected {
	return store.Rejected{TooOld: uint64(v.tooOld), Expired: uint64(v.from - v.tooOld), TooNew: uint64(v.events - v.to), TooLarge: uint64(v.tooLarge)}
}

// received is the number of events taken or not.
func (v verdict) received() int { return v.events + v.tooLarge }

// span is the time between the first and the last accepted event.
func (v verdict) span(times []int64) time.Duration {
	if v.from == v.to {
		return 0
	}
	return time.Duration(times[v.to-1]-times[v.from]) * time.Millisecond
}

// seal makes the batch of the accepted events.
func (v verdict) seal(b *event.Builder, h event.Header, s event.Source) (event.Batch, error) {
	if v.to-v.from < v.events {
		b.Keep(v.from, v.to)
	}
	return b.Seal(h, s)
}
