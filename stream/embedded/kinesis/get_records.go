package kinesis

import (
	"context"
	"time"

	"sluice/internal/awsapi"
	"sluice/stream/embedded"
)

// GetRecords reads on from an iterator.
//
// Behaviour: records come in the order of their sequence numbers; an answer may be
// empty while there is more to come, when the log had to be searched through much
// that is of others. MillisBehindLatest is 0 at the end of the shard, else how long
// ago the last record of the answer came. Records that are older than the retention,
// or were lost to damage or to the disk budget, are passed over.
//
// Limits: Limit 1-10,000, default 10,000; 10 MiB an answer; an iterator lives five
// minutes by the event clock: ExpiredIteratorException. Under AWS's limits five calls
// and 2 MiB a second for each shard: ProvisionedThroughputExceededException.
func (r *Room) getRecords() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "GetRecords", r.get)
}

type getRecordsInput struct {
	target
	ShardIterator *string
	Limit         *int64
}

const (
	mostGetRecords = 10_000
	mostGetBytes   = 10 << 20
)

// getRecordsOutput writes itself. It holds copies: the log's memory is its own.
type getRecordsOutput struct {
	shard   *Shard
	next    string
	behind  int64 // ms
	records []got
	bytes   []byte // keys and data of all records, one after the other
}

type got struct {
	at       place
	arrived  int64 // ms
	key, end int   // in bytes: where the key ends, and the data
}

func (r *Room) get(ctx context.Context, c awsapi.Caller, in *getRecordsInput) (*getRecordsOutput, error) {
	v := awsapi.KinesisValidation()
	in.target.validate(v)
	v.NotNull("shardIterator", in.ShardIterator != nil)
	limit := int64(mostGetRecords)
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, mostGetRecords)
		limit = *in.Limit
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	it, ok := parseIterator(*in.ShardIterator)
	if !ok {
		return nil, errIterator
	}
	now := r.now()
	if now-it.created > lifetime {
		return nil, expiredIterator(it.created, now)
	}
	s, ok := r.byUID(it.stream)
	if !ok || s.Account != c.Account || s.Region != c.Region {
		return nil, r.lostIterator(c, it)
	}
	shard := &s.Shards[it.shard%uint32(len(s.Shards))]
	if !r.rates.read(s.UID, shard.Number) {
		return nil, throughputExceeded(c, &s, shard)
	}
	out := &getRecordsOutput{shard: shard}
	if err := r.read(ctx, &s, it, int(limit), out); err != nil {
		return nil, err
	}
	r.rates.gave(s.UID, shard.Number, len(out.bytes))
	return out, nil
}

var errIterator = awsapi.InvalidArgument("Invalid ShardIterator.")

// lostIterator answers to an iterator of a stream that is not the caller's, or not
// any more.
func (r *Room) lostIterator(c awsapi.Caller, it iterator) error {
	r.mu.RLock()
	n, known := r.names[it.stream]
	r.mu.RUnlock()
	if known && n.Scope == scopeOf(c) {
		return awsapi.StreamNotFound(c, n.name)
	}
	return awsapi.ResourceNotFound("Shard %s of the stream that the iterator is of does not exist under account %s", Shard{Number: it.shard}.ID(), c.Account)
}

// expiredIterator has AWS's text, with the instants as its clients know them.
func expiredIterator(created, now int64) error {
	const form = "Mon Jan 02 15:04:05 MST 2006"
	text := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(form) }
	return &awsapi.Error{Code: "ExpiredIteratorException", Message: "Iterator expired. The iterator was created at time " + text(created) +
		" while right now it is " + text(now) + " which is further in the future than the tolerated delay of 300000 milliseconds."}
}

// read fills an answer.
//
// hot: BenchmarkGetRecords
func (r *Room) read(ctx context.Context, s *Stream, it iterator, limit int, out *getRecordsOutput) error {
	now := r.now()
	since := max(now-s.retention(), it.since)
	log := s.logShard(it.shard)
	next := it
	next.created = now
	full := false
	position, err := r.cfg.Streams.ReadRecords(ctx, s.UID, log, it.from.position, it.shard, func(position uint64, records embedded.Records) error {
		if records.Arrived < since {
			return nil
		}
		_, entries := records.Of(it.shard)
		p := place{position: position}
		for record, ok := entries.Next(); ok; record, ok = entries.Next() {
			if !p.before(it.from) {
				if full = !out.add(p, records.Arrived, &record, limit); full {
					next.from = p
					return embedded.ErrStop
				}
			}
			p.number++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !full {
		next.from = place{position: max(position, it.from.position)}
		if next.from.position == it.from.position {
			next.from = it.from
		}
	}
	if len(out.records) > 0 {
		next.since = 0
	}
	out.next = next.String()
	if oldest, more := r.cfg.Streams.OldestOf(s.UID, log, next.from.position, it.shard); more {
		if n := len(out.records); n > 0 {
			oldest = out.records[n-1].arrived
		}
		out.behind = min(max(1, now-oldest), s.retention())
	}
	return nil
}

// add copies a record into an answer; false when it is full.
func (out *getRecordsOutput) add(p place, arrived int64, record *embedded.Record, limit int) bool {
	n := len(out.records)
	if n >= limit || n > 0 && len(out.bytes)+len(record.Key)+len(record.Data) > mostGetBytes {
		return false
	}
	out.bytes = append(out.bytes, record.Key...)
	key := len(out.bytes)
	out.bytes = append(out.bytes, record.Data...)
	out.records = append(out.records, got{p, arrived, key, len(out.bytes)})
	return true
}
