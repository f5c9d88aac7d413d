package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"

	"sluice/internal/event"
)

func isFenced(err error) bool { return errors.Is(err, errFenced) }

// aside is the message of an event in QuarantineGroup.
type aside struct {
	Source    string `json:"source"`
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	// Last is the last offset put aside, when it is not one record alone.
	Last   int64  `json:"lastOffset,omitempty"`
	Reason string `json:"reason"`
	Bytes  int    `json:"bytes,omitempty"`
	// Value is the first bytes, in base64.
	Value []byte `json:"value,omitempty"`
}

// quarantine puts a record aside.
func (p *partition) quarantine(ctx context.Context, r *protocol.Record, size int, reason string) error {
	head := make([]byte, min(size, p.s.cfg.QuarantineBytes))
	if _, err := io.ReadFull(r.Value, head); err != nil {
		return fmt.Errorf("read value at offset %d: %w", r.Offset, err)
	}
	return p.quarantineBytes(ctx, r.Offset, p.timeOf(r), head, size, reason)
}

func (p *partition) quarantineBytes(ctx context.Context, offset, timestamp int64, head []byte, size int, reason string) error {
	head = head[:min(len(head), p.s.cfg.QuarantineBytes)]
	return p.putAside(ctx, timestamp, offset+1, aside{Offset: offset, Reason: reason, Bytes: size, Value: head})
}

// putAside stores a quarantine event that covers the offsets below next. What was
// read before goes into the log first, so that a mark of either log stream covers
// everything below it.
func (p *partition) putAside(ctx context.Context, timestamp, next int64, a aside) error {
	if err := p.flush(ctx); err != nil {
		return err
	}
	a.Source, a.Topic, a.Partition = p.s.cfg.Name, p.topic, p.id
	message, err := json.Marshal(a)
	if err != nil {
		return err
	}
	b := event.GetBuilder(len(message) + 1)
	defer b.Release()
	if err := b.Append(timestamp, message); err != nil {
		return err
	}
	if err := p.store(ctx, b, next, QuarantineGroup, p.aside); err != nil {
		return err
	}
	p.s.counts.quarantined.Add(1)
	p.log.Warn("kafka record put aside", "offset", a.Offset, "reason", a.Reason, "log_group", QuarantineGroup, "log_stream", p.aside)
	p.advance(next)
	return nil
}

// passPoison gets around a batch that cannot be decoded. It is one only if the
// broker answers, and later batches can be decoded: otherwise nothing is passed.
func (p *partition) passPoison(ctx context.Context, cause error) error {
	from := p.at()
	_, end, err := p.m.c.Bounds(ctx, p.topic, p.id)
	if err != nil {
		return cause
	}
	good := func(at int64) bool {
		page, err := p.m.c.Fetch(ctx, p.topic, p.id, at, minFetch)
		page.Discard()
		return err == nil
	}
	next := firstGood(from, end, good)
	if next < 0 || good(from) {
		return cause
	}
	now := p.s.links.Clock.Now().UnixMilli()
	return p.putAside(ctx, now, next, aside{Offset: from, Last: next - 1, Reason: "batch cannot be decoded: " + cause.Error()})
}

// firstGood finds the first good offset in (bad, end], -1 if end is not good: bad
// ones are the offsets of one batch. It asks about twice the logarithm of their
// number.
func firstGood(bad, end int64, good func(at int64) bool) int64 {
	low, high := bad, end
	for step := int64(1); low+step < end; step *= 2 {
		if good(low + step) {
			high = low + step
			break
		}
		low += step
	}
	if high == end && !good(end) {
		return -1
	}
	for high-low > 1 {
		if middle := low + (high-low)/2; good(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
