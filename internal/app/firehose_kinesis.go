package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/cespare/xxhash/v2"

	"sluice/firehose"
	"sluice/stream/kinesis"
)

// kinesisGroup shares the shards of a Kinesis stream by leases. A position is the
// number of a record since the shard was first read, which is the same for whoever
// counts; where that is in the shard is a token: a kinesis.Position, and when the
// record behind it arrived.
type kinesisGroup struct {
	cfg kinesis.LeasesConfig
}

// Run implements firehose.Group.
func (g *kinesisGroup) Run(ctx context.Context, serve func(context.Context, firehose.Claim)) {
	leases, err := kinesis.NewLeases(g.cfg)
	if err != nil { // it was checked when the group was opened
		g.cfg.Logger.Error("kinesis source is not read", "error", err)
		<-ctx.Done()
		return
	}
	_ = leases.Run(ctx, func(ctx context.Context, lease *kinesis.Lease) error { // its error is ctx's
		serve(ctx, &kinesisClaim{cfg: g.cfg, lease: lease})
		if lease.Checkpoint().Position == kinesis.End {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	})
}

// kinesisClaim is a shard under a lease.
type kinesisClaim struct {
	cfg   kinesis.LeasesConfig
	lease *kinesis.Lease

	reader *kinesis.Reader // at next; of the goroutine that fetches
	next   firehose.Place
	record firehose.Record

	mu        sync.Mutex // guards committed
	committed firehose.Place
}

// Part implements firehose.Claim.
func (c *kinesisClaim) Part() string { return c.lease.Shard() }

// Committed implements firehose.Claim.
func (c *kinesisClaim) Committed(context.Context) (firehose.Committed, error) {
	at := c.lease.Checkpoint()
	if at.Intent == "" {
		return firehose.Committed{}, nil
	}
	return firehose.Committed{Known: true, Place: firehose.Place{Token: kinesisToken(at.Position, at.Until)}, Note: at.Intent}, nil
}

// Start implements firehose.Claim: where the lease was made.
func (c *kinesisClaim) Start(context.Context) (firehose.Place, error) {
	at := c.lease.Checkpoint()
	return firehose.Place{Token: kinesisToken(at.Position, at.Until)}, nil
}

// Commit implements firehose.Claim.
func (c *kinesisClaim) Commit(ctx context.Context, to firehose.Committed) error {
	position, until, err := parseKinesisToken(to.Place.Token)
	if err != nil {
		return err
	}
	err = c.lease.Update(ctx, kinesis.Checkpoint{Position: position, Until: until, Intent: to.Note})
	if errors.Is(err, kinesis.ErrFenced) {
		return fmt.Errorf("%w: %w", firehose.ErrLost, err)
	}
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.committed = to.Place
	}
	return err
}

// Fetch implements firehose.Claim. A page is what the service gives, whatever is
// asked for.
func (c *kinesisClaim) Fetch(ctx context.Context, from firehose.Place, _ int, visit func(*firehose.Record) error) (firehose.Fetched, error) {
	position, until, err := parseKinesisToken(from.Token)
	if err != nil {
		return firehose.Fetched{}, err
	}
	if position == kinesis.End {
		return firehose.Fetched{Next: from, End: from.Number, Last: true}, nil
	}
	if c.reader == nil || c.next != from {
		c.reader = kinesis.NewReader(kinesis.ReaderConfig{Client: c.cfg.Client, Stream: c.cfg.Stream, Shard: c.lease.Shard()},
			kinesis.Checkpoint{Position: position, Until: until})
		c.next = from
	}
	page, err := c.reader.Next(ctx)
	var gap *kinesis.GapError
	if errors.As(err, &gap) {
		c.reader = nil
		c.cfg.Logger.Error("kinesis records may be lost", "shard", gap.Shard, "position", string(gap.Position), "why", gap.Why)
		return firehose.Fetched{}, &firehose.GapError{From: from, First: firehose.Place{Number: from.Number + 1, Token: kinesisToken(gap.Resume, 0)}}
	}
	if err != nil {
		return firehose.Fetched{}, err
	}
	next := from
	for i := range page.Records {
		if err := c.take(page, i, &next, visit); err != nil {
			c.reader = nil // these come again
			return firehose.Fetched{Next: from, End: from.Number, Behind: page.Behind}, err
		}
	}
	if page.Position == kinesis.End {
		next.Token = kinesisToken(kinesis.End, 0)
	} else if len(page.Records) == 0 && c.done(from) {
		c.lease.Idle(page.Until)
	}
	c.next = next
	return firehose.Fetched{Next: next, End: next.Number, Behind: page.Behind, Last: page.Position == kinesis.End}, nil
}

// done tells whether all before a place is delivered.
func (c *kinesisClaim) done(at firehose.Place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.committed.Number == at.Number
}

// take visits a record of a page, and moves next behind it.
func (c *kinesisClaim) take(page kinesis.Page, i int, next *firehose.Place, visit func(*firehose.Record) error) error {
	r := &page.Records[i]
	arrived := aws.ToTime(r.ApproximateArrivalTimestamp).UnixMilli()
	at := firehose.Place{Number: next.Number + 1, Token: kinesisToken(kinesis.After(aws.ToString(r.SequenceNumber)), arrived)}
	c.record = firehose.Record{Place: at, Number: next.Number, Arrived: arrived, Value: r.Data}
	if d, err := kinesis.Decode(r.Data); err == nil && d.Payload == kinesis.Batch { // else it is delivered as what it is
		c.record.Value, c.record.Batch, c.record.Filter = d.Batch.Record(), true, d.Filter
		c.record.Key = firehose.Key{
			Stream: d.Origin.Stream, Shard: d.Origin.Shard, First: d.Origin.First, Part: d.Origin.Part, Lane: xxhash.Sum64String(aws.ToString(r.PartitionKey)),
		}
	}
	if err := visit(&c.record); err != nil {
		return err
	}
	*next = at
	return nil
}

const trimHorizon = "trim"

// kinesisToken is a position as a token; until is ms, 0 for unknown.
func kinesisToken(p kinesis.Position, until int64) string {
	text := string(p)
	if p == kinesis.TrimHorizon {
		text = trimHorizon
	}
	if until > 0 {
		text += "/" + strconv.FormatInt(until, 10)
	}
	return text
}

func parseKinesisToken(token string) (p kinesis.Position, until int64, err error) {
	text, at, timed := strings.Cut(token, "/")
	if timed {
		if until, err = strconv.ParseInt(at, 10, 64); err != nil {
			return "", 0, fmt.Errorf("place %q is none of a shard", token)
		}
	}
	if text != trimHorizon {
		p = kinesis.Position(text)
	}
	if text == "" || !p.Valid() {
		return "", 0, fmt.Errorf("place %q is none of a shard", token)
	}
	return p, until, nil
}
