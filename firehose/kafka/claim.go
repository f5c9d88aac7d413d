package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"sluice/firehose"
)

// claim is a partition in one generation.
type claim struct {
	m         *member
	partition int
	expel     func()

	record firehose.Record // at hand
	value  []byte
	filter string
}

// Part implements firehose.Claim: <topic>-<partition>.
func (c *claim) Part() string { return c.m.g.cfg.Topic + "-" + strconv.Itoa(c.partition) }

// Committed implements firehose.Claim.
func (c *claim) Committed(ctx context.Context) (firehose.Committed, error) {
	g := &c.m.g.cfg
	res, err := c.m.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: g.GroupID, Topics: map[string][]int{g.Topic: {c.partition}}})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return firehose.Committed{}, fmt.Errorf("fetch offset: %w", err)
	}
	for _, p := range res.Topics[g.Topic] {
		switch {
		case p.Partition != c.partition:
		case p.Error != nil:
			return firehose.Committed{}, fmt.Errorf("fetch offset: %w", p.Error)
		case p.CommittedOffset < 0:
			return firehose.Committed{}, nil
		default:
			return firehose.Committed{Known: true, Place: firehose.Place{Number: uint64(p.CommittedOffset)}, Note: p.Metadata}, nil
		}
	}
	return firehose.Committed{}, errors.New("fetch offset: answer without the partition")
}

// Start implements firehose.Claim.
func (c *claim) Start(ctx context.Context) (firehose.Place, error) {
	g := &c.m.g.cfg
	first, end, err := c.m.client.Bounds(ctx, g.Topic, c.partition)
	if err != nil || g.Start.IsZero() {
		return firehose.Place{Number: uint64(max(first, 0))}, err
	}
	res, err := c.m.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{g.Topic: {kafka.TimeOffsetOf(c.partition, g.Start)}},
	})
	if err != nil {
		return firehose.Place{}, fmt.Errorf("list offsets: %w", err)
	}
	for _, p := range res.Topics[g.Topic] {
		if p.Partition != c.partition {
			continue
		}
		if p.Error != nil {
			return firehose.Place{}, fmt.Errorf("list offsets: %w", p.Error)
		}
		at := end // nothing is that young
		for offset := range p.Offsets {
			if offset >= 0 {
				at = offset
			}
		}
		return firehose.Place{Number: uint64(at)}, nil
	}
	return firehose.Place{}, errors.New("list offsets: answer without the partition")
}

// Commit implements firehose.Claim.
func (c *claim) Commit(ctx context.Context, to firehose.Committed) error {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	g, generation := &c.m.g.cfg, c.m.generation
	res, err := c.m.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: generation.GroupID, GenerationID: int(generation.ID), MemberID: generation.MemberID,
		Topics: map[string][]kafka.OffsetCommit{g.Topic: {{Partition: c.partition, Offset: int64(to.Place.Number), Metadata: to.Note}}},
	})
	if err != nil {
		return fmt.Errorf("commit offset: %w", err)
	}
	for _, p := range res.Topics[g.Topic] {
		switch {
		case p.Partition != c.partition:
		case p.Error == nil:
			return nil
		case expelled(p.Error):
			c.expel()
			return fmt.Errorf("commit offset: %w: %w", firehose.ErrLost, p.Error)
		case errors.Is(p.Error, kafka.OffsetMetadataTooLarge):
			return fmt.Errorf("commit offset: %w: %w", firehose.ErrNoteTooLong, p.Error)
		default:
			return fmt.Errorf("commit offset: %w", p.Error)
		}
	}
	return errors.New("commit offset: answer without the partition")
}

// expelled tells that the broker knows another generation, or not this member.
func expelled(err error) bool {
	return errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId) ||
		errors.Is(err, kafka.RebalanceInProgress) || errors.Is(err, kafka.FencedInstanceID)
}

// Fetch implements firehose.Claim.
func (c *claim) Fetch(ctx context.Context, from firehose.Place, maxBytes int, visit func(*firehose.Record) error) (firehose.Fetched, error) {
	at := int64(from.Number)
	page, err := c.m.client.Fetch(ctx, c.m.g.cfg.Topic, c.partition, at, maxBytes)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return firehose.Fetched{}, c.gap(ctx, from, err)
	}
	if err != nil {
		return firehose.Fetched{}, err
	}
	defer page.Discard()
	next, err := page.Each(at, func(r *protocol.Record) error {
		if r.Value == nil {
			return nil // a tombstone
		}
		if err := c.read(r); err != nil {
			return err
		}
		return visit(&c.record)
	})
	if err != nil {
		return firehose.Fetched{Next: from, End: uint64(max(page.End, 0))}, err
	}
	if next == at && !page.Empty() {
		next++ // compaction left nothing up to the end of this batch
	}
	return firehose.Fetched{Next: firehose.Place{Number: uint64(next)}, End: uint64(max(page.End, 0))}, nil
}

// read has the record at hand.
func (c *claim) read(r *protocol.Record) error {
	n := r.Value.Len()
	if cap(c.value) < n {
		c.value = make([]byte, max(n, 2*cap(c.value)))
	}
	c.value = c.value[:n]
	if _, err := io.ReadFull(r.Value, c.value); err != nil {
		return fmt.Errorf("read value at offset %d: %w", r.Offset, err)
	}
	c.record = firehose.Record{
		Place: firehose.Place{Number: uint64(r.Offset) + 1}, Number: uint64(r.Offset), Arrived: r.Time.UnixMilli(), Value: c.value,
	}
	for _, h := range r.Headers {
		switch h.Key {
		case originHeader:
			c.record.Key, c.record.Batch = parseOrigin(h.Value)
		case filterHeader:
			if c.filter != string(h.Value) {
				c.filter = string(h.Value)
			}
			c.record.Filter = c.filter
		}
	}
	return nil
}

// gap tells what there is in place of an offset that is gone.
func (c *claim) gap(ctx context.Context, from firehose.Place, why error) error {
	first, end, err := c.m.client.Bounds(ctx, c.m.g.cfg.Topic, c.partition)
	if err != nil {
		return err
	}
	at := int64(from.Number)
	switch {
	case first <= at && at <= end:
		return fmt.Errorf("offset %d is out of range at one broker and not at another: %w", at, why)
	case at > end:
		return &firehose.GapError{From: from}
	}
	return &firehose.GapError{From: from, First: firehose.Place{Number: uint64(first)}}
}
