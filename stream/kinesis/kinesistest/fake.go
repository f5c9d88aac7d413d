// Package kinesistest is a data stream in memory, for tests of what Kinesis does
// that servers at hand do not: refuse some records of a request, throttle shards,
// trim, lose answers, be away.
//
// What enters: the calls of an SDK client, as Go values or over HTTP (JSON 1.1).
// What leaves: answers of AWS's shape, and to the test what was stored. A Fake owns
// its records; nothing is durable. It reads the machine's clock, so that in a
// synctest bubble its time is the bubble's.
package kinesistest

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/clock"
)

// Fake is one stream, whatever name it is called by. Its exported fields are set
// before the first call.
type Fake struct {
	// ShardBytes is how many bytes a shard takes in a second; beyond it records
	// are refused one by one. Default unlimited.
	ShardBytes int
	// PageBytes bounds what GetRecords gives. Default 10 MiB.
	PageBytes int
	// RetentionHours is how long records stay. Default 24.
	RetentionHours int32
	// Before is called with an operation's name; its error is the answer.
	Before func(operation string) error
	// After is called when an operation was done; its error is the answer
	// nonetheless.
	After func(operation string) error
	// Refuse is called for each record; an error code that is not "" refuses it.
	Refuse func(partitionKey string) (code string)

	clock clock.Machine

	mu       sync.Mutex // guards the fields below
	shards   []*shard
	sequence int64
	away     chan struct{} // closed when an outage is over, nil without one
	epoch    int           // of iterators: those of before have expired
	calls    map[string]int
}

// shard is a range of the hash space.
type shard struct {
	id       string
	parents  []string
	from, to *big.Int
	closed   bool
	first    string // sequence number
	records  []types.Record
	trimmed  int // records that are gone
	second   time.Time
	taken    int // bytes in that second
}

// New makes a stream of n shards.
func New(n int) *Fake {
	f := &Fake{calls: map[string]int{}, sequence: 1}
	all := new(big.Int).Lsh(big.NewInt(1), 128)
	for i := range n {
		from := new(big.Int).Div(new(big.Int).Mul(all, big.NewInt(int64(i))), big.NewInt(int64(n)))
		to := new(big.Int).Div(new(big.Int).Mul(all, big.NewInt(int64(i+1))), big.NewInt(int64(n)))
		f.addShard(from, to.Sub(to, big.NewInt(1)))
	}
	return f
}

func (f *Fake) addShard(from, to *big.Int, parents ...string) {
	f.shards = append(f.shards, &shard{
		id: fmt.Sprintf("shardId-%012d", len(f.shards)), from: from, to: to, parents: parents, first: f.nextSequence(),
	})
}

// nextSequence is a number of AWS's length.
func (f *Fake) nextSequence() string {
	f.sequence++
	return fmt.Sprintf("4959%052d", f.sequence)
}

// Split closes a shard and opens two in its place.
func (f *Fake) Split(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.find(id)
	s.closed = true
	middle := new(big.Int).Rsh(new(big.Int).Add(s.from, s.to), 1)
	f.addShard(s.from, middle, id)
	f.addShard(new(big.Int).Add(middle, big.NewInt(1)), s.to, id)
}

// Merge closes two neighbours and opens one in their place.
func (f *Fake) Merge(a, b string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x, y := f.find(a), f.find(b)
	x.closed, y.closed = true, true
	f.addShard(x.from, y.to, a, b)
}

// Open returns the ids of the shards that take records, in the order of their
// ranges.
func (f *Fake) Open() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var open []*shard
	for _, s := range f.shards {
		if !s.closed {
			open = append(open, s)
		}
	}
	slices.SortFunc(open, func(a, b *shard) int { return a.from.Cmp(b.from) })
	for _, s := range open {
		ids = append(ids, s.id)
	}
	return ids
}

// Trim drops all records that a shard has by now.
func (f *Fake) Trim(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.find(id)
	s.trimmed = len(s.records)
}

// Forget removes a shard altogether, as its stream does after the retention.
func (f *Fake) Forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shards = slices.DeleteFunc(f.shards, func(s *shard) bool { return s.id == id })
}

// ExpireIterators makes all iterators of before useless.
func (f *Fake) ExpireIterators() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch++
}

// Outage makes calls hang until over, when they fail.
func (f *Fake) Outage() (over func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	away := make(chan struct{})
	f.away = away
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.away = nil
		close(away)
	})
}

// Records returns what was ever stored, shard by shard.
func (f *Fake) Records() (all []types.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.shards {
		all = append(all, s.records...)
	}
	return all
}

// Calls is how often an operation was called.
func (f *Fake) Calls(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[operation]
}

func (f *Fake) find(id string) *shard {
	for _, s := range f.shards {
		if s.id == id {
			return s
		}
	}
	return nil
}

// call is what all operations have in common. do runs with the lock held.
func call[O any](f *Fake, ctx context.Context, operation string, do func() (*O, error)) (*O, error) {
	f.mu.Lock()
	f.calls[operation]++
	away := f.away
	f.mu.Unlock()
	if away != nil {
		select {
		case <-away:
			return nil, fmt.Errorf("%s: connection reset", operation)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if f.Before != nil {
		if err := f.Before(operation); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	out, err := do()
	f.mu.Unlock()
	if err == nil && f.After != nil {
		err = f.After(operation)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// PutRecords implements the operation.
func (f *Fake) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	return call(f, ctx, "PutRecords", func() (*kinesis.PutRecordsOutput, error) {
		if len(in.Records) == 0 || len(in.Records) > 500 {
			return nil, &types.InvalidArgumentException{Message: aws.String(fmt.Sprint(len(in.Records), " records"))}
		}
		out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(in.Records)), FailedRecordCount: aws.Int32(0)}
		for i, r := range in.Records {
			if len(r.Data)+len(*r.PartitionKey) > 1<<20 {
				return nil, &types.InvalidArgumentException{Message: aws.String("record too large")}
			}
			out.Records[i] = f.put(r)
			if out.Records[i].ErrorCode != nil {
				*out.FailedRecordCount++
			}
		}
		return out, nil
	})
}

func (f *Fake) put(r types.PutRecordsRequestEntry) types.PutRecordsResultEntry {
	sum := md5.Sum([]byte(*r.PartitionKey))
	hash := new(big.Int).SetBytes(sum[:])
	i := slices.IndexFunc(f.shards, func(s *shard) bool { return !s.closed && s.from.Cmp(hash) <= 0 && hash.Cmp(s.to) <= 0 })
	s, now := f.shards[i], f.clock.Now()
	if f.Refuse != nil {
		if code := f.Refuse(*r.PartitionKey); code != "" {
			return types.PutRecordsResultEntry{ErrorCode: &code, ErrorMessage: aws.String("refused by the test")}
		}
	}
	if second := now.Truncate(time.Second); s.second != second {
		s.second, s.taken = second, 0
	}
	if f.ShardBytes > 0 && s.taken+len(r.Data) > f.ShardBytes {
		return types.PutRecordsResultEntry{
			ErrorCode:    aws.String("ProvisionedThroughputExceededException"),
			ErrorMessage: aws.String("Rate exceeded for shard " + s.id + " in stream s under account 000000000000."),
		}
	}
	s.taken += len(r.Data)
	sequence := f.nextSequence()
	s.records = append(s.records, types.Record{
		Data: bytes.Clone(r.Data), PartitionKey: aws.String(*r.PartitionKey), SequenceNumber: &sequence, ApproximateArrivalTimestamp: &now,
	})
	return types.PutRecordsResultEntry{SequenceNumber: &sequence, ShardId: &s.id}
}
