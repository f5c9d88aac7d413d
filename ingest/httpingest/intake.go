package httpingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/event"
	"sluice/internal/store"
)

const (
	// AWS's rules on single events.
	maxAge     = 14 * 24 * time.Hour // back
	maxFuture  = 2 * time.Hour       // ahead
	maxMessage = 1_048_576 - 26      // bytes

	// A batch's arena, of 4 MiB with all that a builder adds. More events than it
	// holds become several batches: larger ones would crowd the log's cache of
	// recent blocks.
	arenaBytes = 4<<20 - 32<<10
	// indexBytes is what an event takes in a batch beside its message and the
	// line feed, namesBytes what a batch takes for its names and checksum at most;
	// GetBuilder adds more than that.
	indexBytes = 8
	namesBytes = 4 << 10
)

// The window of accepted times is far narrower than what one batch can span, so
// that no batch is ever split for its times.
const _ = uint64(event.MaxSpan) - uint64((maxAge+maxFuture)/time.Millisecond)

// intake takes the events of one request: it judges each, collects what it takes
// in a batch and appends the batch when it is full.
type intake struct {
	api      *API
	builder  *event.Builder
	header   event.Header
	source   event.Source
	attempt  attempt
	now      int64
	oldest   int64 // accepted time, in ms
	alive    int64 // oldest time that the group's retention keeps
	newest   int64
	stored   int
	repeated int // stored by earlier attempts
	rejected store.Rejected
	replaced int
	made     int // bytes of messages that were made, not found in the body
	// ahead, when set, checks the rest of the body before the first of several
	// batches is stored: what cannot be read is refused whole.
	ahead func() error
	spare []byte // a message that found the batch full
	// inPlace, while it is not zero, is the body's length: the batch is made where
	// the body lies, as lines are the text of a batch already. read is how much of it
	// may be written over. A body that makes more than one batch is not made so.
	inPlace, read int
}

// A record's header goes in front of the body.
const _ = uint(awsapi.Headroom - event.HeaderBytes)

// intakes pools what a request needs besides its arena.
var intakes = sync.Pool{New: func() any { return new(intake) }}

// intake begins one; inPlace has the batch made where the body lies, if it can.
func (a *API) intake(r *awsapi.Request, t target, inPlace bool) *intake {
	attempt := a.attempt(r, t.stream.UID)
	// Asked before the first event is judged: what is sent again is judged, and so
	// cut into batches, as it was then.
	now := attempt.begin(a.cfg.Clock.Now().UnixMilli())
	in := intakes.Get().(*intake)
	*in = intake{
		api:     a,
		header:  event.Header{Ingested: now, GroupUID: t.group.UID, StreamUID: t.stream.UID},
		source:  event.Source{Account: r.Account, Region: r.Region, LogGroup: t.group.Name, LogStream: t.stream.Name},
		attempt: attempt,
		now:     now,
		oldest:  now - maxAge.Milliseconds(), newest: now + maxFuture.Milliseconds(),
		spare: in.spare[:0],
	}
	in.alive = in.oldest
	if days := t.group.RetentionDays; days > 0 {
		in.alive = max(in.oldest, now-int64(days)*(24*time.Hour).Milliseconds())
	}
	if arena := r.Arena(); inPlace && arena != nil && len(r.Body) > 0 && arenaFor(len(r.Body)) < arenaBytes {
		in.builder, in.inPlace = event.BuilderOver(arena, awsapi.Headroom), len(r.Body)
	} else {
		in.builder = event.GetBuilder(arenaFor(len(r.Body)))
	}
	return in
}

// arenaFor is enough for a body of lines: each event takes its line feed in the
// body, too, and the shortest have two bytes.
func arenaFor(body int) int {
	return min(body+min(body/2+1, event.MaxEvents)*indexBytes, arenaBytes)
}

func (in *intake) release() {
	in.attempt.end(errUnfinished) // unless it was stored
	in.builder.Release()
	spare := in.spare
	if cap(spare) > maxMessage {
		spare = nil
	}
	*in = intake{spare: spare}
	intakes.Put(in)
}

// free is where a decoder may write the next message before add takes it.
func (in *intake) free() []byte { return in.builder.Free()[:0] }

// add takes one event, or counts why not. The message may lie in free.
//
// hot: BenchmarkIngestBulk
func (in *intake) add(message []byte, ms int64) error {
	switch {
	case len(message) > maxMessage:
		in.rejected.TooLarge++
		return nil
	case len(message) == 0:
		in.rejected.Invalid++
		return nil
	case ms < in.oldest:
		in.rejected.TooOld++
		return nil
	case ms < in.alive:
		in.rejected.Expired++
		return nil
	case ms > in.newest:
		in.rejected.TooNew++
		return nil
	}
	if !in.fits(len(message)) {
		var err error
		if message, err = in.makeRoom(message); err != nil {
			return err
		}
	}
	return in.builder.Append(ms, message)
}

// fits tells whether the arena has room for one more event and for all of the
// batch's index, so that sealing never moves it; and, in the body's place, that the
// event lies over nothing that is still to be read.
func (in *intake) fits(message int) bool {
	b := in.builder
	if in.read < in.inPlace && b.TextBytes()+message >= in.read {
		return false
	}
	return b.Len() < event.MaxEvents && len(b.Free()) > message+(b.Len()+1)*indexBytes+namesBytes
}

// makeRoom gives up the body's place, or stores the batch and begins another with
// room for a message, which may move.
func (in *intake) makeRoom(message []byte) ([]byte, error) {
	if in.inPlace > 0 {
		in.builder = in.builder.MoveTo(arenaFor(in.inPlace))
		in.inPlace, in.read = 0, 0
		if in.fits(len(message)) {
			return message, nil
		}
	}
	in.spare = append(in.spare[:0], message...) // free is about to be written to
	if err := in.flush(); err != nil {
		return nil, err
	}
	if !in.fits(len(message)) {
		in.builder.Release()
		in.builder = event.GetBuilder(len(message) + indexBytes + 1)
	}
	return in.spare, nil
}

// flush stores the batch, if it has events. A client that leaves meanwhile
// leaves nothing half done.
func (in *intake) flush() error {
	n := in.builder.Len()
	if n == 0 {
		return nil
	}
	if in.ahead != nil {
		check := in.ahead
		in.ahead = nil
		if err := check(); err != nil {
			return err
		}
	}
	in.attempt.begin(in.now)
	if in.attempt.stored {
		in.attempt.end(nil)
		in.builder.Reset()
		in.repeated += n
		return nil
	}
	err := in.append()
	in.attempt.end(err)
	if err != nil {
		return err
	}
	in.builder.Reset()
	in.stored += n
	return nil
}

// append makes the batch durable.
func (in *intake) append() error {
	in.header.Request = in.attempt.key.Request
	batch, err := in.builder.Seal(in.header, in.source)
	if err != nil {
		return err
	}
	if _, err := in.api.cfg.Appender.Append(context.Background(), batch); err != nil {
		return unavailable(err)
	}
	return nil
}

// finish stores what is left and counts what was refused: when it returns nil,
// all of the request is durable. Whatever it returns, what the log took counts
// as received.
func (in *intake) finish(err error) error {
	if err == nil {
		in.ahead = nil // it was read to its end
		err = in.flush()
	}
	if err != nil {
		in.api.cfg.Received(in.stored) // of some of its batches
		return err
	}
	if in.repeated > 0 {
		in.api.cfg.Repeated(in.repeated)
		if in.stored == 0 {
			return nil // what is refused was counted then
		}
	}
	if n := in.rejected.Sum(); n > 0 {
		err := in.api.cfg.Rejections.Reject(context.Background(), in.header.GroupUID, in.rejected)
		switch {
		case err == nil:
		case in.stored == 0:
			return unavailable(err)
		default:
			// The others are stored: an error would make the sender store them twice.
			in.api.cfg.Logger.Error("rejected log events are not counted", "log_group", in.source.LogGroup,
				"log_stream", in.source.LogStream, "events", n, "error", err)
		}
	}
	in.api.cfg.Received(in.stored + int(in.rejected.Sum()))
	if in.replaced > 0 {
		in.api.cfg.Replaced(in.replaced)
	}
	return nil
}

// unavailable is the retryable answer to a log that takes nothing, unless the log
// has said what to answer.
func unavailable(err error) error {
	if awsapi.CodeOf(err) != "" {
		return err
	}
	return fmt.Errorf("%w: %w", awsapi.ErrServiceUnavailable, err)
}
