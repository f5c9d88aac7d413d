package kinesis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"sluice/ingest/requests"
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// reading reads one shard. All but the atomics belongs to the goroutine of run.
type reading struct {
	s     *Source
	shard Shard
	name  string
	lane  Lane
	log   *slog.Logger

	mark     uint64 // the greatest number in the log
	document document
	targets  map[event.Source]target // by where events come from
	builders []*event.Builder        // of batches
	batches  []event.Batch           // not in the log yet
	bytes    int                     // of their text
	dirty    bool                    // records were read since the last commit
	saved    time.Time               // when

	condition atomic.Int32
	behind    atomic.Int64
}

// target is the log stream here that the events of one there go to.
type target struct{ group, stream uint64 }

// flushBytes is how much text is given to the log at once.
const flushBytes = 1 << 20

// run reads until ctx ends or the shard does.
func (r *reading) run(ctx context.Context) {
	defer r.drop()
	var at Place
	begun := false
	for pause := minBackoff; ctx.Err() == nil; {
		last, err := false, error(nil)
		if begun {
			at, last, err = r.page(ctx, at)
		} else {
			at, err = r.begin(ctx)
			begun = err == nil
		}
		if err == nil {
			r.be(Reading)
			if pause = minBackoff; last {
				return
			}
			continue
		}
		if ctx.Err() == nil {
			at = r.failed(ctx, at, err, pause)
			pause = min(2*pause, maxBackoff)
		}
	}
}

// begin finds out where the shard is.
func (r *reading) begin(ctx context.Context) (at Place, err error) {
	if r.lane, err = r.s.links.Lanes.of(r.s.cfg.Scope, r.s.cfg.Name, r.name, r.s.links.Appender.Shards()); err != nil {
		return at, err
	}
	if r.mark, err = r.s.links.Marks.Mark(ctx, r.lane.Home, r.lane.Lane); err != nil {
		return at, err
	}
	return r.shard.Begin(ctx)
}

// page takes one page, and commits the place behind it now and then.
func (r *reading) page(ctx context.Context, from Place) (next Place, last bool, err error) {
	page, err := r.shard.Fetch(ctx, from, func(rec Record) error { return r.take(ctx, rec) })
	if err == nil {
		err = r.flush(ctx)
	}
	if err != nil {
		r.drop()
		return from, false, err
	}
	r.behind.Store(int64(page.Behind))
	r.dirty = r.dirty || page.Next != from
	now := r.s.clock.Now()
	if r.dirty && (page.Last || now.Sub(r.saved) >= r.s.cfg.CommitInterval) {
		if err := r.shard.Commit(ctx, page.Next); err != nil {
			return page.Next, false, fmt.Errorf("commit: %w", err)
		}
		r.dirty, r.saved = false, now
	}
	return page.Next, page.Last, nil
}

// failed waits, and tells where to go on.
func (r *reading) failed(ctx context.Context, at Place, err error, pause time.Duration) Place {
	r.s.counts.errors.Add(1)
	var gap *GapError
	switch {
	case errors.As(err, &gap) && r.s.cfg.OnGap == skip:
		r.s.counts.gaps.Add(1)
		r.log.Error("kinesis records are lost, and passed over", "error", err)
		return gap.First
	case errors.As(err, &gap):
		if r.be(Stopped) {
			r.log.Error("kinesis shard stopped", "error", err, "hint", "set on_gap: skip to go on where records are")
		}
		pause = gapRetry
	default:
		if r.be(Retrying) {
			r.log.Warn("kinesis shard is tried again", "record", at.Number, "error", err)
		}
	}
	_ = r.s.clock.Sleep(ctx, pause) // who waits sees ctx
	return at
}

func (r *reading) be(c Condition) (news bool) { return r.condition.Swap(int32(c)) != int32(c) }

// numberOf is the number of the last batch of a record, and of the n-th before it.
func numberOf(record uint64, n int) uint64 {
	if n == 0 {
		return (record + 1) << 8
	}
	return record<<8 | uint64(n)
}

// maxParts bounds the batches of a record: those before the last have 8 bits.
const maxParts = 255

// take makes batches of a record.
func (r *reading) take(ctx context.Context, rec Record) error {
	r.s.counts.records.Add(1)
	if numberOf(rec.Number, 0) <= r.mark {
		r.s.counts.alreadyStored.Add(1)
		return nil
	}
	err := r.decode(rec)
	var bad *poison
	if errors.As(err, &bad) {
		err = r.quarantine(rec, bad)
	}
	if err == nil && r.bytes >= flushBytes {
		err = r.flush(ctx)
	}
	return err
}

// poison is a record that can never be stored as what it should be.
type poison struct{ why error }

// Error tells why.
func (p *poison) Error() string { return p.why.Error() }

func (r *reading) decode(rec Record) error {
	from := event.Source{Account: r.s.cfg.Account, Region: r.s.cfg.Region, LogGroup: "/kinesis/" + r.s.cfg.Stream, LogStream: r.name}
	d := &r.document
	switch {
	case rec.Batch:
		return r.copyBatch(rec)
	case r.s.cfg.Payload == raw:
		d.single(rec.Data, rec.Arrived)
	default:
		if err := d.read(rec.Data); err != nil {
			return &poison{err}
		}
		if d.control {
			r.s.counts.control.Add(1)
			return nil
		}
		if err := d.checkNames(); err != nil {
			return &poison{err}
		}
		from.LogGroup, from.LogStream = string(d.group), string(d.stream)
		if len(d.owner) > 0 {
			from.Account = string(d.owner)
		}
	}
	return r.addEvents(rec, from)
}

// addEvents makes batches of the document at hand: one, unless its events are too
// many or too far apart.
func (r *reading) addEvents(rec Record, from event.Source) error {
	d := &r.document
	begun, parts := len(r.batches), 0
	for i := 0; i < len(d.ends); parts++ {
		if parts > maxParts {
			r.batches = r.batches[:begun]
			return &poison{errors.New("has events of too many different times")}
		}
		b := event.GetBuilder(len(d.text) - r.textBefore(i) + len(d.ends) - i)
		r.builders = append(r.builders, b)
		least, greatest := d.times[i], d.times[i]
		for ; i < len(d.ends); i++ {
			least, greatest = min(least, d.times[i]), max(greatest, d.times[i])
			if uint64(greatest-least) > event.MaxSpan {
				break
			}
			err := b.Append(d.times[i], d.message(i))
			if errors.Is(err, event.ErrFull) && b.Len() > 0 {
				break
			}
			if err != nil {
				r.batches = r.batches[:begun]
				return &poison{err}
			}
		}
		number := numberOf(rec.Number, parts+1)
		if i == len(d.ends) {
			number = numberOf(rec.Number, 0)
		}
		if err := r.seal(b, number, from); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) textBefore(i int) int {
	if i == 0 {
		return 0
	}
	return r.document.ends[i-1]
}

// seal makes a batch of a builder's events.
func (r *reading) seal(b *event.Builder, number uint64, from event.Source) error {
	to, err := r.resolve(from)
	if err != nil {
		return err
	}
	batch, err := b.Seal(event.Header{
		Ingested: r.s.links.Clock.Now().UnixMilli(), Request: requests.Anonymous(), GroupUID: to.group, StreamUID: to.stream,
		Origin: event.Position{Shard: r.lane.Lane, Number: number}, Hops: 1,
	}, from)
	if err != nil {
		return err
	}
	r.batches = append(r.batches, batch)
	r.bytes += len(batch.Text())
	return nil
}

// copyBatch takes a batch of another sluice as it is.
func (r *reading) copyBatch(rec Record) error {
	b, err := event.Open(bytes.Clone(rec.Data))
	if err != nil {
		return &poison{err}
	}
	to, err := r.resolve(b.Source())
	if err != nil {
		return err
	}
	f, parts := b.Fields(), b.Parts()
	f.GroupUID, f.StreamUID, f.Hops = to.group, to.stream, f.Hops+1
	f.OriginShard, f.OriginNumber = r.lane.Lane, numberOf(rec.Number, 0)
	record := b.Record()
	if _, err := f.Assemble(record, event.Sizes{Text: len(parts.Text), Count: b.Len(), Source: len(parts.Source)}); err != nil {
		return err
	}
	if b, err = event.Reseal(record); err != nil {
		return err
	}
	r.batches = append(r.batches, b)
	r.bytes += len(b.Text())
	return nil
}

// aside is the message of an event in QuarantineGroup.
type aside struct {
	Source string `json:"source"`
	Shard  string `json:"shard"`
	Record uint64 `json:"record"`
	Reason string `json:"reason"`
	Bytes  int    `json:"bytes"`
	Value  []byte `json:"value,omitempty"` // the first bytes, in base64
}

const quarantineBytes = 4096

// quarantine puts a record aside.
func (r *reading) quarantine(rec Record, why *poison) error {
	message, err := json.Marshal(aside{r.s.cfg.Name, r.name, rec.Number, why.Error(), len(rec.Data), rec.Data[:min(len(rec.Data), quarantineBytes)]})
	if err != nil {
		return err
	}
	b := event.GetBuilder(len(message) + 1)
	r.builders = append(r.builders, b)
	if err := b.Append(rec.Arrived, message); err != nil {
		return err
	}
	from := event.Source{Account: r.s.cfg.Scope.Account, Region: r.s.cfg.Scope.Region, LogGroup: QuarantineGroup, LogStream: r.s.cfg.Name + "/" + r.name}
	g, st, err := catalog.Ensure(r.s.links.Definitions, r.s.cfg.Scope, from.LogGroup, from.LogStream, r.s.links.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	batch, err := b.Seal(event.Header{
		Ingested: r.s.links.Clock.Now().UnixMilli(), Request: requests.Anonymous(), GroupUID: g.UID, StreamUID: st.UID,
		Origin: event.Position{Shard: r.lane.Lane, Number: numberOf(rec.Number, 0)},
	}, from)
	if err != nil {
		return err
	}
	r.batches = append(r.batches, batch)
	r.s.counts.quarantined.Add(1)
	r.log.Warn("kinesis record put aside", "record", rec.Number, "reason", why.Error(), "log_group", from.LogGroup, "log_stream", from.LogStream)
	return nil
}

// maxTargets bounds the memory for targets; beyond it they are looked up anew.
const maxTargets = 1 << 14

// resolve finds where events of a source go, and makes what is missing: also when
// somebody deleted it meanwhile.
func (r *reading) resolve(from event.Source) (target, error) {
	d := r.s.links.Definitions
	if to, ok := r.targets[from]; ok {
		if _, there := d.StreamByUID(to.stream); there {
			return to, nil
		}
	}
	cfg := &r.s.cfg
	g, st, err := catalog.Ensure(d, cfg.Scope, render(cfg.LogGroup, from, cfg.Name, r.name), render(cfg.LogStream, from, cfg.Name, r.name), r.s.links.Clock.Now().UnixMilli())
	if err != nil {
		return target{}, err
	}
	if len(r.targets) >= maxTargets {
		clear(r.targets)
	}
	to := target{g.UID, st.UID}
	r.targets[from] = to
	return to, nil
}

// flush gives the batches at hand to the log. While it takes nothing the shard
// waits, and reads nothing meanwhile.
func (r *reading) flush(ctx context.Context) error {
	r.pass()
	events := 0
	for _, b := range r.batches {
		events += b.Len()
	}
	for pause := minBackoff; len(r.batches) > 0; pause = min(2*pause, maxBackoff) {
		err := r.s.links.Appender.Append(ctx, r.lane.Home, r.batches)
		if err == nil {
			r.mark = r.batches[len(r.batches)-1].Header().Origin.Number
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.be(Waiting) {
			r.log.Warn("kinesis shard waits: the log takes nothing", "error", err)
		}
		if err := r.s.clock.Sleep(ctx, pause); err != nil {
			return err
		}
		if mark, err := r.s.links.Marks.Mark(ctx, r.lane.Home, r.lane.Lane); err == nil { // whatever Append said
			r.mark = max(r.mark, mark)
			r.pass()
		}
	}
	r.drop()
	r.s.counts.events.Add(int64(events))
	if r.s.cfg.Received != nil && events > 0 {
		r.s.cfg.Received(events)
	}
	return nil
}

// pass takes out batches that the log has.
func (r *reading) pass() {
	n := 0
	for n < len(r.batches) && r.batches[n].Header().Origin.Number <= r.mark {
		n++
	}
	r.batches = r.batches[n:]
}

// drop forgets what is at hand: it is in the log, or will be fetched again.
func (r *reading) drop() {
	for _, b := range r.builders {
		b.Release()
	}
	r.builders, r.batches, r.bytes = r.builders[:0], nil, 0
}
