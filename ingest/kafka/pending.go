package kafka

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/segmentio/kafka-go/protocol"

	"sluice/ingest/requests"
	"sluice/internal/event"
)

// pending is the records of one batch in the making.
type pending struct {
	b               *event.Builder
	records, bytes  int   // and their values' size
	next            int64 // the offset after the last of them
	least, greatest int64 // timestamps
}

// batchBytes is how much text makes a batch full.
const batchBytes = 1 << 20

func (q *pending) release() {
	if q.b != nil {
		q.b.Release()
		q.b = nil
	}
}

// reset forgets the records: they are stored, or will be fetched again.
func (q *pending) reset() {
	q.records, q.bytes = 0, 0
	if q.b != nil {
		q.b.Reset()
	}
}

// full tells whether so many more bytes in so many events belong to another
// batch.
func (q *pending) full(bytes, events int, timestamp int64) bool {
	if q.records == 0 {
		return false
	}
	least, greatest := min(q.least, timestamp), max(q.greatest, timestamp)
	return q.b.TextBytes()+bytes+events > batchBytes || q.b.Len()+events > event.MaxEvents || uint64(greatest-least) > event.MaxSpan
}

// grow sees to it that an empty batch has room for so many bytes of messages.
func (q *pending) grow(size int) {
	if q.b != nil && len(q.b.Free()) > size {
		return
	}
	q.release()
	q.b = event.GetBuilder(max(size+1, batchBytes))
}

// added counts one record whose events are in the builder.
func (q *pending) added(offset, timestamp int64, bytes int) {
	if q.records == 0 {
		q.least, q.greatest = timestamp, timestamp
	}
	q.records++
	q.bytes += bytes
	q.least, q.greatest = min(q.least, timestamp), max(q.greatest, timestamp)
	q.next = offset + 1
}

// take adds one record to the batch at hand; full batches go into the log.
//
// hot: BenchmarkTake
func (p *partition) take(ctx context.Context, r *protocol.Record) error {
	n := 0
	if r.Value != nil {
		n = r.Value.Len()
	}
	p.account(n)
	switch {
	case n == 0:
		p.empty++
		return nil
	case n > p.s.cfg.MaxMessageBytes:
		return p.takeLarge(ctx, r, n)
	}
	// The time may be inside the value, so the batch is chosen before it is known;
	// one that does not fit is moved.
	if p.pending.full(n, 1, p.timeOf(r)) {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if p.pending.records == 0 {
		p.pending.grow(n + 1)
	}
	message := p.pending.b.Free()[:n]
	if _, err := io.ReadFull(r.Value, message); err != nil {
		return fmt.Errorf("read value at offset %d: %w", r.Offset, err)
	}
	timestamp := p.timeIn(message, r)
	if !utf8.Valid(message) || p.pending.full(n, 1, timestamp) {
		return p.takeBytes(ctx, r.Offset, timestamp, bytes.Clone(message))
	}
	if err := p.pending.b.Commit(n, timestamp); err != nil {
		return err
	}
	p.pending.added(r.Offset, timestamp, n)
	return nil
}

// takeLarge splits a value that is longer than a message may be, or puts it aside.
func (p *partition) takeLarge(ctx context.Context, r *protocol.Record, n int) error {
	if p.s.cfg.Oversize == quarantine || n > maxMessage {
		return p.quarantine(ctx, r, n, fmt.Sprintf("value of %d bytes is too large", n))
	}
	value := make([]byte, n)
	if _, err := io.ReadFull(r.Value, value); err != nil {
		return fmt.Errorf("read value at offset %d: %w", r.Offset, err)
	}
	return p.takeBytes(ctx, r.Offset, p.timeIn(value, r), value)
}

// takeBytes adds a value that is not plain: its bytes are repaired and it is cut
// into messages. All of them go into one batch, whose mark covers the record whole.
func (p *partition) takeBytes(ctx context.Context, offset, timestamp int64, value []byte) error {
	if !utf8.Valid(value) {
		p.s.counts.invalidUTF8.Add(1)
		value = bytes.ToValidUTF8(value, []byte("\uFFFD"))
	}
	if len(value) > maxMessage { // grown by the repair
		return p.quarantineBytes(ctx, offset, timestamp, value, len(value), fmt.Sprintf("value of %d bytes with U+FFFD for what is no UTF-8 is too large", len(value)))
	}
	parts := cut(value, p.s.cfg.MaxMessageBytes)
	if p.pending.full(len(value), len(parts), timestamp) {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if p.pending.records == 0 {
		p.pending.grow(len(value) + len(parts))
	}
	for _, part := range parts {
		if err := p.pending.b.Append(timestamp, part); err != nil {
			return err
		}
	}
	p.pending.added(offset, timestamp, len(value))
	return nil
}

// cut cuts valid UTF-8 into parts of at most size bytes, between characters.
func cut(value []byte, size int) [][]byte {
	var parts [][]byte
	for len(value) > size {
		end := size
		for !utf8.RuneStart(value[end]) {
			end--
		}
		parts = append(parts, value[:end])
		value = value[end:]
	}
	return append(parts, value)
}

// timeOf is a record's own time in ms; records of before time stamps take the
// clock's.
func (p *partition) timeOf(r *protocol.Record) int64 {
	if at := r.Time.UnixMilli(); at >= 0 {
		return at
	}
	return p.s.links.Clock.Now().UnixMilli()
}

// timeIn is the event's time.
func (p *partition) timeIn(value []byte, r *protocol.Record) int64 {
	if p.s.time != nil {
		if at, err := p.s.time.find(value); err == nil {
			return at
		}
	}
	return p.timeOf(r)
}

// flush appends the batch at hand to the log and moves on behind it.
func (p *partition) flush(ctx context.Context) error {
	q := &p.pending
	if q.records == 0 {
		return nil
	}
	events := q.b.Len()
	if err := p.store(ctx, q.b, q.next, p.group, p.stream); err != nil {
		return err
	}
	p.s.counts.stored.Add(int64(q.records))
	p.s.counts.bytes.Add(int64(q.bytes))
	p.s.counts.events.Add(int64(events))
	q.reset()
	p.advance(q.next)
	return nil
}

// store appends the builder's events as one batch whose origin ends at next. It
// returns when they are durable. While the log takes nothing it waits: nothing is
// fetched meanwhile.
func (p *partition) store(ctx context.Context, b *event.Builder, next int64, group, stream string) error {
	t, err := p.s.resolve(group, stream)
	if err != nil {
		return err
	}
	batch, err := b.Seal(event.Header{
		Ingested: p.s.links.Clock.Now().UnixMilli(), Request: requests.Anonymous(), GroupUID: t.group.UID, StreamUID: t.stream.UID,
		Origin: event.Position{Shard: uint32(p.id), Number: uint64(next)},
	}, event.Source{Account: p.s.cfg.Scope.Account, Region: p.s.cfg.Scope.Region, LogGroup: t.group.Name, LogStream: t.stream.Name})
	if err != nil {
		return err
	}
	for pause := minBackoff; ; pause = min(2*pause, maxBackoff) {
		if err = p.m.prove(); err == nil {
			err = p.append(ctx, batch)
		}
		if err == nil {
			break
		}
		if isFenced(err) || ctx.Err() != nil {
			return err
		}
		if p.be(Waiting) {
			p.log.Warn("kafka partition waits: the log takes nothing", "error", err)
		}
		if err := p.s.clock.Sleep(ctx, pause); err != nil {
			return err
		}
	}
	p.be(Reading)
	if p.s.cfg.Received != nil {
		p.s.cfg.Received(batch.Len())
	}
	return nil
}

// appendGrace is how long an append goes on when the generation has ended: what
// is on its way to the disk is better known than guessed.
const appendGrace = 3 * time.Second

func (p *partition) append(ctx context.Context, batch event.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if p.s.clock.Sleep(late, appendGrace) == nil {
			cancel()
		}
	})()
	_, err := p.s.links.Appender.Append(late, batch)
	return err
}
