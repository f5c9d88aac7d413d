package kinesis

import (
	"context"
	"strconv"
	"sync"

	"sluice/internal/awsapi"
	"sluice/stream/embedded"
)

// PutRecords puts up to 500 records into a stream.
//
// Behaviour: every record that got a sequence number is durable when the call
// returns, and those of one shard are in the order of the request; the others have
// ErrorCode and ErrorMessage, in the same places: under AWS's limits, or when a shard
// of the log takes nothing. One that can never be put fails the request, before any
// is.
//
// Limits: those of PutRecord for each record; 500 records, 10 MiB together. A request
// in JSON that large needs a higher http.max_body_bytes.
func (r *Room) putRecords() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "PutRecords", r.putAll)
}

type putRecordsInput struct {
	target
	Records []recordEntry
}

// putRecordsOutput writes itself: 500 entries are most of what a request costs.
type putRecordsOutput struct {
	stream *Stream
	failed int
	taken  []taken // in the order of the request
}

// taken is what became of a record.
type taken struct {
	shard  uint32
	at     place
	failed *awsapi.Error
}

const (
	mostRecords   = 500
	mostPutBytes  = 10 << 20
	recordsAnswer = 128 // bytes an entry takes, roughly
)

func (in *putRecordsInput) validate(v *awsapi.Validation) {
	v.NotNull("records", in.Records != nil)
	if n := len(in.Records); in.Records != nil && (n == 0 || n > mostRecords) {
		v.ListLength("records", "[...]", n, 1, mostRecords)
		return
	}
	for i := range in.Records {
		e := &in.Records[i]
		if e.Data != nil && len(e.Data) <= mostData && e.PartitionKey != nil && len(*e.PartitionKey) > 0 && len(*e.PartitionKey) <= mostKey && e.ExplicitHashKey == nil {
			continue // as nearly all are
		}
		e.validate(v, "records."+strconv.Itoa(i+1)+".member.")
	}
}

func (r *Room) putAll(ctx context.Context, c awsapi.Caller, in *putRecordsInput) (*putRecordsOutput, error) {
	v := awsapi.KinesisValidation()
	in.validate(v)
	s, err := r.find(c, in.target, v)
	if err != nil {
		return nil, err
	}
	records, size := make([]incoming, len(in.Records)), 0
	for i := range in.Records {
		if records[i], err = r.incoming(&s, i, &in.Records[i]); err != nil {
			return nil, err
		}
		size += len(in.Records[i].Data) + len(*in.Records[i].PartitionKey)
	}
	if size > mostPutBytes {
		return nil, awsapi.InvalidArgument("Records size exceeds 10 MB limit")
	}
	out := &putRecordsOutput{stream: &s, taken: make([]taken, len(records))}
	records = r.admit(c, &s, records, out)
	byShard(records)
	r.appendAll(ctx, c, &s, frames(records), out)
	for i := range out.taken {
		if out.taken[i].failed != nil {
			out.failed++
		}
	}
	return out, nil
}

// admit leaves out what shards do not take for now.
func (r *Room) admit(c awsapi.Caller, s *Stream, records []incoming, out *putRecordsOutput) []incoming {
	if r.rates == nil {
		return records
	}
	admitted := records[:0]
	for _, in := range records {
		if !r.rates.write(s.UID, in.record.Shard, len(in.record.Data)+len(in.record.Key)) {
			out.taken[in.index].failed = throughputExceeded(c, s, &s.Shards[in.record.Shard])
			continue
		}
		admitted = append(admitted, in)
	}
	return admitted
}

// appendAll appends frames, side by side where they go to several shards of the log:
// each waits for its disk.
func (r *Room) appendAll(ctx context.Context, c awsapi.Caller, s *Stream, all []frame, out *putRecordsOutput) {
	var rest sync.WaitGroup
	for i, f := range all {
		put := func() {
			err := r.append(ctx, s, f, nil, embedded.Mark{}, func(in *incoming, p place) {
				out.taken[in.index] = taken{shard: in.record.Shard, at: p}
			})
			if err == nil {
				return
			}
			for _, in := range f.records {
				out.taken[in.index].failed = r.refusal(ctx, c, s, &s.Shards[in.record.Shard], err)
			}
		}
		if i == len(all)-1 {
			put()
		} else {
			rest.Go(put)
		}
	}
	rest.Wait()
}
