package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/stream/embedded"
)

// Config is what the room works with. Streams, Definitions, UIDs and Clock are
// needed.
type Config struct {
	// Streams has the frames.
	Streams *embedded.Streams
	// Definitions has the streams, UIDs numbers for new ones.
	Definitions *catalog.Table[Stream]
	UIDs        interface{ UID() (uint64, error) }
	// Clock is that of arrival, retention, iterators and rates.
	Clock  clock.Event
	Logger *slog.Logger
	// Rates has shards take and give no more than AWS's do.
	Rates bool
	// MaxShards is AWS's quota of open shards for an account and region. Default 0:
	// no limit but 10,000 a stream.
	MaxShards int
	// Made is told of each stream that is there, by New and by CreateStream; may be
	// nil.
	Made func(s Stream) error
	// Published is told of streams that got something which is durable now; may be
	// nil.
	Published func(stream uint64)
	// Needed is the first position of a shard of the log at which somebody else
	// still reads a stream. nil: nobody does.
	Needed func(s Stream, shard uint32) uint64
}

// Room serves the streams of this process.
type Room struct {
	cfg   Config
	rates *rates
	tidy  *clock.Timer

	mu    sync.RWMutex // guards names
	names map[uint64]streamName
}

type streamName struct {
	catalog.Scope
	name string
}

// New opens the room on the streams that are defined, and forgets the records of
// those that are not any more. It starts nothing.
func New(cfg Config) (*Room, error) {
	if cfg.Streams == nil || cfg.Definitions == nil || cfg.UIDs == nil || cfg.Clock == nil {
		return nil, errors.New("open Kinesis streams: streams, definitions, uids and a clock are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Room{cfg: cfg, names: map[uint64]streamName{}}
	if cfg.Rates {
		r.rates = &rates{clock: cfg.Clock, shards: map[rateKey]*shardRates{}}
	}
	var errs []error
	cfg.Definitions.All(func(scope catalog.Scope, name string, s Stream) {
		r.names[s.UID] = streamName{scope, name}
		s, err := r.placed(s)
		errs = append(errs, err, r.made(s))
	})
	r.expire()
	r.tidy = cfg.Clock.NewTimer(tidyName, tidyEach)
	return r, errors.Join(errs...)
}

func (r *Room) made(s Stream) error {
	if r.cfg.Made == nil {
		return nil
	}
	if err := r.cfg.Made(s); err != nil {
		return fmt.Errorf("open stream %s: %w", s.Name, err)
	}
	return nil
}

const (
	tidyName = "Kinesis streams: retention"
	tidyEach = time.Hour
)

// Run lets go of what is older than its stream keeps it, until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	defer r.tidy.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.tidy.C:
			r.expire()
			r.tidy.Reset(tidyEach)
		}
	}
}

// expire lets go of old records, and of streams that are not defined.
func (r *Room) expire() {
	now := r.now()
	for stream := range r.cfg.Streams.RecordStreams() {
		s, ok := r.byUID(stream)
		if !ok {
			r.cfg.Streams.Drop(stream)
			continue
		}
		r.cfg.Streams.Expire(stream, now-s.retention(), func(shard uint32) uint64 {
			if r.cfg.Needed == nil {
				return math.MaxUint64
			}
			return r.cfg.Needed(s, shard)
		})
	}
}

// now is the event clock in ms.
func (r *Room) now() int64 { return r.cfg.Clock.Now().UnixMilli() }

// Operations are the AWS operations of the room.
func (r *Room) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		r.createStream(), r.deleteStream(), r.describeStream(), r.describeStreamSummary(), r.listStreams(), r.listShards(),
		r.putRecord(), r.putRecords(), r.getShardIterator(), r.getRecords(),
		r.increaseStreamRetentionPeriod(), r.decreaseStreamRetentionPeriod(),
		r.addTagsToStream(), r.removeTagsFromStream(), r.listTagsForStream(), r.describeLimits(),
	}
}

// Has tells whether a stream is there and active.
func (r *Room) Has(s catalog.Scope, name string) bool {
	_, ok := r.cfg.Definitions.Get(s, name)
	return ok
}

// Stream finds a stream.
func (r *Room) Stream(s catalog.Scope, name string) (Stream, bool) {
	return r.cfg.Definitions.Get(s, name)
}

// All visits all streams.
func (r *Room) All(visit func(s Stream)) {
	r.cfg.Definitions.All(func(_ catalog.Scope, _ string, s Stream) { visit(s) })
}

// byUID finds a stream that is there still.
func (r *Room) byUID(uid uint64) (Stream, bool) {
	r.mu.RLock()
	n, ok := r.names[uid]
	r.mu.RUnlock()
	if !ok {
		return Stream{}, false
	}
	s, ok := r.cfg.Definitions.Get(n.Scope, n.name)
	return s, ok && s.UID == uid
}

// logShard is the shard of the log that a Kinesis shard of a stream lies on. It stays
// there when the log gets more of them: sequence numbers are places in it.
func (s *Stream) logShard(shard uint32) uint32 {
	return uint32((s.UID + uint64(shard)) % uint64(max(s.Logs, 1)))
}

// placed is a stream that says how many shards the log had when it was made. Those of
// before that was noted lie on as many as there are now.
func (r *Room) placed(s Stream) (Stream, error) {
	if s.Logs > 0 {
		return s, nil
	}
	s, err := r.cfg.Definitions.Change(catalog.Scope{Account: s.Account, Region: s.Region}, s.Name, func(s *Stream) error {
		s.Logs = r.cfg.Streams.Shards()
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("place stream %s: %w", s.Name, err)
	}
	return s, nil
}

// target is how requests name a stream.
type target struct {
	StreamName *string
	StreamARN  *string
}

const (
	patternName     = "[a-zA-Z0-9_.-]+"
	patternARN      = `arn:aws.*:kinesis:.*:\d{12}:stream/\S+`
	patternHashKey  = `0|([1-9]\d{0,38})`
	patternSequence = `0|([1-9]\d{0,128})`

	maxName = 128
)

func (t target) validate(v *awsapi.Validation) {
	if t.StreamName != nil {
		validateName(v, "streamName", *t.StreamName)
	}
	if t.StreamARN != nil {
		arn, err := awsapi.ParseARN(*t.StreamARN)
		_, ok := arn.Stream()
		v.Pattern("streamARN", *t.StreamARN, patternARN, err == nil && ok)
	}
}

func validateName(v *awsapi.Validation, member, name string) {
	v.Length(member, name, 1, maxName)
	v.Pattern(member, name, patternName, awsapi.ValidDeliveryStreamName(name))
}

// name is the stream's name; the request is valid.
func (t target) name(c awsapi.Caller) (string, error) {
	if t.StreamARN == nil {
		if t.StreamName == nil {
			return "", awsapi.InvalidArgument("Either StreamName or StreamARN must be provided.")
		}
		return *t.StreamName, nil
	}
	arn, err := awsapi.ParseARN(*t.StreamARN)
	if err != nil {
		return "", err
	}
	name, _ := arn.Stream()
	switch {
	case t.StreamName != nil && *t.StreamName != name:
		return "", awsapi.InvalidArgument("StreamName %s and StreamARN %s name different streams.", *t.StreamName, *t.StreamARN)
	case !arn.OwnedBy(c):
		return "", awsapi.ResourceNotFound("Stream %s under account %s not found.", name, arn.Account)
	}
	return name, nil
}

// find checks how a request names its stream, with everything else that v has, and
// returns the stream.
func (r *Room) find(c awsapi.Caller, t target, v *awsapi.Validation) (Stream, error) {
	t.validate(v)
	if err := v.Err(); err != nil {
		return Stream{}, err
	}
	name, err := t.name(c)
	if err != nil {
		return Stream{}, err
	}
	s, ok := r.cfg.Definitions.Get(scopeOf(c), name)
	if !ok {
		return Stream{}, awsapi.StreamNotFound(c, name)
	}
	return s, nil
}

// change replaces a stream's definition.
func (r *Room) change(c awsapi.Caller, s Stream, change func(*Stream) error) error {
	_, err := r.cfg.Definitions.Change(scopeOf(c), s.Name, change)
	if errors.Is(err, catalog.ErrNotFound) {
		return awsapi.StreamNotFound(c, s.Name)
	}
	return err
}

func scopeOf(c awsapi.Caller) catalog.Scope {
	return catalog.Scope{Account: c.Account, Region: c.Region}
}
