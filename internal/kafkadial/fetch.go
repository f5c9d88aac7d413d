package kafkadial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

const (
	// maxWait is how long a broker holds a fetch without records. They end it at once,
	// so a long wait costs nobody anything who keeps no memory for them, and short ones
	// cost both sides processor time for each partition in which nothing happens.
	maxWait        = 5 * time.Second
	requestTimeout = 10 * time.Second // for an answer to any request
	readCommitted  = 1
)

// Client sends requests to one cluster. kafka-go's own Client leaves out what
// tells aborted transactions from committed ones, so fetches are made here.
type Client struct {
	kafka.Client
	transport *watchful
}

// Client returns a client over connections of its own, which learns within ttl
// when the leader of one of the topics moved, once a request has failed.
func (c *Cluster) Client(ttl time.Duration, topics ...string) *Client {
	t := &watchful{calm: c.Transport(max(ttl, calmTTL), topics...), alert: c.Transport(ttl, topics...)}
	return &Client{Client: kafka.Client{Addr: c.Addr(), Timeout: requestTimeout, Transport: t}, transport: t}
}

// Close closes the connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Page is the answer to one fetch. Its records live until the next fetch.
type Page struct {
	sets    []protocol.RecordReader
	aborted []fetch.ResponseTransaction
	// End is the first offset that the partition does not have yet, the high
	// watermark: lag counts what lies behind an open transaction, too.
	End int64
}

// Fetch asks for the records of a partition from an offset on, at most maxBytes of
// them, or one batch if that is larger.
func (c *Client) Fetch(ctx context.Context, topic string, partition int, from int64, maxBytes int) (Page, error) {
	return c.FetchWithin(ctx, maxWait, topic, partition, from, maxBytes)
}

// FetchWithin is Fetch for somebody who does not want to wait so long for records: he
// keeps memory for them that others could use.
func (c *Client) FetchWithin(ctx context.Context, wait time.Duration, topic string, partition int, from int64, maxBytes int) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := c.transport.RoundTrip(ctx, c.Addr, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(min(wait, maxWait).Milliseconds()), MinBytes: 1, MaxBytes: int32(maxBytes),
		IsolationLevel: readCommitted, SessionID: -1, SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(partition), CurrentLeaderEpoch: -1, FetchOffset: from, LogStartOffset: -1, PartitionMaxBytes: int32(maxBytes),
		}}}},
	})
	if err != nil {
		return Page{}, fmt.Errorf("fetch: %w", err)
	}
	res, ok := answer.(*fetch.Response)
	if !ok || res.ErrorCode == 0 && (len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1) {
		return Page{}, errors.New("fetch: answer without the partition")
	}
	if res.ErrorCode != 0 {
		return Page{}, fmt.Errorf("fetch: %w", kafka.Error(res.ErrorCode))
	}
	p := &res.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return Page{}, fmt.Errorf("fetch: %w", kafka.Error(p.ErrorCode))
	}
	out := Page{aborted: p.AbortedTransactions, End: p.HighWatermark}
	switch records := p.RecordSet.Records.(type) {
	case nil:
	case *protocol.RecordStream:
		out.sets = records.Records
	default:
		out.sets = []protocol.RecordReader{records}
	}
	return out, nil
}

// Each visits the committed records from an offset on, in order. next is the
// offset to go on from: after the last record that was visited or that is no
// message, from if there was none. A record's key and value are closed after the
// visit.
func (p *Page) Each(from int64, visit func(r *protocol.Record) error) (next int64, err error) {
	return p.EachBatch(from, visit, func() error { return nil })
}

// EachBatch is Each that also tells where the record batches end that producers
// made: they are the same in every fetch, whoever makes it and from wherever.
func (p *Page) EachBatch(from int64, visit func(r *protocol.Record) error, ended func() error) (next int64, err error) {
	next = from
	open := map[int64]bool{} // producers inside an aborted transaction
	for _, set := range p.sets {
		control, isControl := set.(*protocol.ControlBatch)
		hide := false
		if batch, ok := set.(*protocol.RecordBatch); ok && batch.Attributes.Transactional() {
			p.aborts(batch.BaseOffset, open)
			hide = open[batch.ProducerID]
		}
		for {
			r, err := set.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return next, err
			}
			switch {
			case isControl:
				if marker, err := protocol.ReadControlRecord(r); err == nil && marker.Type == abortMarker {
					delete(open, control.ProducerID)
				}
			case r.Offset >= from && !hide:
				err = visit(r)
			}
			closeRecord(r)
			if err != nil {
				return next, err
			}
			next = max(next, r.Offset+1)
		}
		if err := ended(); err != nil {
			return next, err
		}
	}
	return next, nil
}

const abortMarker = 0

// aborts opens the aborted transactions that begin at or before an offset.
func (p *Page) aborts(base int64, open map[int64]bool) {
	rest := p.aborted[:0]
	for _, a := range p.aborted {
		if a.FirstOffset <= base {
			open[a.ProducerID] = true
		} else {
			rest = append(rest, a)
		}
	}
	p.aborted = rest
}

// Empty tells whether the answer holds nothing, not even records that Each hides.
func (p *Page) Empty() bool { return len(p.sets) == 0 }

// closeRecord gives a record's memory back to the client.
func closeRecord(r *protocol.Record) {
	if r.Key != nil {
		r.Key.Close()
	}
	if r.Value != nil {
		r.Value.Close()
	}
}

// Discard gives back the memory of records that nobody reads.
func (p *Page) Discard() {
	for _, set := range p.sets {
		for {
			r, err := set.ReadRecord()
			if err != nil {
				break
			}
			closeRecord(r)
		}
	}
	p.sets = nil
}

// Bounds asks for the first offset of a partition and the one after its last.
func (c *Client) Bounds(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("list offsets: %w", err)
	}
	for _, p := range res.Topics[topic] {
		if p.Partition == partition {
			if p.Error != nil {
				return 0, 0, fmt.Errorf("list offsets: %w", p.Error)
			}
			return p.FirstOffset, p.LastOffset, nil
		}
	}
	return 0, 0, errors.New("list offsets: answer without the partition")
}
