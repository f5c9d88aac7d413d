package kinesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// maxEntries is how many records PutRecords takes.
const maxEntries = 500

// sender writes the records of some partition keys. PutRecords stores the records
// of one request independently and in any order, so a request has at most one of a
// key, and a record that failed holds the later ones of its key back, but nothing
// else.
type sender struct {
	*Producer
	queues map[string]*queue
	order  []*queue // those with records left, in the order in which they get their turn
}

// queue is the records of one partition key that are not written yet.
type queue struct {
	records []*outgoing
	pause   time.Duration // after the next failure of the first
	due     time.Time     // of the next try, after a failure
}

const (
	putBackoff    = 50 * time.Millisecond
	maxPutBackoff = 5 * time.Second
)

func (s *sender) add(o *outgoing) {
	q := s.queues[o.key]
	if q == nil {
		q = &queue{pause: putBackoff}
		s.queues[o.key] = q
		s.order = append(s.order, q)
	}
	q.records = append(q.records, o)
}

// run returns when all is written or given up, or with the first error that does
// not pass.
func (s *sender) run(ctx context.Context) error {
	var last error // of a record, for whoever asks why ctx had to end it
	for len(s.order) > 0 {
		request, wait, err := s.gather(ctx)
		if err == nil && len(request) > 0 {
			var failed error
			if failed, err = s.put(ctx, request); failed != nil {
				last = failed
			}
		} else if err == nil && len(s.order) > 0 {
			err = s.clock.Sleep(ctx, wait)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("produce to %s: %w", s.cfg.Stream, errors.Join(ctx.Err(), last))
		}
		if err != nil {
			return fmt.Errorf("produce to %s: %w", s.cfg.Stream, err)
		}
	}
	return nil
}

// gather takes the first record of each key that may go now, as many as fit into a
// request. Without one it says how long the first of them has to wait.
func (s *sender) gather(ctx context.Context) (request []*queue, wait time.Duration, err error) {
	now, size := s.clock.Now(), 0
	wait = maxPutBackoff
	later := make([]*queue, 0, len(s.order)) // in their order, behind those of this request
	full := false
	for _, q := range s.order {
		if err := s.weed(ctx, q); err != nil {
			return nil, 0, err
		}
		if len(q.records) == 0 {
			continue
		}
		n := q.records[0].size()
		full = full || len(request) == maxEntries || size+n > s.cfg.MaxRequestBytes
		early := q.due.Sub(now)
		if !full && early <= 0 {
			early = s.pacer.wait(now, q.records[0].key, n)
		}
		if full || early > 0 {
			if early > 0 {
				wait = min(wait, early)
			}
			later = append(later, q)
			continue
		}
		request, size = append(request, q), size+n
	}
	s.order = append(later, request...)
	return request, wait, nil
}

// weed gives up the first records of a key while they can never be written.
func (s *sender) weed(ctx context.Context, q *queue) error {
	for len(q.records) > 0 {
		o := q.records[0]
		var why error
		switch {
		case o.size() > s.cfg.MaxRecordBytes:
			why = fmt.Errorf("%w: %d bytes", ErrTooLarge, o.size())
		case s.cfg.MaxAge > 0 && s.cfg.Clock.Now().Sub(time.UnixMilli(o.arrived)) > s.cfg.MaxAge && q.pause > putBackoff:
			why = ErrExpired
		default:
			return nil
		}
		if s.cfg.GiveUp == nil {
			return &PermanentError{o.origin, why}
		}
		if err := s.cfg.GiveUp(ctx, Undeliverable{Key: o.key, Data: o.value, Origin: o.origin, Err: why}); err != nil {
			return fmt.Errorf("give up a record: %w", err)
		}
		s.givenUp.Add(1)
		s.cfg.Logger.Warn("kinesis record given up", "stream", s.cfg.Stream, "key", o.key,
			"origin", o.origin.Stream, "shard", o.origin.Shard, "number", o.origin.First, "part", o.origin.Part, "why", why)
		q.next()
	}
	return nil
}

// next goes on to the next record of a key.
func (q *queue) next() {
	q.records[0] = nil
	q.records, q.pause, q.due = q.records[1:], putBackoff, time.Time{}
}

// put makes one request. failed is why a record of it has to be sent again; err
// does not pass.
func (s *sender) put(ctx context.Context, request []*queue) (failed, err error) {
	in := &kinesis.PutRecordsInput{StreamARN: s.stream.arn, StreamName: s.stream.name, Records: make([]types.PutRecordsRequestEntry, len(request))}
	for i, q := range request {
		in.Records[i] = types.PutRecordsRequestEntry{Data: q.records[0].value, PartitionKey: &q.records[0].key}
	}
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	s.requests.Add(1)
	out, err := s.cfg.Client.PutRecords(limited, in)
	now := s.clock.Now()
	if err == nil && len(out.Records) != len(request) {
		err = fmt.Errorf("put records: an answer about %d of %d records", len(out.Records), len(request))
	}
	if err != nil {
		if refused(err) {
			return err, &RefusedError{err}
		}
		for _, q := range request { // some may have been stored: they come twice then
			s.failed(now, q, throttled(err), err.Error())
		}
		return err, nil
	}
	for i, e := range out.Records {
		o := request[i].records[0]
		if c := aws.ToString(e.ErrorCode); c != "" {
			failed = fmt.Errorf("put records: %s: %s", c, aws.ToString(e.ErrorMessage))
			s.failed(now, request[i], c == "ProvisionedThroughputExceededException", aws.ToString(e.ErrorMessage))
			continue
		}
		s.pacer.went(now, o.key, aws.ToString(e.ShardId), o.size())
		s.records.Add(1)
		s.bytes.Add(int64(len(o.value)))
		request[i].next()
	}
	return failed, nil
}

// failed puts off the next try of a key.
func (s *sender) failed(now time.Time, q *queue, tooMuch bool, message string) {
	s.retries.Add(1)
	if tooMuch {
		s.throttled.Add(1)
		s.pacer.refused(now, q.records[0].key, message)
	}
	q.due = now.Add(q.pause/2 + rand.N(q.pause))
	q.pause = min(2*q.pause, maxPutBackoff)
}
