package kinesistest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// ListShards implements the operation, two shards a page.
func (f *Fake) ListShards(ctx context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	return call(f, ctx, "ListShards", func() (*kinesis.ListShardsOutput, error) {
		const page = 2
		from := 0
		if in.NextToken != nil {
			if in.StreamName != nil || in.StreamARN != nil {
				return nil, &types.InvalidArgumentException{Message: aws.String("NextToken and a stream")}
			}
			if _, err := fmt.Sscan(*in.NextToken, &from); err != nil {
				return nil, err
			}
		}
		out := &kinesis.ListShardsOutput{}
		for i := from; i < len(f.shards) && i < from+page; i++ {
			out.Shards = append(out.Shards, f.shards[i].describe())
		}
		if from+page < len(f.shards) {
			out.NextToken = aws.String(fmt.Sprint(from + page))
		}
		return out, nil
	})
}

func (s *shard) describe() types.Shard {
	d := types.Shard{
		ShardId:             &s.id,
		HashKeyRange:        &types.HashKeyRange{StartingHashKey: aws.String(s.from.String()), EndingHashKey: aws.String(s.to.String())},
		SequenceNumberRange: &types.SequenceNumberRange{StartingSequenceNumber: &s.first},
	}
	if len(s.parents) > 0 {
		d.ParentShardId = &s.parents[0]
	}
	if len(s.parents) > 1 {
		d.AdjacentParentShardId = &s.parents[1]
	}
	return d
}

// DescribeStreamSummary implements the operation.
func (f *Fake) DescribeStreamSummary(ctx context.Context, _ *kinesis.DescribeStreamSummaryInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	return call(f, ctx, "DescribeStreamSummary", func() (*kinesis.DescribeStreamSummaryOutput, error) {
		return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &types.StreamDescriptionSummary{
			RetentionPeriodHours: aws.Int32(f.retention()), OpenShardCount: aws.Int32(int32(len(f.shards))), StreamStatus: types.StreamStatusActive,
		}}, nil
	})
}

func (f *Fake) retention() int32 {
	if f.RetentionHours == 0 {
		return 24
	}
	return f.RetentionHours
}

// expire drops the records that are older than the retention.
func (f *Fake) expire(s *shard) {
	oldest := f.clock.Now().Add(-time.Duration(f.retention()) * time.Hour)
	for s.trimmed < len(s.records) && s.records[s.trimmed].ApproximateArrivalTimestamp.Before(oldest) {
		s.trimmed++
	}
}

// GetShardIterator implements the operation. As AWS's, it knows nothing of
// records that were trimmed.
func (f *Fake) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	return call(f, ctx, "GetShardIterator", func() (*kinesis.GetShardIteratorOutput, error) {
		s := f.find(aws.ToString(in.ShardId))
		if s == nil {
			return nil, &types.ResourceNotFoundException{Message: aws.String("Shard " + aws.ToString(in.ShardId) + " does not exist")}
		}
		at, sequence := 0, aws.ToString(in.StartingSequenceNumber)
		if sequence != "" && (len(sequence) != len(s.first) || sequence < s.first) {
			return nil, &types.InvalidArgumentException{Message: aws.String("StartingSequenceNumber is invalid")}
		}
		switch in.ShardIteratorType {
		case types.ShardIteratorTypeLatest:
			at = len(s.records)
		case types.ShardIteratorTypeAtTimestamp:
			at = index(s, func(r types.Record) bool { return !r.ApproximateArrivalTimestamp.Before(*in.Timestamp) })
		case types.ShardIteratorTypeAtSequenceNumber:
			at = index(s, func(r types.Record) bool { return *r.SequenceNumber >= sequence })
		case types.ShardIteratorTypeAfterSequenceNumber:
			at = index(s, func(r types.Record) bool { return *r.SequenceNumber > sequence })
		}
		return &kinesis.GetShardIteratorOutput{ShardIterator: f.iterator(s, at)}, nil
	})
}

func index(s *shard, is func(types.Record) bool) int {
	if i := slices.IndexFunc(s.records, is); i >= 0 {
		return i
	}
	return len(s.records)
}

func (f *Fake) iterator(s *shard, at int) *string {
	return aws.String(fmt.Sprintf("%d %d %d %s", f.epoch, f.clock.Now().UnixMilli(), at, s.id))
}

// GetRecords implements the operation.
func (f *Fake) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	return call(f, ctx, "GetRecords", func() (*kinesis.GetRecordsOutput, error) {
		var epoch, at int
		var made int64
		var id string
		if _, err := fmt.Sscan(aws.ToString(in.ShardIterator), &epoch, &made, &at, &id); err != nil {
			return nil, &types.InvalidArgumentException{Message: aws.String("Invalid ShardIterator.")}
		}
		now := f.clock.Now()
		if epoch != f.epoch || now.Sub(time.UnixMilli(made)) > 5*time.Minute {
			return nil, &types.ExpiredIteratorException{Message: aws.String("Iterator expired.")}
		}
		s := f.find(id)
		if s == nil {
			return nil, &types.ResourceNotFoundException{Message: aws.String("Shard " + id + " does not exist")}
		}
		f.expire(s)
		at = max(at, s.trimmed)
		out := &kinesis.GetRecordsOutput{MillisBehindLatest: aws.Int64(0)}
		limit, size := 10_000, 0
		if in.Limit != nil {
			limit = int(*in.Limit)
		}
		for at < len(s.records) && len(out.Records) < limit && (size == 0 || size+len(s.records[at].Data) <= f.pageBytes()) {
			size += len(s.records[at].Data)
			out.Records = append(out.Records, s.records[at])
			at++
		}
		if at < len(s.records) {
			*out.MillisBehindLatest = now.Sub(*s.records[at].ApproximateArrivalTimestamp).Milliseconds()
		}
		if !s.closed || at < len(s.records) {
			out.NextShardIterator = f.iterator(s, at)
			return out, nil
		}
		for _, c := range f.shards {
			if slices.Contains(c.parents, s.id) {
				out.ChildShards = append(out.ChildShards, types.ChildShard{ShardId: &c.id, ParentShards: c.parents})
			}
		}
		return out, nil
	})
}

func (f *Fake) pageBytes() int {
	if f.PageBytes == 0 {
		return 10 << 20
	}
	return f.PageBytes
}

// String lists the shards and how many records each has.
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, s := range f.shards {
		fmt.Fprintf(&b, "%s %v: %d records, %d trimmed, closed %t\n", s.id, s.parents, len(s.records), s.trimmed, s.closed)
	}
	return b.String()
}
