package kinesis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/clock"
)

// ReaderConfig is what a Reader reads. Client, Stream and Shard are required.
type ReaderConfig struct {
	Client ReadClient
	// Stream is the stream's ARN or name.
	Stream string
	Shard  string
	// MaxRecords bounds a page. Default 10,000, which is the most that AWS gives;
	// it gives at most 10 MiB, too.
	MaxRecords int
	// Interval is the least time between two requests; there is four times as much
	// behind a page that was empty. Default 250 ms: all consumers of a shard
	// together may make five a second.
	Interval time.Duration
}

// Page is what one request brought.
type Page struct {
	// Records are in the order of their sequence numbers; there may be none
	// though more are to come.
	Records []types.Record
	// Position is behind the last record, or End when the shard has no more.
	Position Position
	// Until is a time, ms: what arrived earlier was in this page or one before.
	Until int64
	// Behind is how far the page's end is from the newest record.
	Behind time.Duration
}

// GapError says that records behind Position may be gone unread. Going on is the
// owner's decision: from Resume, with an Until of 0.
type GapError struct {
	Shard            string
	Position, Resume Position
	Why              string
}

// Error says what is missing.
func (e *GapError) Error() string {
	return fmt.Sprintf("gap in %s behind position %q: %s", e.Shard, e.Position, e.Why)
}

// Reader reads a shard from a position on. It belongs to one goroutine; pages
// belong to the caller. After an error of Next, Next may be called again.
type Reader struct {
	cfg    ReaderConfig
	stream stream
	clock  clock.Machine

	position Position
	until    int64
	iterator *string
	due      time.Time // of the next request

	throttled atomic.Int64
}

// NewReader reads on behind a checkpoint.
func NewReader(cfg ReaderConfig, from Checkpoint) *Reader {
	if cfg.MaxRecords == 0 {
		cfg.MaxRecords = 10_000
	}
	if cfg.Interval == 0 {
		cfg.Interval = 250 * time.Millisecond
	}
	return &Reader{cfg: cfg, stream: newStream(cfg.Stream), position: from.Position, until: from.Until}
}

// Throttled is how many requests were refused for being too many.
func (r *Reader) Throttled() int64 { return r.throttled.Load() }

// Wait returns when the next request may be made. Next waits by itself: this is
// for those who take something for the page first.
func (r *Reader) Wait(ctx context.Context) error {
	return r.clock.Sleep(ctx, r.due.Sub(r.clock.Now()))
}

// Next makes one request, and as many more as throttling and expired iterators
// take. A *GapError says that records may be lost, and comes again until another
// Reader is made.
func (r *Reader) Next(ctx context.Context) (Page, error) {
	if r.position == End {
		return Page{Position: End, Until: r.until}, nil
	}
	for pause := r.cfg.Interval; ; pause = min(2*pause, maxBackoff) {
		if err := r.Wait(ctx); err != nil {
			return Page{}, err
		}
		page, err := r.next(ctx)
		switch {
		case err == nil:
			return page, nil
		case ctx.Err() != nil:
			return Page{}, ctx.Err()
		case throttled(err):
			r.throttled.Add(1)
			r.due = r.clock.Now().Add(pause)
		case code(err) == "ExpiredIteratorException": // it lives five minutes
			r.iterator = nil
		default:
			return Page{}, fmt.Errorf("read %s of %s: %w", r.cfg.Shard, r.cfg.Stream, err)
		}
	}
}

func (r *Reader) next(ctx context.Context) (Page, error) {
	if err := r.checkGap(ctx); err != nil {
		return Page{}, err
	}
	if r.iterator == nil {
		iterator, err := r.iterate(ctx)
		if err != nil {
			return Page{}, err
		}
		r.iterator = iterator
	}
	now := r.clock.Now()
	r.due = now.Add(r.cfg.Interval)
	limit := int32(r.cfg.MaxRecords)
	out, err := r.cfg.Client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: r.iterator, StreamARN: r.stream.arn, Limit: &limit})
	if err != nil {
		return Page{}, err
	}
	behind := time.Duration(aws.ToInt64(out.MillisBehindLatest)) * time.Millisecond
	r.until = max(r.until, now.Add(-behind).UnixMilli())
	if len(out.Records) == 0 && behind == 0 {
		r.due = now.Add(4 * r.cfg.Interval)
	}
	if n := len(out.Records); n > 0 {
		r.position = After(aws.ToString(out.Records[n-1].SequenceNumber))
	}
	r.iterator = out.NextShardIterator
	if r.iterator == nil {
		r.position = End
	}
	return Page{Records: out.Records, Position: r.position, Until: r.until, Behind: behind}, nil
}

// iterate gets an iterator at the position.
func (r *Reader) iterate(ctx context.Context) (*string, error) {
	in := r.iteratorInput(types.ShardIteratorTypeTrimHorizon)
	if t, ok := r.position.Time(); ok {
		in.ShardIteratorType, in.Timestamp = types.ShardIteratorTypeAtTimestamp, &t
	} else if sequence := r.position.Sequence(); sequence != "" {
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &sequence
	}
	out, err := r.cfg.Client.GetShardIterator(ctx, in)
	switch code(err) {
	case "":
		if err == nil {
			return out.ShardIterator, nil
		}
	case "ResourceNotFoundException":
		return nil, r.vanished(ctx, err)
	case "InvalidArgumentException":
		if r.position.Sequence() != "" {
			return nil, r.gap(TrimHorizon, "the stream does not know the position: "+err.Error())
		}
	}
	return nil, fmt.Errorf("get shard iterator: %w", err)
}

func (r *Reader) iteratorInput(kind types.ShardIteratorType) *kinesis.GetShardIteratorInput {
	return &kinesis.GetShardIteratorInput{
		StreamARN: r.stream.arn, StreamName: r.stream.name, ShardId: &r.cfg.Shard, ShardIteratorType: kind,
	}
}

func (r *Reader) gap(resume Position, why string) error {
	return &GapError{Shard: r.cfg.Shard, Position: r.position, Resume: resume, Why: why}
}

// vanished tells a shard that is gone from a stream that is.
func (r *Reader) vanished(ctx context.Context, why error) error {
	if _, err := r.cfg.Client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: r.stream.arn, StreamName: r.stream.name}); err != nil {
		return fmt.Errorf("get shard iterator: %w", errors.Join(why, err))
	}
	return r.gap(End, "the shard is gone, and was not read to its end")
}

// leastRetention is how long every stream keeps its records.
const leastRetention = 24 * time.Hour

// checkGap finds out whether the stream dropped records behind the position. AWS
// does not tell: reading on begins at the oldest record that is left. What arrived
// within the retention is there. If it is longer since all was read that had
// arrived, records may have come and gone, unless that at the position itself is
// still there.
func (r *Reader) checkGap(ctx context.Context) error {
	unread := r.clock.Now().Sub(time.UnixMilli(r.until))
	if r.until == 0 || unread < leastRetention {
		return nil
	}
	out, err := r.cfg.Client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: r.stream.arn, StreamName: r.stream.name})
	if err != nil {
		return fmt.Errorf("describe stream: %w", err)
	}
	retention := leastRetention
	if d := out.StreamDescriptionSummary; d != nil && d.RetentionPeriodHours != nil {
		retention = time.Duration(*d.RetentionPeriodHours) * time.Hour
	}
	if unread < retention {
		return nil
	}
	there, err := r.there(ctx)
	if err != nil || there {
		return err
	}
	return r.gap(TrimHorizon, fmt.Sprintf("it was read %v ago, and the stream keeps records for %v", unread.Round(time.Second), retention))
}

// there tells whether the stream still has the record of the position.
func (r *Reader) there(ctx context.Context) (bool, error) {
	sequence := r.position.Sequence()
	if sequence == "" {
		return false, nil
	}
	in := r.iteratorInput(types.ShardIteratorTypeAtSequenceNumber)
	in.StartingSequenceNumber = &sequence
	at, err := r.cfg.Client.GetShardIterator(ctx, in)
	switch code(err) {
	case "InvalidArgumentException", "ResourceNotFoundException":
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get shard iterator: %w", err)
	}
	limit := int32(1)
	out, err := r.cfg.Client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: at.ShardIterator, StreamARN: r.stream.arn, Limit: &limit})
	if err != nil {
		return false, err
	}
	return len(out.Records) > 0 && aws.ToString(out.Records[0].SequenceNumber) == sequence, nil
}
